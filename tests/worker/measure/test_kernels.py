"""Where typical kernels stand; times are given, not measured."""

from __future__ import annotations

import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from torch.utils.flop_counter import FlopCounterMode

from mixbench.worker.calls import InTurns
from mixbench.worker.measure import kernels
from mixbench.worker.measure.kernels import KERNELS, in_turns, where_kernels_stand
from mixbench.worker.measure.peak import bandwidth_gb_per_s, peak_gflops

CPU = torch.device("cpu")
SHAPE = (2, 12, 8)
CACHE = 2500


@pytest.fixture
def _small_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "cache_bytes", lambda device: CACHE)


def stand(monkeypatch: pytest.MonkeyPatch, seconds: float) -> dict[str, dict[str, object]]:
    """The kernels by name, if each took so long on a device of 1 GFLOP/s and 1 GB/s."""
    monkeypatch.setattr(kernels, "SHAPES", {"cpu": (SHAPE, "float32")})
    monkeypatch.setattr(kernels, "_seconds", lambda calls, device: seconds)
    found = where_kernels_stand(CPU, {"float32": 1.0}, 1.0)
    return {kernel["name"]: kernel for kernel in found["kernels"]}


@pytest.mark.usefixtures("_small_cache")
def test_shares_follow_from_operations_bytes_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found = stand(monkeypatch, 1e-5)
    inputs = 2 * 12 * 8 * 4  # bytes of (2, 12, 8) in float32
    expected = {
        "attention": (4 * 2 * 12**2 * 8, 4 * inputs),
        "linear layer": (2 * 2 * 12 * 8**2, 2 * inputs + 8 * 8 * 4),
        "XᵀH per sequence": (2 * 2 * 12 * 8**2, 2 * inputs + 2 * 8 * 8 * 4),
        "GELU": (0, 2 * inputs),
        "LayerNorm": (0, 2 * inputs),
    }
    for name, (flops, moved) in expected.items():
        assert found[name]["compute"] == pytest.approx(flops / 1e4)
        assert found[name]["memory"] == pytest.approx(moved / 1e4)
    assert (found["linear layer"]["bound"], found["attention"]["bound"]) == ("neither", "compute")


@pytest.mark.usefixtures("_small_cache")
@pytest.mark.parametrize("name", KERNELS)
def test_the_operations_of_a_kernel_are_those_that_torch_counts(name: str) -> None:
    calls, _ = in_turns(KERNELS[name], SHAPE, torch.float32, CPU)
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        calls()
    assert counter.get_total_flops() == SHAPE[0] * KERNELS[name].flops(*SHAPE[1:])


@pytest.mark.usefixtures("_small_cache")
def test_operands_and_results_take_turns_until_they_fill_the_caches() -> None:
    calls, moved = in_turns(KERNELS["GELU"], SHAPE, torch.float32, CPU)
    turns = {id(next(calls.turns)) for _ in range(30)}
    assert moved == 2 * 2 * 12 * 8 * 4
    assert len(turns) == 4 * CACHE // moved


@pytest.mark.usefixtures("_small_cache")
def test_a_missing_kernel_is_reported_and_the_others_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("GELU is not implemented for 'Half'\nC++ stack")

    monkeypatch.setitem(kernels.KERNELS, "GELU", kernels.Kernel(refuse, KERNELS["GELU"].operands, KERNELS["GELU"].flops))
    found = stand(monkeypatch, 1.0)
    assert found["GELU"] == {"name": "GELU", "unavailable": "GELU is not implemented for 'Half'"}
    assert "compute" in found["LayerNorm"]


def test_on_a_gpu_a_graph_of_many_calls_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = []

    def stopwatch(replay: object, repeats: int) -> float:
        timed.append(repeats)
        return 0.02 * repeats  # of a graph, so 1 ms for each of its 20 calls

    monkeypatch.setattr(kernels, "stopwatch_of", lambda device: stopwatch)
    ran = []
    with emulated_graphs():
        seconds = kernels._seconds(InTurns([lambda: ran.append(1)]), torch.device("cuda"))
    assert seconds == pytest.approx(0.001)
    assert timed
    assert len(ran) == 40


@needs_gpu
def test_shares_of_kernels_are_measured_on_a_gpu() -> None:
    gpu = torch.device("cuda")
    rates = {"bfloat16": peak_gflops(gpu, torch.bfloat16)}
    found = where_kernels_stand(gpu, rates, bandwidth_gb_per_s(gpu))
    by_name = {kernel["name"]: kernel for kernel in found["kernels"]}
    assert all(0 < kernel["memory"] < 1.2 and kernel["compute"] < 1.2 for kernel in by_name.values())
    assert by_name["GELU"]["bound"] != "compute"
    assert by_name["attention"]["compute"] > by_name["attention"]["memory"]
