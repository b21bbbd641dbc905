from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sample_rows import speed_row

from mixbench.mixers.choice import distinct_ends
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.origins import Sources, learn_place
from mixbench.verdicts.gate.same_mixers import Names, names_of, names_of_both
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_string


def places(*states: str | tuple[str, str], up: str = "../") -> dict[str, tuple[str, ...]]:
    """Codes by place: a1, a2 … are at a/mine.py, b1, b2 … at b/mine.py; those that begin with x or y have no known place."""
    found: dict[str, tuple[str, ...]] = {}
    for group in states:
        for code in (group,) if isinstance(group, str) else group:
            if code[0] in "ab":
                place = f"{up}{code[0]}/mine.py"
                found[place] = (*(other for other in found.get(place, ()) if other != code), code)
    return found


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


def shown(*sides: Names) -> list[dict[str, str]]:
    """By code, the labels of the mixers that it is."""
    labels = mixer_labels(name for names in sides for own in names.values() for name in own)
    return [
        {json.loads(key[1])["file_sha256"]: ", ".join(labels[name] for name in own) for key, own in names.items()}
        for names in sides
    ]


def labels(*states: str | tuple[str, str], sources: Sources | None = None) -> dict[str, str]:
    return shown(names_of(rows(*states), places(*states) if sources is None else sources))[0]


def test_a_mixer_alone_of_its_name_is_known_without_its_hash() -> None:
    assert labels("a1") == {"a1": "Mine"}
    assert names_of(rows("a1"), {})[mixer("a1")] == (("mine.py:Mine", "{}"),)


def test_two_mixers_of_one_name_are_told_apart_by_the_places_of_their_files() -> None:
    assert labels(("a1", "b1")) == labels("a1", "b1") == {"a1": "Mine file=a/mine.py", "b1": "Mine file=b/mine.py"}


def test_where_the_places_are_unknown_they_are_told_apart_by_their_hashes() -> None:
    assert labels(("x1", "y1")) == {"x1": "Mine file=x1", "y1": "Mine file=y1"}


def test_of_an_edited_mixer_only_the_present_code_counts() -> None:
    assert labels("a1", "a2") == {"a1": "", "a2": "Mine"}
    assert labels("x1", "x2") == {"x1": "", "x2": "Mine"}
    assert labels("x1", "a2") == {"x1": "", "a2": "Mine"}
    assert labels("a1", ("a2", "b1")) == {"a1": "", "a2": "Mine file=a/mine.py", "b1": "Mine file=b/mine.py"}
    reverted = places("a1", "a2", "a1")
    assert labels("a1", "a2", sources=reverted) == {"a1": "Mine", "a2": ""}


def test_code_at_two_places_is_two_mixers() -> None:
    copied = {"../a/mine.py": ("a1",), "../c/mine.py": ("a1",)}
    assert labels("a1", sources=copied) == {"a1": "Mine file=a/mine.py, Mine file=c/mine.py"}
    assert labels("a1", sources=copied | {"../a/other.py": ("a1",)}) == labels("a1", sources=copied)
    edited = {"../../a/mine.py": ("a2",), "../../c/mine.py": ("a1",)}
    sides = shown(*names_of_both(rows("a1"), rows(("a1", "a2")), (copied, edited)))
    assert sides[1] == {"a1": "Mine file=c/mine.py", "a2": "Mine file=a/mine.py"}
    assert set(sides[0]["a1"].split(", ")) == set(sides[1].values())


def test_files_that_exchange_their_code_are_followed_by_their_places() -> None:
    before, after = places(("a1", "b1")), {"../a/mine.py": ("b1",), "../b/mine.py": ("a1",)}
    sides = shown(*names_of_both(rows(("a1", "b1")), rows(("a1", "b1")), (before, after)))
    assert sides[0] == {"a1": "Mine file=a/mine.py", "b1": "Mine file=b/mine.py"}
    assert sides[1] == {"a1": "Mine file=b/mine.py", "b1": "Mine file=a/mine.py"}


def test_a_plug_in_is_the_same_in_every_version() -> None:
    versions = [("plugged", canonical_json({"plugin_version": version})) for version in ("1.0", "1.1")]
    plugged = [speed_row(mixer=name, config=config) for name, config in versions]
    assert set(names_of(plugged, {}).values()) == {(("plugged", "{}"),), ()}


def test_options_tell_mixers_apart_and_are_no_versions() -> None:
    found = [replace(row, config=mixer("a1", gain=gain)[1]) for gain, row in enumerate(rows("a1", "a1"))]
    assert len({*names_of(found, places("a1")).values()}) == 2


@pytest.mark.parametrize(
    ("base", "head", "same"),
    [
        (("a1",), ("a1",), {"a1": "a1"}),
        (("a1",), ("a2",), {"a1": "a2"}),
        ((("a1", "b1"),), (("a1", "b1"),), {"a1": "a1", "b1": "b1"}),
        ((("a1", "b1"),), (("a2", "b1"),), {"a1": "a2", "b1": "b1"}),
        ((("a1", "b1"),), (("a2", "b2"),), {"a1": "a2", "b1": "b2"}),
        (("a1",), ("a1", "a2"), {"a1": "a2"}),
        (("a1", "a2"), ("a3",), {"a2": "a3"}),
        (("a1",), (("a1", "b1"),), {"a1": "a1"}),
        (("a1",), (("a2", "b1"),), {"a1": "a2"}),
        (("x1",), ("x2",), {"x1": "x2"}),
        ((("x1", "y1"),), (("x2", "y1"),), {"x1": "x2", "y1": "y1"}),
        ((("x1", "y1"),), (("x2", "y2"),), {}),
        (("x1",), (("x2", "y2"),), {}),
    ],
)
def test_a_mixer_of_the_base_is_followed_where_no_other_can_be_meant(base: Any, head: Any, same: dict[str, str]) -> None:
    for up in ("../", "../../"):
        sides = names_of_both(rows(*base), rows(*head, hour=15), (places(*base), places(*head, up=up)))
        below, above = shown(*sides)
        assert {old: new for old, name in below.items() for new, other in above.items() if name == other != ""} == same


def test_ends_of_paths_are_as_short_as_tells_them_apart() -> None:
    assert distinct_ends(["../a/mine.py", "../b/mine.py"]) == ["a/mine.py", "b/mine.py"]
    assert distinct_ends(["../a/x/mine.py", "../b/x/mine.py"]) == ["a/x/mine.py", "b/x/mine.py"]
    assert distinct_ends(["mine.py", "../mine.py"]) == ["mine.py", "../mine.py"]


def test_a_mixer_in_a_command_names_the_folder_of_its_file() -> None:
    learn_place("c0de", "../../layers/mine.py")
    assert mixer_string(("mine.py:Mine", '{"file_sha256": "c0de", "heads": 2}')) == "layers/mine.py:Mine:heads=2"
    assert mixer_string(("mine.py:Mine", '{"file_sha256": "another"}')) == "mine.py:Mine"
