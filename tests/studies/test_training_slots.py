from __future__ import annotations

import dataclasses

import pytest
from run_fake_training import FORM, TASK, fake_request

from mixbench.errors import RequestError
from mixbench.studies.data_efficiency_request import DataRequest
from mixbench.studies.training_slots import TRAINING, place_for, slots_for, step_operations


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixbench.studies.training_slots.physical_cores", lambda: 16)


def request_of(width: int, layers: int = 1, batch: int = 8, tokens: int = 100) -> DataRequest:
    task = dataclasses.replace(TASK, form=dataclasses.replace(FORM, tokens=tokens))
    return fake_request(tasks=(TASK, task), widths=(width // 2, width), layers=layers, batch=batch)


def test_the_gpus_are_those_that_are_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    assert place_for("local", "cpu").gpus == ()
    monkeypatch.setattr("mixbench.studies.training_slots.environment", lambda: {"gpus": ["H200", "H200"]})
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert place_for("local", "cuda").gpus == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-5")
    assert place_for("local", "cuda").gpus == ["3", "GPU-5"]
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        with pytest.raises(RequestError, match="no GPU was found"):
            place_for("local", "cuda")
    with pytest.raises(RequestError, match="--device 'tpu'"):
        place_for("local", "tpu")


def test_slots_are_processes_on_the_cpu_or_on_every_gpu_in_turn() -> None:
    assert slots_for([], fake_request(), jobs=3) == [TRAINING] * 3
    assert len(slots_for([], fake_request())) == 16
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in slots_for(["0", "1"], fake_request(), per_gpu=2)] == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("request_", "runs"),
    [
        (request_of(width=32), 8),
        (request_of(width=128, layers=4, batch=32, tokens=128), 2),
        (request_of(width=256, layers=6, batch=32, tokens=128), 1),
        (request_of(width=32, tokens=16_384), 1),
    ],
)
def test_small_runs_share_a_gpu(request_: DataRequest, runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(slots_for(["0"], request_)) == runs
    assert len(slots_for(["0"], request_, per_gpu=3)) == 3
    monkeypatch.setattr("mixbench.studies.training_slots.physical_cores", lambda: 6)
    assert len(slots_for(["0", "1"], request_)) == 2 * min(runs, 3)
    assert len(slots_for([str(gpu) for gpu in range(8)], request_)) == 8


def test_a_step_takes_about_the_operations_that_are_counted() -> None:
    layer = 24 * 32**2 + 4 * 100 * 32
    assert step_operations(request_of(width=32, layers=2)) == 3 * 8 * 2 * 100 * layer


def test_where_the_model_is_not_known_a_gpu_is_not_shared() -> None:
    assert len(slots_for(["0"], dataclasses.replace(request_of(width=32), tasks=()))) == 1
