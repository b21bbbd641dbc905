"""The state that a mixer keeps between tokens, measured."""

from __future__ import annotations

import torch
from helpers.decoding_mixers import Decaying, Summing

from mixbench.worker.measure.decoding import state_mib_of


def test_the_size_of_a_state_is_measured_after_the_tokens_of_the_context() -> None:
    assert state_mib_of(Decaying(8, 16), 16, 3, width=8) == 3 * 8 * 4 / 2**20
    assert state_mib_of(Summing(8, 16).to(torch.bfloat16), 16, 3, width=8) == 3 * 16 * 8 * 2 / 2**20
