"""What a mixer keeps between tokens: the cache of attention, the size of a state, how it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from decoding_mixers import Decaying, Summing

from mixbench.mixers.decoding import ROOM, Cache, prefill, state_bytes, tensors_of


def filled(tokens: int) -> Cache:
    cache = Cache(torch.empty(2, 3, 0, 4), torch.empty(2, 3, 0, 5))
    for token in range(tokens):
        cache = cache.append(torch.full((2, 3, 4), float(token)), torch.full((2, 3, 5), -float(token)))
    return cache


def test_a_cache_holds_what_was_appended_and_counts_no_room() -> None:
    cache = filled(ROOM + 1)
    keys, values = cache.tensors()
    assert keys[1, 2, :, 3].tolist() == list(range(ROOM + 1))
    assert values.shape == (2, 3, ROOM + 1, 5)
    assert cache.keys.shape[2] == 2 * ROOM
    assert state_bytes(cache) == 2 * 3 * (ROOM + 1) * (4 + 5) * 4


def test_a_cache_without_room_is_copied_once_however_often_the_same_step_is_made() -> None:
    full = filled(ROOM)
    first = full.append(torch.ones(2, 3, 4), torch.ones(2, 3, 5))
    again = full.append(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    assert first.keys.data_ptr() == again.keys.data_ptr()
    assert full.tensors()[0][0, 0, :, 0].tolist() == list(range(ROOM))


def test_a_state_is_reached_by_the_prefill_of_a_mixer_or_by_steps() -> None:
    x = torch.randn(2, 5, 3)
    for mixer, expected in ((Decaying(3, 5), 2 * 3 * 4), (Summing(3, 5), 2 * 5 * 3 * 4)):
        y, state = prefill(mixer, x)
        torch.testing.assert_close(y, mixer(x))
        assert state_bytes(state) == expected


@dataclass
class Nested:
    held: object
    tokens: int = 3


@dataclass(slots=True)
class Slotted:
    held: object


class Plain:
    def __init__(self, held: object) -> None:
        self.held = held


class Misnamed(Plain):
    tensors = 7


def in_a_list(held: object) -> object:
    return {"a": [(held, None, "x")]}


def in_a_set(held: object) -> object:
    return {held}


@pytest.mark.parametrize("wrap", [Nested, Slotted, Plain, Misnamed, in_a_list, in_a_set])
def test_a_state_is_measured_however_its_tensors_are_held(wrap: Callable[[object], object]) -> None:
    held = torch.zeros(2, 5)
    assert state_bytes(wrap(held)) == 40
    assert [one.data_ptr() for one in tensors_of(wrap((held, held)))] == [held.data_ptr()] * 2


def test_arrays_of_numpy_count_and_mixers_in_a_state_do_not() -> None:
    assert state_bytes((np.zeros(3), 1, None, torch.nn.Linear(2, 2), np.array(["text"]))) == 24


def test_numbers_with_a_fraction_count_outside_tensors_and_a_count_of_tokens_does_not() -> None:
    assert state_bytes({"rows": [[0.5, 1.5], [2.5, 0.5]], "tokens": 7, "full": True}) == 4 * 8
