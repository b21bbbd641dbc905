"""What a causal mixer offers that takes its tokens one by one, and the state that it keeps between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

State = Any
"""Tensors, in tuples, lists, mappings or dataclasses, that hold what later tokens need of those before them."""


class Recurrent(Protocol):
    """A causal mixer that can take its tokens one by one.

    A mixer may also have `prefill(x)`, which returns for (batch, tokens, width) the result of `forward` and the state after
    these tokens. Without it, the state after N tokens is reached in N steps.
    """

    def state(self, batch: int) -> State:
        """The state before the first token, on the device and in the dtype of the parameters."""

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for the next token (batch, width), and the state after it.

        The tensors of the given state may be changed: only the returned one is used from then on. Calling it again with the
        same state and token is allowed where the returned state is not used, and gives the same output.
        """


@dataclass(frozen=True)
class Cache:
    """Keys and values (batch, heads, room, channels) of the first `tokens` tokens; what is behind them is room for more."""

    keys: Tensor
    values: Tensor
    tokens: int = 0

    def append(self, key: Tensor, value: Tensor) -> Cache:
        """The cache with those of one token more, (batch, heads, channels). It doubles the room where there is none left."""
        keys, values = (self._with_room(held) for held in (self.keys, self.values))
        keys[:, :, self.tokens] = key
        values[:, :, self.tokens] = value
        return Cache(keys, values, self.tokens + 1)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The keys and the values, (batch, heads, tokens, channels), without the room for more."""
        return self.keys[:, :, : self.tokens], self.values[:, :, : self.tokens]

    def _with_room(self, held: Tensor) -> Tensor:
        room = held.shape[2]
        if self.tokens < room:
            return held
        larger = held.new_empty((*held.shape[:2], max(2 * room, 1), held.shape[3]))
        larger[:, :, :room] = held
        return larger


def tensors_of(state: State) -> Iterator[Tensor]:
    """All tensors in a state: what its method `tensors` returns where it has one, else what its parts hold."""
    if isinstance(state, Tensor):
        yield state
    elif hasattr(state, "tensors"):
        yield from state.tensors()
    elif isinstance(state, Mapping):
        for part in state.values():
            yield from tensors_of(part)
    elif isinstance(state, tuple | list):
        for part in state:
            yield from tensors_of(part)
    elif is_dataclass(state):
        for field in fields(state):
            yield from tensors_of(getattr(state, field.name))


def state_bytes(state: State) -> int:
    """Bytes of the tensors of a state; memory that several of them share counts once."""
    distinct = {(each.data_ptr(), each.shape, each.stride()): each for each in tensors_of(state)}
    return sum(each.numel() * each.element_size() for each in distinct.values())


@torch.no_grad()
def decode(mixer: Any, x: Tensor) -> tuple[Tensor, State]:
    """The outputs for the tokens of x (batch, tokens, width) taken one by one, and the state after them."""
    state, outputs = mixer.state(len(x)), []
    for token in x.unbind(1):
        y, state = mixer.step(token, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state
