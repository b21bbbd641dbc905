"""Files that are changed together count together, whenever the process is stopped."""

from __future__ import annotations

from pathlib import Path

from mixbench.tables import pending
from mixbench.tables.pending import begin, commit, current, give_up, read_current, settle


def new_files(folder: Path) -> None:
    written = begin(folder)
    (written / "a").write_text("new a")
    (written / "below").mkdir()
    (written / "below" / "b").write_text("new b")


def test_new_files_count_once_all_are_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    new_files(tmp_path)
    assert current(tmp_path, "a").read_text() == "old a"
    commit(tmp_path)
    assert {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {
        "a": "new a",
        "below/b": "new b",
    }


def test_what_was_not_completed_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    new_files(tmp_path)
    settle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old a"
    new_files(tmp_path)
    give_up(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_new_files_that_are_not_in_place_yet_count_and_the_next_writer_moves_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    new_files(tmp_path)
    (tmp_path / pending._WRITTEN).rename(tmp_path / pending._COMPLETE)
    assert current(tmp_path, "a").read_text() == "new a"
    assert current(tmp_path, "below/b").read_text() == "new b"
    settle(tmp_path)
    assert (tmp_path / "a").read_text() == "new a"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "below"]


def test_a_reader_finds_a_file_that_was_moved_into_place_meanwhile(tmp_path: Path) -> None:
    new_files(tmp_path)
    (tmp_path / pending._WRITTEN).rename(tmp_path / pending._COMPLETE)
    file = current(tmp_path, "below/b")
    settle(tmp_path)
    assert not file.exists()
    assert read_current(file) == b"new b"
