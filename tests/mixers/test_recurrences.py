"""Recurrences: what their kernels compute, and what the checks of all mixers do not cover."""

from __future__ import annotations

import pytest
import torch

from mixbench.mixers import find_mixer
from mixbench.mixers.decoding import decode, prefill
from mixbench.mixers.lstm import LSTM
from mixbench.mixers.min_gru import MinGRU
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


@pytest.mark.parametrize("chunk", [4, 8, 16])
def test_the_flops_of_retention_are_those_of_whole_chunks_where_the_chunk_divides(chunk: int) -> None:
    entry, tokens, width, size = find_mixer("retention"), 16, 8, 2
    config = entry.config({"chunk": str(chunk)})
    expected = 10 * tokens * width**2 + 4 * tokens * chunk * width + 4 * tokens * width * size
    expected += 2 * (tokens // chunk) ** 2 * width * size
    assert entry.closed_forms(config, tokens, width)["inference"] == expected


def test_the_state_of_min_gru_in_half_precision_grows_by_small_steps() -> None:
    torch.manual_seed(0)
    mixer = MinGRU(width=8, tokens=1000)
    with torch.no_grad():
        mixer.gates.bias[:8] = -7  # 1 − z is about 0.999: bfloat16 cannot add a thousandth
        x = torch.randn(2, 1000, 8)
        expected, last = prefill(mixer, x)
        half = mixer.to(torch.bfloat16)
        found, state = decode(half, x.bfloat16())
        assert state.dtype == prefill(half, x.bfloat16())[1].dtype == torch.float32
        torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.01)
        torch.testing.assert_close(state, last, rtol=0.05, atol=0.01)
