"""HyperMixer's Triton kernels: the numbers below Triton's interpreter, code for a card that is not there, and a real GPU."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
import torch
from gpu import needs_gpu
from places import HELPERS, REPOSITORY
from run_fake_speed import fake_request as speed_request
from run_fake_training import fake_request as training_request
from run_fused_kernels import compare
from running import run_python

from mixbench.errors import RequestError
from mixbench.mixers import find_mixer
from mixbench.mixers.choice import choose_mixers
from mixbench.mixers.costs import hypermixer as cost
from mixbench.mixers.hypermixer import HyperMixer
from mixbench.studies.speed_plan import plan_speed
from mixbench.worker.graphs import beside_the_main_stream, capture


def triton_version() -> tuple[int, ...]:
    """Nothing where it is not installed; it is not imported, because it is interpreted elsewhere."""
    try:
        return tuple(map(int, version("triton").split(".")[:2]))
    except PackageNotFoundError:
        return ()


needs_triton = pytest.mark.skipif(not triton_version(), reason="triton is not installed")
needs_interpreter = pytest.mark.skipif(triton_version() < (3, 7), reason="triton's interpreter fails with numpy 2.4 before 3.7")


def run_helper(name: str, *arguments: str, folder: Path, **variables: str) -> Any:
    """What a helper prints that runs in a process of its own."""
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    done = run_python(HELPERS / name, *arguments, folder=folder, PYTHONPATH=path, TRITON_CACHE_DIR=str(folder), **variables)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_helper("run_fused_kernels.py", folder=tmp_path_factory.mktemp("interpreted"), TRITON_INTERPRET="1")


def check(cases: list[dict[str, Any]]) -> None:
    """The interpreter and a GPU must give the same: what float32 allows, and in half precision what regrouped gives."""
    for case in cases:
        # the interpreter cuts bfloat16 off where regrouped rounds it
        assert case["fused"] < (1e-5 if case["dtype"] == "float32" else 3 * case["regrouped"]), case
        assert case["the same again"], case
        assert (case["runs"], case["runs in training"]) == ("grouping=fused", "grouping=regrouped"), case
        assert case["dtype"] != "float32" or case["gradient"] < 1e-4, case


@needs_interpreter
@pytest.mark.slow
def test_the_kernels_equal_the_form_as_written_and_so_do_gradients(interpreted: Any) -> None:
    assert len(interpreted["cases"]) == 18
    check(interpreted["cases"])


@needs_interpreter
@pytest.mark.slow
def test_counted_flops_equal_the_closed_form(interpreted: Any) -> None:
    for found in (mode for options in interpreted["flops"] for mode in options.values()):
        assert (found["counted"], found["hiding"], found["reason"]) == (found["closed form"], [], "")


@needs_interpreter
@pytest.mark.slow
def test_the_layer_can_be_traced_as_one_graph(interpreted: Any) -> None:
    assert interpreted["compiled"] == 0


@needs_triton
@pytest.mark.slow
def test_the_kernels_compile_for_an_h100_and_a_tile_that_fits_is_taken(tmp_path: Path) -> None:
    for kernels in run_helper("run_fused_compiler.py", "bfloat16:256", folder=tmp_path).values():
        shared = {kernel["kernel"]: [k["shared_kib"] for k in kernels if k["kernel"] == kernel["kernel"]] for kernel in kernels}
        # H1ᵀX must not be one of warp groups: those were wrong
        cores = {"_summary_kernel": "mma.sync.", "_sum_kernel": "", "_output_kernel": "wgmma."}
        assert {kernel["kernel"]: kernel["tensor_cores"] for kernel in kernels} == cores
        # those that fit of the output's two tiles are tried, then the fastest runs, here the first; H1ᵀX has one tile
        assert [len(shared[name]) for name in ("_summary_kernel", "_output_kernel")] == [1, 2]
        assert all(sizes[-1] == sizes[0] for sizes in shared.values())


@needs_triton
@pytest.mark.parametrize("width", [16, 32, 64, 128, 256, 512])
def test_sums_over_tokens_take_no_tile_that_was_seen_wrong(width: int) -> None:
    from mixbench.mixers.hypermixer_fused import _output_tiles, _summary_tiles

    ((rows, step, warps, stages),) = _summary_tiles(width, 2)
    assert rows == {16: 16, 512: 16}.get(width, 32)
    assert (step, warps, stages) == (16, 4, 1)
    assert max(tile[0] for tile in _output_tiles(width, 2)) >= rows


@needs_triton
def test_on_a_gpu_only_half_precision_without_a_gradient_is_fused() -> None:
    layer = HyperMixer(width=8, tokens=4, grouping="fused")
    kinds = (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            runs = [layer.variant(4, 2, dtype, torch.device("cuda")).partition("=")[2] for dtype in kinds]
        assert runs == (["regrouped"] * 4 if grad else ["fused", "fused", "regrouped", "regrouped"])


@needs_gpu
@needs_triton
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [("bfloat16", (3, 1000, 256)), ("bfloat16", (8, 1024, 256)), ("bfloat16", (2, 300, 512)), ("float16", (2, 7, 6))],
    ids=str,
)
def test_the_kernels_equal_the_form_as_written_on_a_gpu(dtype: str, shape: tuple[int, int, int]) -> None:
    check([compare(dtype, shape, options, masked, "cuda") for options, masked in (({}, False), ({"tied": True}, True))])


@needs_gpu
@needs_triton
def test_a_call_is_captured_as_a_cuda_graph() -> None:
    device = torch.device("cuda")
    layer = HyperMixer(width=24, tokens=100, grouping="fused").to(device, torch.bfloat16)
    x = torch.randn(2, 100, 24, device=device, dtype=torch.bfloat16)
    with torch.no_grad():
        with beside_the_main_stream(device):
            layer(x)  # tries tiles
        captured = capture(lambda: layer(x), device)
        x.copy_(torch.randn_like(x))
        captured.replay()
        torch.testing.assert_close(captured.result, layer(x))


@pytest.mark.parametrize(
    ("options", "width"), [({"heads": "2"}, 64), ({"bias": "true"}, 64), ({}, 1024)], ids=["heads", "bias", "width"]
)
def test_what_is_not_supported_is_refused_with_what_is(options: dict[str, str], width: int) -> None:
    entry = find_mixer("hypermixer")
    with pytest.raises(RequestError, match="fused supports heads=1, bias=false and widths up to 512; take grouping=regrouped"):
        entry.arguments(entry.config({"grouping": "fused", **options}), 16, width)


NEEDS = "grouping=fused needs a CUDA device and triton"


@pytest.mark.parametrize("there", [True, False])
def test_fused_needs_a_gpu_and_triton(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(cost, "find_spec", lambda name: object() if there else None)
    request = speed_request(mixers=("hypermixer", "hypermixer:grouping=fused"))
    cells = plan_speed(replace(request, device=("cpu", "cuda"), mode=("inference",), tokens=(8,)))
    assert [(cell.keys["device"], cell.unsupported) for cell in cells] == [
        ("cpu", ""),
        ("cpu", NEEDS),
        ("cuda", ""),
        ("cuda", "" if there else NEEDS),
    ]


def test_training_on_the_cpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(RequestError, match=f"hypermixer cannot be trained with --device cpu: {NEEDS}"):
        training_request(mixers=choose_mixers(["hypermixer:grouping=fused"]))


def test_without_triton_the_layer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mixbench.mixers.hypermixer_fused", None)
    monkeypatch.delattr("mixbench.mixers.hypermixer_fused", raising=False)
    with pytest.raises(RuntimeError, match=NEEDS):
        HyperMixer(width=8, tokens=4, grouping="fused")


@needs_triton
def test_on_the_cpu_the_layer_says_what_it_needs() -> None:
    with pytest.raises(RuntimeError, match=f"{NEEDS}; this call runs on the device cpu"):
        HyperMixer(width=8, tokens=4, grouping="fused")(torch.randn(1, 4, 8))
