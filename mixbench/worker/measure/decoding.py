"""Decoding, one token after a context of N tokens: the step that is timed, whether it is right, and the size of the state."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.mixers.decoding import State, prefill, state_bytes, tensors_of
from mixbench.model import Block
from mixbench.worker.calls import ContractError, UnsupportedError, distance, tolerance
from mixbench.worker.measure.memory import MIB

_DEMANDED = "to decode, a mixer needs state(batch) and step(x, state)"
_LONGEST_CHECK = 1024  # tokens
_STEP_TOLERANCE = 1e-3  # in float32, of the norm; a thousand steps add up the rounding of each


class Decoding(nn.Module):
    """A mixer or block and the state that it has after some tokens: the next token (batch, width) to its output."""

    def __init__(self, layer: Any, state: State) -> None:
        super().__init__()
        self.layer = layer
        self.state = state

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer.step(x, self.state)[0]
        return y

    def compiled(self) -> Callable[[Tensor], Tensor]:
        """The step through torch.compile, with the whole state after it: else, what only that needs would be left out."""

        def step(x: Tensor) -> tuple[Tensor, ...]:
            y, state = self.layer.step(x, self.state)
            return y, *tensors_of(state)

        whole = torch.compile(step)
        return lambda x: whole(x)[0]


def after(layer: Any, context: Tensor) -> Decoding:
    """The next step of a mixer or block after the tokens of a context (batch, tokens, width).

    The last of these is taken by a step: what a prefill returns may be part of larger tensors, or have no room for more.

    Raises UnsupportedError if it has no steps, ContractError if its steps or its prefill do not return what they should, and
    whatever it raises.
    """
    mixer: Any = layer.mixer if isinstance(layer, Block) else layer  # a block has steps if its mixer has
    if missing := [name for name in ("state", "step") if not callable(getattr(mixer, name, None))]:
        raise UnsupportedError(f"it has no {' and no '.join(missing)}: {_DEMANDED}")
    first = context[:, 0].clone()  # a step that changes it must not change the context
    _demand_pair("step", mixer.step(first, mixer.state(len(context))), first)
    state = mixer.state(len(context))
    if (before := context[:, :-1]).shape[1]:
        _, state = _demand_pair("prefill", prefill(layer, before), before)
    _, state = layer.step(context[:, -1], state)
    return Decoding(layer, state)


def _demand_pair(name: str, result: object, like: Tensor) -> tuple[Tensor, State]:
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor)):
        raise ContractError(f"{name} did not return an output and a state")
    if result[0].shape != like.shape:
        raise ContractError(f"{name} returned the shape {tuple(result[0].shape)}, not {tuple(like.shape)}")
    return result


def check_steps(layer: Any, make: Callable[..., Tensor], tokens: int) -> None:
    """Hold the step after `tokens` tokens, or after fewer if they are many, to the parallel form; `make(n)` makes n tokens.

    It is done in float32 where a precision is lower. Raises ContractError, and whatever the layer raises.
    """
    x = make(tokens + 1)
    if torch.finfo(x.dtype).bits < 32:
        layer, x = deepcopy(layer).float(), x.float()
    known = min(tokens, _LONGEST_CHECK)
    try:
        expected = layer(x[:, : known + 1])[:, -1]
    except Exception:
        if known == tokens:
            raise
        known = tokens  # a fixed number of tokens
        expected = layer(x)[:, -1]
    step = after(layer, x[:, :known])
    given = x[:, known].clone()
    first = step(x[:, known])
    if not torch.equal(x[:, known], given):
        raise ContractError("step(x, state) changed x in place")
    if not (away := distance(first, expected)) <= _STEP_TOLERANCE:
        raise ContractError(
            f"the step after {known} tokens differs from forward on {known + 1} tokens by {away:.2g} of its norm"
        )
    step(x[:, 0])
    if not (away := distance(step(x[:, known]), first)) <= tolerance(first):
        raise ContractError(
            f"a step changes the state that it is given: repeated from there, its output differs by {away:.2g} of its norm."
            " Return a new state"
        )


def state_mib(state: State) -> float:
    """The size of a state, measured from its tensors, MiB; a Python number with a fraction counts as one of 8 bytes."""
    return state_bytes(state) / MIB


def state_mib_of(mixer: Any, tokens: int, batch: int, *, width: int) -> float:
    """The size of the state of a mixer after `tokens` tokens, MiB.

    The mixer has `state` and `step`, as in `mixbench.mixers.decoding.Recurrent`.
    """
    like = next((one for one in mixer.parameters() if one.is_floating_point()), torch.empty(0))
    context = torch.randn(batch, tokens, width, device=like.device, dtype=like.dtype)
    return state_mib(prefill(mixer, context)[1])
