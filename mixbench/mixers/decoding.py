"""What a causal mixer needs for decoding, token by token, and the state that it keeps between tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

State = Any
"""Tensors, in containers or objects, that hold what later tokens need of those before them."""


class Recurrent(Protocol):
    """A causal mixer that can decode: one token per call of `step`.

    A mixer may also have `prefill(x)`, which returns for (batch, tokens, width) the result of `forward` and the state after
    these tokens. Without it, the state after N tokens is reached in N steps. A mixer for a fixed number of tokens is built for
    one more than the context: `tokens` is then N + 1.
    """

    def state(self, batch: int) -> State:
        """The state before the first token, on the device and in the dtype of the parameters."""

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for the next token (batch, width), and the state after it.

        The tensors of the given state may be changed: only the returned one is used from then on. Calling it again with the
        same state and token is allowed where the returned state is not used, and gives the same output.
        """


ROOM = 64
"""Tokens by which the room of a cache grows. Copying it takes a 32nd of what attention reads in as many steps."""


@dataclass
class Cache:
    """Keys and values (batch, heads, room, channels) of the first `tokens` tokens; what is behind them is room for more."""

    keys: Tensor
    values: Tensor
    tokens: int = 0

    def append(self, key: Tensor, value: Tensor) -> Cache:
        """The cache with those of one token more, (batch, heads, channels).

        Where there is no room left, this cache gets some, too: the same step makes it only once.
        """
        if self.tokens == self.keys.shape[2]:
            self.keys, self.values = _with_room(self.keys), _with_room(self.values)
        self.keys[:, :, self.tokens] = key
        self.values[:, :, self.tokens] = value
        return Cache(self.keys, self.values, self.tokens + 1)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The keys and the values, (batch, heads, tokens, channels), without the room for more."""
        return self.keys[:, :, : self.tokens], self.values[:, :, : self.tokens]


@dataclass(frozen=True)
class Ring:
    """Keys and values (batch, heads, window + 1, channels) of the last tokens in any order, token t at t modulo window + 1.

    `tokens` were seen. What is kept for the next is a window; one place is for the next itself.
    """

    keys: Tensor
    values: Tensor
    tokens: int = 0

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Ring]:
        """The keys and values of a window and one token more, (batch, heads, channels), and the ring after it."""
        places = self.keys.shape[2]
        self.keys[:, :, self.tokens % places] = key
        self.values[:, :, self.tokens % places] = value
        seen = min(self.tokens + 1, places)
        return self.keys[:, :, :seen], self.values[:, :, :seen], Ring(self.keys, self.values, self.tokens + 1)

    def filled(self, keys: Tensor, values: Tensor) -> Ring:
        """This ring, empty before, after those of some tokens, (batch, heads, tokens, channels)."""
        places, tokens = self.keys.shape[2], keys.shape[2]
        kept = min(places, tokens)
        for held, given in ((self.keys, keys), (self.values, values)):
            held[:, :, :kept] = given[:, :, -kept:].roll(tokens % places if kept == places else 0, dims=2)
        return Ring(self.keys, self.values, tokens)

    def tensors(self) -> tuple[Tensor, ...]:
        """The keys and values that the next token sees: those before and behind its own place."""
        free = self.tokens % self.keys.shape[2]
        behind = slice(free + 1, None if self.tokens >= self.keys.shape[2] else 0)
        return tuple(held[:, :, part] for held in (self.keys, self.values) for part in (slice(free), behind))


def _with_room(held: Tensor) -> Tensor:
    batch, heads, tokens, channels = held.shape
    larger = held.new_empty((batch, heads, tokens + ROOM, channels))
    larger[:, :, :tokens] = held
    return larger


def tensors_of(state: State) -> Iterator[Tensor]:
    """All tensors in a state: what its method `tensors` returns where it has one, else what its parts hold.

    A Python number with a fraction is one, too, of 8 bytes. Whole numbers are not: they count tokens.
    """
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, float):
        yield torch.tensor(state, dtype=torch.float64)
    elif callable(own := getattr(state, "tensors", None)):
        yield from own()
    elif isinstance(state, np.ndarray):
        if state.dtype.kind in "fiucb":
            yield torch.from_numpy(state)
    elif not isinstance(state, torch.nn.Module | type):
        for part in _parts_of(state):
            yield from tensors_of(part)


def _parts_of(state: State) -> Iterable[State]:
    if isinstance(state, Mapping):
        return state.values()
    if isinstance(state, tuple | list | set | frozenset):
        return state
    names = [*getattr(state, "__dict__", ()), *getattr(type(state), "__slots__", ())]
    return [getattr(state, name, None) for name in names]


def state_bytes(state: State) -> int:
    """Bytes of the tensors of a state; memory that several of them share counts once."""
    distinct = {(each.data_ptr(), each.shape, each.stride()): each for each in tensors_of(state)}
    return sum(each.numel() * each.element_size() for each in distinct.values())


@torch.no_grad()
def decode(mixer: Any, x: Tensor) -> tuple[Tensor, State]:
    """The outputs for the tokens of x (batch, tokens, width) taken in steps, and the state after them."""
    state, outputs = mixer.state(len(x)), []
    for token in x.unbind(1):
        y, state = mixer.step(token, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1), state


@torch.no_grad()
def prefill(mixer: Any, x: Tensor) -> tuple[Tensor, State]:
    """What `decode` returns, by the mixer's own `prefill` where it has one."""
    own = getattr(mixer, "prefill", None)
    found: tuple[Tensor, State] = own(x) if own else decode(mixer, x)
    return found
