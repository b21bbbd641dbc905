"""The state that a mixer keeps between tokens, as it is after N of them."""

from __future__ import annotations

from typing import Any

import torch

from mixbench.mixers.decoding import prefill, state_bytes
from mixbench.worker.measure.memory import MIB


def state_mib_of(mixer: Any, tokens: int, batch: int, *, width: int) -> float:
    """The size of the state of a mixer after `tokens` tokens, measured from its tensors, MiB.

    The mixer has `state` and `step`, as in `mixbench.mixers.decoding.Recurrent`.
    """
    like = next((one for one in mixer.parameters() if one.is_floating_point()), torch.empty(0))
    _, state = prefill(mixer, torch.randn(batch, tokens, width, device=like.device, dtype=like.dtype))
    return state_bytes(state) / MIB
