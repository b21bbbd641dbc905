from __future__ import annotations

import json
from pathlib import Path

import pytest

from mixbench.errors import StorageError, StorageWarning
from mixbench.tables.origins import known_place, read_origins, write_origins

DIGEST, OTHER = "0f" * 32, "1e" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_places_are_relative_to_the_folder_and_added_to_those_that_are_known(folder: Path, tmp_path: Path) -> None:
    write_origins(folder, [(DIGEST, tmp_path / "a" / "mine.py")])
    write_origins(folder, [(OTHER, tmp_path / "b" / "mine.py")])
    assert read_origins(folder) == {"../a/mine.py": (DIGEST,), "../b/mine.py": (OTHER,)}


def test_the_present_code_of_a_place_is_the_one_that_was_measured_last(folder: Path, tmp_path: Path) -> None:
    for digest in (DIGEST, OTHER, DIGEST):
        write_origins(folder, [(digest, tmp_path / "mine.py")])
    assert read_origins(folder) == {"../mine.py": (OTHER, DIGEST)}
    assert (known_place(OTHER), known_place(DIGEST)) == (None, "../mine.py")


def test_without_mixers_of_the_users_there_is_no_file(folder: Path) -> None:
    write_origins(folder, [])
    assert not list(folder.iterdir())
    assert read_origins(folder) == {}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b'{"a": NaN}'])
def test_what_cannot_be_read_is_kept_aside(content: bytes, folder: Path, tmp_path: Path) -> None:
    (folder / "sources.json.rejected").write_text("an earlier one")
    (folder / "sources.json").write_bytes(content)
    with pytest.warns(StorageWarning, match=r"sources\.json: left out \(.*\); the next measurement .* moves it to"):
        assert read_origins(folder) == {}
    with pytest.warns(StorageWarning, match=r"sources\.json: moved to sources\.json\.rejected\.2 \("):
        write_origins(folder, [(DIGEST, tmp_path / "mine.py")])
    assert read_origins(folder) == {"../mine.py": (DIGEST,)}
    assert (folder / "sources.json.rejected").read_text() == "an earlier one"
    assert (folder / "sources.json.rejected.2").read_bytes() == content


def test_what_fails_to_be_read_stays_where_it_is(folder: Path, tmp_path: Path) -> None:
    (folder / "sources.json").mkdir()
    with pytest.raises(StorageError, match=r"cannot read .*sources\.json: Is a directory"):
        write_origins(folder, [(DIGEST, tmp_path / "mine.py")])
    assert (folder / "sources.json").is_dir()


def test_only_lists_of_codes_count_and_others_are_kept(folder: Path, tmp_path: Path) -> None:
    (folder / "sources.json").write_text(f'{{"more": {{"a": 3}}, "{OTHER}": "../mine.py", "../b.py": ["{OTHER}"]}}')
    assert read_origins(folder) == {"../b.py": (OTHER,)}
    write_origins(folder, [(DIGEST, tmp_path / "mine.py")])
    kept = {"more": {"a": 3}, OTHER: "../mine.py", "../b.py": [OTHER], "../mine.py": [DIGEST]}
    assert json.loads((folder / "sources.json").read_text()) == kept


def test_a_place_that_no_text_can_hold_is_written_all_the_same(folder: Path, tmp_path: Path) -> None:
    write_origins(folder, [(DIGEST, tmp_path / "\udcff.py")])
    assert read_origins(folder) == {"../?.py": (DIGEST,)}


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*sources\.json"):
        write_origins(tmp_path / "nowhere", [(DIGEST, tmp_path / "mine.py")])
