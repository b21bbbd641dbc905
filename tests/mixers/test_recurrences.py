"""Recurrences: what their kernels compute, and what is beside the checks that all mixers run through."""

from __future__ import annotations

import pytest
import torch

from mixbench.mixers.lstm import LSTM
from mixbench.worker.measure.flops import count_flops


@pytest.mark.parametrize(("mode", "factor"), [("inference", 1), ("training", 3)])
def test_the_declared_flops_of_the_lstm_are_those_that_torch_runs(mode: str, factor: int) -> None:
    batch, tokens, width = 3, 5, 8
    counted = count_flops(
        lambda: LSTM(width=width, tokens=tokens),
        lambda: torch.randn(batch, tokens, width),
        mode=mode,
        tokens=tokens,
        batch=batch,
        trust_declared=False,
    )
    of_first_state = 8 * batch * width**2 if mode == "training" else 0  # zeros, whose gradient nobody asks for
    declared = LSTM(width=width, tokens=tokens).flops(batch, tokens)
    assert counted.hiding == ()
    assert counted.flops == factor * declared - of_first_state
