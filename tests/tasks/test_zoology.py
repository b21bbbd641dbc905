"""The task `mqar` as zoology has it: what every example must be, and the distributions of its own generator."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.tasks import choose_task
from mixbench.tasks.dataset import NOT_ASKED
from mixbench.tasks.needed_tokens import needed_tokens
from mixbench.tasks.recall import FIRST_SYMBOL, weighted_numbers

TOKENS, PAIRS, VOCABULARY, COUNT = 32, 4, 50, 8000
KEYS = VOCABULARY // 2
SIZES = f"tokens={TOKENS},pairs={PAIRS},vocabulary={VOCABULARY}"
FILE = Path(
    os.environ.get("MIXBENCH_PUBLIC_REFERENCES", "nowhere"), "HazyResearch+zoology", "zoology", "data", "multiquery_ar.py"
)

Drawn = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Symbols and values asked, (examples, tokens), numbered as in zoology; NOT_ASKED where nothing is asked."""


def ours(power: float = 0.01, draw: int = 1) -> Drawn:
    train = choose_task(f"mqar:form=zoology,{SIZES},power={power},train={COUNT},dev=1,test=1,draw={draw}").make().train
    targets = np.where(train.targets == NOT_ASKED, NOT_ASKED, train.targets + KEYS)
    return train.inputs.astype(np.int64) - FIRST_SYMBOL, targets.astype(np.int64)


def theirs(power: float = 0.01) -> Drawn:
    module = loaded(FILE)
    inputs, labels = module.multiquery_ar(VOCABULARY, COUNT, TOKENS, seed=1, power_a=power, num_kv_pairs=PAIRS)
    return inputs.numpy(), np.where(labels.numpy() == -100, NOT_ASKED, labels.numpy())


def loaded(file: Path) -> ModuleType:
    """The module in a file, whose neighbours it only needs for their names."""
    spec = importlib.util.spec_from_file_location("zoologys_recall", file)
    assert spec
    assert spec.loader
    others: dict[str, Any] = {
        "zoology.config": SimpleNamespace(DataSegmentConfig=object),
        "zoology.data.utils": SimpleNamespace(DataSegment=lambda inputs, labels, slices: (inputs, labels)),
    }
    module = importlib.util.module_from_spec(spec)
    sys.modules.update(others)
    try:
        spec.loader.exec_module(module)
    finally:
        for name in others:
            del sys.modules[name]
    return module


def places_of(drawn: Drawn) -> NDArray[np.int64]:
    """For every key, in the order of the pairs, where it is asked: (examples, pairs)."""
    inputs, targets = drawn
    keys, positions = inputs[:, 0 : 2 * PAIRS : 2], np.arange(TOKENS)
    asked = (inputs[:, None, :] == keys[:, :, None]) & (targets != NOT_ASKED)[:, None, :]
    assert (asked.sum(2) == 1).all()
    return np.asarray((asked * positions).sum(2))


def shares(numbers: NDArray[np.int64], most: int) -> NDArray[np.float64]:
    return np.bincount(numbers.ravel(), minlength=most) / numbers.size


def test_every_key_is_asked_once_at_an_even_distance_and_its_class_is_its_value() -> None:
    inputs, targets = ours()
    keys, values = inputs[:, 0 : 2 * PAIRS : 2], inputs[:, 1 : 2 * PAIRS : 2]
    places = places_of((inputs, targets))
    assert ((places - 2 * PAIRS) % 2 == 0).all()
    np.testing.assert_array_equal(np.take_along_axis(targets, places, axis=1), values)
    assert (targets != NOT_ASKED).sum() == PAIRS * COUNT
    assert (keys.min(), keys.max(), values.min(), values.max()) == (1, KEYS - 1, KEYS, VOCABULARY - 1)
    assert all(len(set(row)) == PAIRS for part in (keys, values) for row in part.tolist())


def test_places_are_drawn_key_by_key_and_the_nth_by_the_power_of_n() -> None:
    weights = np.arange(1.0, 13) ** (0.01 - 1)
    drawn = weighted_numbers(60_000, 2, weights, np.random.default_rng(1))
    first, second = (np.bincount(column, minlength=12) / len(column) for column in drawn.T)
    share = weights / weights.sum()
    after = sum(share[left] * np.where(np.arange(12) == left, 0, share / (1 - share[left])) for left in range(12))
    for found, wanted in ((first, share), (second, after)):
        assert np.abs(found - wanted).max() < 5 * np.sqrt(wanted.max() / len(drawn))


def test_a_power_of_one_makes_all_places_equally_likely() -> None:
    found = shares((places_of(ours(power=1.0)) - 2 * PAIRS) // 2, 12)
    assert np.abs(found - 1 / 12).max() < 5 * np.sqrt(1 / 12 / COUNT)


def test_between_queries_every_symbol_is_equally_likely() -> None:
    inputs, targets = ours()
    found = shares(inputs[:, 2 * PAIRS :][targets[:, 2 * PAIRS :] == NOT_ASKED], VOCABULARY)
    assert np.abs(found - 1 / VOCABULARY).max() < 5 * np.sqrt(1 / VOCABULARY / COUNT / (TOKENS - 3 * PAIRS))


@pytest.mark.parametrize("power", [0.01, 1.5])
@pytest.mark.skipif(not FILE.exists(), reason="MIXBENCH_PUBLIC_REFERENCES has no HazyResearch+zoology")
def test_the_distributions_are_those_of_zoology(power: float) -> None:
    both = [ours(power), theirs(power)]
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    measures: list[Callable[[Drawn], NDArray[np.float64]]] = [
        *(lambda drawn, key=key: shares(places_of(drawn)[:, key], TOKENS) for key in range(PAIRS)),  # type: ignore[misc]
        *(lambda drawn, place=place: shares(drawn[0][:, place], VOCABULARY) for place in range(TOKENS)),  # type: ignore[misc]
        *(lambda drawn, place=place: shares(drawn[1][:, place] + 1, VOCABULARY + 1) for place in range(TOKENS)),  # type: ignore[misc]
    ]
    for measure in measures:
        own, other = map(measure, both)
        found.append((own, other))
        assert (np.abs(own - other) <= 5 * np.sqrt((own + other) / COUNT)).all()
    assert len(found) == PAIRS + 2 * TOKENS


def test_alone_it_has_the_vocabulary_of_zoology_and_the_other_form_keeps_its_recipe() -> None:
    assert choose_task("mqar:form=zoology").options["vocabulary"] == 8192
    usual = {"tokens": 64, "pairs": 8, "vocabulary": 64, "train": 20_000, "dev": 1_000, "test": 2_000, "draw": 1}
    assert (
        choose_task("mqar").recipe
        == choose_task("mqar:form=uniform").recipe
        == {"task": "mqar", "version": 1, "options": usual}
    )
    options = choose_task("mqar:form=zoology,pairs=4").recipe["options"]
    assert options == usual | {"vocabulary": 8192, "pairs": 4, "form": "zoology"}
    assert choose_task("mqar").task.differing(options) == {"pairs": 4, "form": "zoology"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pairs=17", "17 pairs, as many queries and the places between them need 68 tokens, not 64"),
        ("vocabulary=17", "8 pairs need a vocabulary of 18: half of 17 symbols less one are keys"),
        ("power=0", "option 'power' of mqar cannot be '0'"),
        ("power=nan", "option 'power' of mqar cannot be 'nan'"),
        ("form=zoo", "unknown value 'zoo' for option 'form' of mqar"),
        ("form=uniform,power=1", "power only applies to form=zoology"),
    ],
)
def test_impossible_options_are_refused(text: str, message: str) -> None:
    form = "" if "form" in text else "form=zoology,"
    with pytest.raises(RequestError, match=re.escape(message)):
        choose_task(f"mqar:{form}{text}")


def test_the_last_possible_sizes_are_possible() -> None:
    made = choose_task("mqar:form=zoology,tokens=12,pairs=3,vocabulary=8,train=9,dev=2,test=2").make()
    assert (made.train.targets != NOT_ASKED).sum(1).tolist() == [3] * 9


def test_a_query_needs_its_key_and_value() -> None:
    chosen = choose_task(f"mqar:form=zoology,{SIZES},train=5,dev=1,test=1")
    split = chosen.make().train
    needed = needed_tokens(chosen, "train", split, 0)
    for query in np.flatnonzero(split.targets[0] != NOT_ASKED):
        key, value = np.flatnonzero(needed[query])
        assert split.inputs[0][key] == split.inputs[0][query]
        assert split.inputs[0][value] == FIRST_SYMBOL + KEYS + split.targets[0][query]
