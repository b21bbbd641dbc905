"""Many cells that one process counts: each as alone, whatever the others do."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from gpu import needs_gpu
from places import ODD, SAMPLES
from sample_cells import TOKENS, WIDTH, cell

from mixbench.execution import Died, Finished, Launch
from mixbench.mixers import MIXERS, PAPER_MIXERS
from mixbench.mixers.choice import choose_mixer
from mixbench.studies.batches import settle
from mixbench.studies.speed_worker import Worker
from mixbench.worker import counting
from mixbench.worker.calls import InTurns
from mixbench.worker.measure.energy import Meter
from mixbench.worker.measure.subject import Cell

Found = dict[str, Any]


@pytest.fixture(scope="module")
def launch() -> Iterator[Launch]:
    with Launch([counting.__name__], Worker().for_counting) as launch:
        yield launch


def run(launch: Launch, function: str, cells: Sequence[Cell], timeout: float = 60.0, **job: Any) -> Finished | Died:
    work = {"cells": list(map(vars, cells)), "threads": 1, **job}
    return launch.run(f"{counting.__name__}:{function}", work, timeout)


def found(launch: Launch, function: str, cells: Sequence[Cell], **job: Any) -> list[Found]:
    outcome = run(launch, function, cells, **job)
    assert isinstance(outcome, Finished), outcome
    return [dict(values) for values in outcome.result["found"]]


def compared(launch: Launch, mode: str, device: str, dtype: str) -> tuple[list[Found], list[Found]]:
    """What is found of mixers of every family at two lengths, in one process and in a process for each."""
    cells = [
        cell(
            mixer, mode=mode, device=device, dtype=dtype, tokens=tokens, arguments=choose_mixer(mixer).arguments(tokens, WIDTH)
        )
        for mixer in (*PAPER_MIXERS, "sliding-window", "hyena", "lstm", "mamba2", "delta-net")
        for tokens in (TOKENS, 2 * TOKENS)
    ]
    foreseen = found(launch, "foresee", cells)
    assert foreseen == [found(launch, "foresee", [each])[0] for each in cells]
    together = found(launch, "count", cells, foreseen=foreseen)
    return together, [found(launch, "count", [each], foreseen=[known])[0] for each, known in zip(cells, foreseen, strict=True)]


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_cells_that_share_a_process_have_the_values_of_cells_with_processes_of_their_own(launch: Launch, mode: str) -> None:
    together, alone = compared(launch, mode, "cpu", "float32")
    for values in (*together, *alone):
        del values["peak_rss_mib"]  # the growth of a process that has grown before
    assert together == alone


@needs_gpu
@pytest.mark.parametrize("mode", ["inference", "training"])
def test_so_do_cells_that_share_a_process_on_a_gpu(launch: Launch, mode: str) -> None:
    together, alone = compared(launch, mode, "cuda", "bfloat16")
    for values in (*together, *alone):
        assert values.pop("peak_reserved_mib") > 0
        assert "peak_rss_mib" not in values
    assert together == alone


@needs_gpu
def test_counting_takes_less_than_a_second_a_cell_on_a_gpu(launch: Launch) -> None:
    cells = [cell(mixer, device="cuda", dtype="bfloat16") for mixer in MIXERS]
    begun = time.monotonic()
    foreseen = found(launch, "foresee", cells)
    assert len(found(launch, "count", cells, foreseen=foreseen)) == len(cells)
    assert time.monotonic() - begun < len(cells)


@needs_gpu
def test_energy_of_eager_calls_and_of_a_replay_on_a_gpu(launch: Launch) -> None:
    cells = [cell("attention", device="cuda", tokens=64, execution=execution) for execution in ("eager", "graph")]
    for values in found(launch, "measure_energy", cells):
        assert values["status"] == "ok"
        assert values.get("energy_j", 0) > 0 or "NVML" in values["missing"]


def test_a_process_stops_at_a_cell_that_fails_or_changes_what_others_share(launch: Launch) -> None:
    good = cell("attention")
    for name in (f"{SAMPLES}:Raising", f"{SAMPLES}:Cutting", f"{SAMPLES}:Disturbing"):
        assert [values["status"] for values in found(launch, "count", [good, cell(name), good])] == ["ok"]
        assert len(found(launch, "count", [cell(name)])) == 1


def test_a_cell_that_changes_settings_made_for_all_does_not_disturb_the_others(launch: Launch) -> None:
    threading = cell(f"{ODD}:Threading")
    statuses = [values["status"] for values in found(launch, "count", [cell("attention"), threading, cell("fnet")])]
    assert statuses == ["ok"] * 3


def test_guilty_cells_among_many_lose_only_themselves(launch: Launch) -> None:
    names = ["attention", "Aborting", "fnet", "Raising", "Disturbing", "gmlp", "Hanging", "none"]
    cells = [cell(name if name in MIXERS else f"{SAMPLES}:{name}") for name in names]
    outcomes = {
        cells.index(each): outcome.cause if isinstance(outcome, Died) else outcome["status"]
        for each, outcome in settle(cells, lambda company: run(launch, "count", company, timeout=2.0))
    }
    assert [outcomes[place] for place in range(len(cells))] == [
        *("ok", "killed", "ok", "error", "ok", "ok", "timeout", "ok"),
    ]


def test_the_cell_at_which_a_process_dies_is_the_one_that_it_has_announced(launch: Launch) -> None:
    outcome = run(launch, "foresee", [cell("none"), cell(f"{SAMPLES}:Aborting")])
    assert isinstance(outcome, Died)
    assert (outcome.step, outcome.cause) == (1, "killed")


def test_a_gpu_is_left_as_a_new_process_would_find_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: calls.append("workspaces"), raising=False)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append("wait"))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("cache"))
    counting.memory.leave_none(torch.device("cpu"))
    assert calls == []
    counting.memory.leave_none(torch.device("cuda"))
    assert calls == ["wait", "workspaces", "cache"]


def test_energy_is_that_of_one_call_of_a_layer_also_where_a_replay_makes_several(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter("fake", lambda: (0,), 1e-6, (None,), 1.0)
    monkeypatch.setattr(counting.energy, "find_meter", lambda device: meter)
    monkeypatch.setattr(counting.energy, "energy_per_call", lambda call, meter: 30.0)
    job = {"cells": [vars(cell("none")), vars(cell("fnet", caches="cold"))], "threads": 1}
    assert counting.measure_energy(job, lambda step: None) == {"found": [{"status": "ok", "energy_j": 30.0}] * 2}
    monkeypatch.setattr(counting, "timed_call", lambda subject, cell: InTurns([lambda: None], count=10))
    assert counting.measure_energy(job, lambda step: None)["found"][0]["energy_j"] == 3.0
    assert counting.find_meter({"device": "cpu"}, lambda step: None) == {"seconds": 1.0}


def test_why_there_is_no_energy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting.energy, "find_meter", lambda device: "no counter here")
    job = {"cells": [vars(cell("none"))], "threads": 1}
    assert counting.find_meter({"device": "cpu"}, lambda step: None) == {"missing": "no counter here"}
    assert counting.measure_energy(job, lambda step: None) == {"found": [{"status": "ok", "missing": "no counter here"}]}
    monkeypatch.setattr(counting.energy, "find_meter", lambda device: Meter("RAPL", lambda: (0,), 1e-6, (None,), 1.0))
    monkeypatch.setattr(counting.energy, "energy_per_call", lambda call, meter: None)
    assert counting.measure_energy(job, lambda step: None)["found"][0]["missing"] == "the counter of RAPL did not move"
