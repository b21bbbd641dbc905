"""What a model holds besides the values of tensors on its device. Python changes it, so a replayed step does not."""

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

State = Mapping[str, Any]
_PLAIN = (bool, int, float, complex, str, type(None))


def python_state(model: nn.Module, device: torch.device) -> State:
    """Plain values and tensors by the attributes that hold them, and the states of the random numbers of Python and numpy.

    It keeps these tensors alive.
    """
    state: dict[str, Any] = {"random": random.getstate(), "numpy.random": pickle.dumps(np.random.get_state())}
    for place, module in model.named_modules():
        held = {**vars(module), **module._parameters, **module._buffers}
        for name, value in held.items():
            if isinstance(value, Tensor):
                # one on another device is changed when Python says so
                elsewhere = value.device.type != device.type
                state[f"{place}.{name}"] = _Held(value, value._version if elsewhere else 0)
            elif isinstance(value, _PLAIN) and name != "training":
                state[f"{place}.{name}"] = value
    return state


def changed(before: State, after: State) -> str:
    """The name of something that differs; empty if nothing does."""
    names = [*before, *(name for name in after if name not in before)]
    return next((name for name in names if before.get(name) != after.get(name)), "")


class _Held:
    """A tensor, which equals only itself in the same version."""

    def __init__(self, tensor: Tensor, version: int) -> None:
        self.tensor, self.version = tensor, version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.tensor is self.tensor and other.version == self.version

    __hash__ = None  # type: ignore[assignment]
