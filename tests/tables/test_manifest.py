"""The file that says which part of which plan a folder has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mixbench.errors import StorageError
from mixbench.tables.manifest import Manifest, plan_digest, read_manifest, shard_folder, write_manifest

SHARD = Manifest(3, 16, "speed", "mixbench speed --tokens 64", "0123456789abcdef", 4, {"speed": 20})


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    for manifest in (SHARD, replace(SHARD, finished=True)):
        write_manifest(tmp_path, manifest)
        assert read_manifest(tmp_path) == manifest
    assert [file.name for file in tmp_path.iterdir()] == ["shard.json"]


@pytest.mark.parametrize(
    "changed",
    [{"schema": 0}, {"shard": 17}, {"shard": True}, {"of": "16"}, {"rows": {"speed": -1}}, {"finished": 1}, {"units": None},
     {"of": 10**12}, {"command": "mixbench speed 'a"}, {"command": "rm -r x; mixbench speed"}, {"command": ""}, {"study": "a"}],
)  # fmt: skip
def test_a_damaged_manifest_is_named(tmp_path: Path, changed: dict[str, object]) -> None:
    write_manifest(tmp_path, SHARD)
    file = tmp_path / "shard.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    with pytest.raises(StorageError, match=r"shard\.json is damaged"):
        read_manifest(tmp_path)
    file.write_text(json.dumps({"schema": 1, "shard": 3}))
    with pytest.raises(StorageError, match=r"of, study, .* missing"):
        read_manifest(tmp_path)
    file.write_text("{")
    with pytest.raises(StorageError, match=r"shard\.json is damaged"):
        read_manifest(tmp_path)


def test_a_manifest_of_a_newer_version_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "shard.json").write_text('{"schema": 2, "parts": []}')
    with pytest.raises(StorageError, match="was written by a newer mixbench") as caught:
        read_manifest(tmp_path)
    assert caught.value.hint == "Upgrade this one."


def test_a_folder_is_as_wide_as_the_count() -> None:
    assert [shard_folder(3, 16), shard_folder(3, 4), shard_folder(10, 1000)] == [
        "shard-03-of-16",
        "shard-3-of-4",
        "shard-0010-of-1000",
    ]


def test_a_plan_is_the_same_in_any_order() -> None:
    assert plan_digest(["a", "b"]) == plan_digest(["b", "a"]) != plan_digest(["a", "c"])
