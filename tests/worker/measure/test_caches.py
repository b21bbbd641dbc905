from __future__ import annotations

import pytest
import torch
from gpu import needs_gpu
from sample_cells import cell

from mixbench.worker import speed as worker
from mixbench.worker.calls import InTurns, UnsupportedError
from mixbench.worker.measure import caches
from mixbench.worker.measure.caches import flush_for
from mixbench.worker.measure.subject import build_subject

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _no_buffer_is_kept() -> None:
    flush_for.cache_clear()


def test_a_buffer_of_the_size_of_the_caches_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "last_level_cache_bytes", lambda: 3000)
    flush = flush_for(CPU)
    flush()
    written = flush()
    assert isinstance(written, torch.Tensor)
    assert written.tolist() == [2] * 3000
    assert flush_for(CPU) is flush


def test_caches_of_unknown_size_cannot_be_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "last_level_cache_bytes", lambda: None)
    with pytest.raises(UnsupportedError, match="the caches cannot be flushed: the size of those of cpu is not known"):
        flush_for(CPU)


def test_cells_with_cold_caches_are_timed_with_a_flush_before_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "last_level_cache_bytes", lambda: 3000)
    subject = build_subject(cell("none"))
    call = worker.timed_call(subject, cell("none", caches="cold"))
    assert isinstance(call, InTurns)
    assert call.flush is flush_for(CPU)
    job = {"cells": [vars(cell("none", caches="cold"))], "threads": 1, "precision": 0.5, "budget": 0.01, "order_seed": 0}
    assert worker.measure_group(job, lambda step: None)["blocks"][0][0]["latency_ms"] > 0


@needs_gpu
def test_the_size_of_the_l2_of_a_gpu_is_known() -> None:
    buffer = flush_for(torch.device("cuda"))()
    assert isinstance(buffer, torch.Tensor)
    assert buffer.nbytes == torch.cuda.get_device_properties(0).L2_cache_size >= 2**20
