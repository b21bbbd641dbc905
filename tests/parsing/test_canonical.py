"""Files on disk are named by digests of canonical JSON, so neither may ever change; and JSON that anyone may have written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.parsing.canonical import DEEPEST, canonical_json, digest, read_json
from mixbench.tables.artefacts import checkpoint_name, map_name
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.tasks.dataset import digest_of

RESULTS = Path(__file__).parents[2] / "results"


def test_a_digest_is_the_beginning_of_a_sha256() -> None:
    # the second example of FIPS 180-2, "abc"
    assert digest("abc", 64) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("abc", 12) == "ba7816bf8f01"


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*/environments/*.json")), ids=lambda file: file.parts[-3])
def test_the_committed_environments_have_the_names_of_their_content(file: Path) -> None:
    assert digest(canonical_json(json.loads(file.read_text())), 12) == file.stem


def test_the_committed_maps_have_the_names_of_their_runs() -> None:
    rows = [row for row in ResultsFolder(RESULTS / "attention-map").read(AttentionMapRow) if row.map_file]
    assert rows
    assert [map_name((*identity(row), row.seed), row.example) for row in rows] == [row.map_file for row in rows]


def test_names_of_weights_and_data_sets_stay() -> None:
    assert checkpoint_name(("shapes", "é", 3, 0.5, None, True)) == "checkpoints/22bc2ac6d7e892cb.pt"
    assert digest_of({"task": "shapes", "options": {"é": [1, 0.5, None, True]}}) == "991421895c4c8bf0"


def test_json_is_read_as_it_was_written() -> None:
    content = {"a": [1, 0.5, None, True, "é"], "b": {"c": {}}, "big": 10**30}
    assert read_json(canonical_json(content)) == read_json(json.dumps(content).encode()) == content


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"a":NaN}', "NaN is not a finite number"),
        ('{"a":-Infinity}', "-Infinity is not a finite number"),
        ('{"a":1e999}', "1e999 is not a finite number"),
        ("1" + "0" * 400, "is not a finite number"),
        ("1" + "0" * 9999, "is not a finite number"),
        ('{"a":1,"a":2}', "'a' is given twice"),
        ("[" * 10_000 + "]" * 10_000, "levels of lists and objects"),
        ("[" * 10**6, "levels of lists and objects"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "levels of lists and objects"),
        (r'{"a":"\ud800"}', "surrogates not allowed"),
        (b'{"a":"\xff"}', "can't decode"),
        ("", "Expecting value"),
        ("{", "Expecting property name"),
    ],
    ids=[
        "nan",
        "infinity",
        "float",
        "whole-number",
        "long-number",
        "twice",
        "deep",
        "endless",
        "one-too-deep",
        "surrogate",
        "bytes",
        "nothing",
        "torn",
    ],
)
def test_json_that_would_mislead_whoever_uses_it_is_a_value_error(text: str | bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_json(text)


def test_json_as_deep_as_allowed_is_read() -> None:
    text = "[" * DEEPEST + "1" + "]" * DEEPEST
    assert json.dumps(read_json(text)) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.randoms(use_true_random=False))
def test_canonical_json_is_equal_for_equal_values_and_reads_back(values: dict[str, Any], rng: Any) -> None:
    pairs: Sequence[tuple[str, Any]] = rng.sample(list(values.items()), len(values))
    assert canonical_json(dict(pairs)) == canonical_json(values)
    assert json.loads(canonical_json(values)) == values


def test_canonical_json_has_no_spaces_and_no_number_that_is_not_finite() -> None:
    assert canonical_json({"b": [1, 2], "a": "é"}) == '{"a":"é","b":[1,2]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": math.nan})
