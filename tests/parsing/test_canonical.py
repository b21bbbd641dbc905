"""Files on disk are named by these digests, so they must never change; those of canonical_json are in test_rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mixbench.parsing.canonical import canonical_json, digest
from mixbench.tables.artefacts import checkpoint_name, map_name
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import AttentionMapRow
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
