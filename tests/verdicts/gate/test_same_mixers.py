from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sample_rows import speed_row

from mixbench.mixers.choice import distinct_ends
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.origins import learn_place
from mixbench.verdicts.gate.same_mixers import names_of, names_of_both
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_string

PLACES = {"a1": "../a/mine.py", "a2": "../a/mine.py", "a3": "../a/mine.py", "b1": "../b/mine.py", "b2": "../b/mine.py"}


def mixer(digest: str, name: str = "mine.py:Mine", **options: Any) -> MixerKey:
    return name, canonical_json({**options, "file_sha256": digest})


def rows(*states: str | tuple[str, str], hour: int = 10) -> list[Any]:
    """A row for each state of the code, an hour apart; a tuple was measured in one process."""
    found = []
    for later, group in enumerate(states):
        for digest in (group,) if isinstance(group, str) else group:
            name, config = mixer(digest)
            found.append(speed_row(mixer=name, config=config, measured_at=f"2025-01-01T{hour + later}:00:00Z"))
    return found


def labels(*states: str | tuple[str, str], places: dict[str, str] | None = None) -> dict[str, str]:
    names = names_of(rows(*states), PLACES if places is None else places)
    shown = mixer_labels(names.values())
    return {
        digest: shown[names[mixer(digest)]] for group in states for digest in ((group,) if isinstance(group, str) else group)
    }


def both(base: list[Any], head: list[Any], places: dict[str, str] | None = None) -> tuple[dict[str, str], dict[str, str]]:
    sides = names_of_both(base, head, PLACES if places is None else places)
    shown = mixer_labels(name for names in sides for name in names.values())
    first, second = ({json.loads(key[1])["file_sha256"]: shown[name] for key, name in names.items()} for names in sides)
    return first, second


def test_a_mixer_alone_of_its_name_is_known_without_its_hash() -> None:
    assert labels("a1") == {"a1": "Mine"}
    assert names_of(rows("a1"), {})[mixer("a1")] == ("mine.py:Mine", "{}")


def test_two_mixers_of_one_name_are_told_apart_by_the_places_of_their_files() -> None:
    assert labels(("a1", "b1")) == labels("a1", "b1") == {"a1": "Mine file=a/mine.py", "b1": "Mine file=b/mine.py"}


def test_where_the_places_are_unknown_they_are_told_apart_by_their_hashes() -> None:
    assert labels(("a1", "b1"), places={}) == {"a1": "Mine file=a1", "b1": "Mine file=b1"}


def test_an_edited_mixer_is_one_and_another_beside_it_another() -> None:
    assert labels("a1", "a2") == {"a1": "Mine", "a2": "Mine"}
    assert labels("a1", "a2", places={}) == {"a1": "Mine", "a2": "Mine"}
    assert labels("a1", "a2", places={"a2": "../a/mine.py"}) == {"a1": "Mine", "a2": "Mine"}
    assert labels("a1", ("a2", "b1")) == {"a1": "Mine file=a/mine.py", "a2": "Mine file=a/mine.py", "b1": "Mine file=b/mine.py"}


def test_a_plug_in_is_the_same_in_every_version() -> None:
    versions = [("plugged", canonical_json({"plugin_version": version})) for version in ("1.0", "1.1")]
    plugged = [speed_row(mixer=name, config=config) for name, config in versions]
    assert set(names_of(plugged, {}).values()) == {("plugged", "{}")}


def test_options_tell_mixers_apart_and_are_no_versions() -> None:
    found = [replace(row, config=mixer("a1", gain=gain)[1]) for gain, row in enumerate(rows("a1", "a1"))]
    assert len({*names_of(found, PLACES).values()}) == 2


@pytest.mark.parametrize(
    ("base", "head", "same"),
    [
        (("a1",), ("a1",), {"a1": "a1"}),
        (("a1",), ("a2",), {"a1": "a2"}),
        ((("a1", "b1"),), (("a1", "b1"),), {"a1": "a1", "b1": "b1"}),
        ((("a1", "b1"),), (("a2", "b1"),), {"a1": "a2", "b1": "b1"}),
        ((("a1", "b1"),), (("a2", "b2"),), {"a1": "a2", "b1": "b2"}),
        (("a1",), ("a1", "a2"), {"a1": "a2"}),
        (("a1", "a2"), ("a3",), {"a1": "a3", "a2": "a3"}),
        (("a1",), (("a1", "b1"),), {"a1": "a1"}),
        (("a1",), (("a2", "b1"),), {"a1": "a2"}),
        (("x1",), ("x2",), {"x1": "x2"}),
        ((("x1", "y1"),), (("x2", "y1"),), {"x1": "x2", "y1": "y1"}),
        ((("x1", "y1"),), (("x2", "y2"),), {}),
        (("x1",), (("x2", "y2"),), {}),
    ],
)
def test_a_mixer_of_the_base_is_followed_where_no_other_can_be_meant(base: Any, head: Any, same: dict[str, str]) -> None:
    below, above = both(rows(*base), rows(*head, hour=15))
    assert {
        old: new for old, name in below.items() for new, other in above.items() if name == other and new == same.get(old)
    } == same
    assert {name for name in below.values()} & {name for name in above.values()} == {below[old] for old in same}


def test_ends_of_paths_are_as_short_as_tells_them_apart() -> None:
    assert distinct_ends(["../a/mine.py", "../b/mine.py"]) == ["a/mine.py", "b/mine.py"]
    assert distinct_ends(["../a/x/mine.py", "../b/x/mine.py"]) == ["a/x/mine.py", "b/x/mine.py"]
    assert distinct_ends(["mine.py", "../mine.py"]) == ["mine.py", "../mine.py"]


def test_a_mixer_in_a_command_names_the_folder_of_its_file() -> None:
    learn_place("c0de", "../../layers/mine.py")
    assert mixer_string(("mine.py:Mine", '{"file_sha256": "c0de", "heads": 2}')) == "layers/mine.py:Mine:heads=2"
    assert mixer_string(("mine.py:Mine", '{"file_sha256": "another"}')) == "mine.py:Mine"
