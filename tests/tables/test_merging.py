"""Folders are united: every row once, with what belongs to it; all of it or nothing; and what is kept out is named."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from damaging import contents
from folders import fill_folder
from sample_rows import speed_row
from synthetic import MACHINE, speed_rows
from synthetic_maps import map_rows, write_maps
from synthetic_training import training_rows, trial_rows

from mixbench.errors import FolderBusyError, StorageError
from mixbench.tables import merging, pending
from mixbench.tables.merging import Merged, merge_folders
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

OTHER = {**MACHINE, "cpu": "Example 1"}


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Folders of two machines with rows in every table of a study."""
    maps = map_rows({"attention": 0.8}, examples=2, drawn=(0,))
    first = fill_folder(tmp_path / "one", *speed_rows(("attention", "fnet"), (64, 128), launches=2, rounds=3), maps)
    write_maps(maps, first)
    second = fill_folder(
        tmp_path / "two",
        *speed_rows(("attention", "fnet"), (256,), launches=2, rounds=2),
        training_rows(("fnet",), (250,), seeds=range(3)),
        trial_rows(("fnet",), trials=2),
    )
    third = fill_folder(tmp_path / "three", *speed_rows(("attention",), (64,), launches=1, rounds=2), machine=OTHER)
    return [first, second, third]


def rows_of(*folders: Path) -> Counter[Any]:
    """The rows of every table."""
    return Counter(row for folder in folders for row_type in TABLES.values() for row in ResultsFolder(folder).read(row_type))


def counts(merged: Merged, name: str) -> dict[str, int]:
    return {table.table: number for table in merged.tables if (number := getattr(table, name))}


def test_every_row_is_there_once_with_its_environment_and_its_map(shards: list[Path], tmp_path: Path) -> None:
    before = [contents(folder) for folder in shards]
    merged = merge_folders(shards, into := tmp_path / "all")
    assert rows_of(into) == rows_of(*shards)
    assert max(rows_of(into).values()) == 1
    assert merged.is_complete
    assert counts(merged, "added") == counts(merged, "rows") == {
        "speed": 34, "launches": 7, "data_efficiency": 3, "tuning": 2, "attention_map": 2
    }  # fmt: skip
    for row in ResultsFolder(into).read(SpeedRow):
        ResultsFolder(into).environment(row.environment)
    (drawn,) = (row for row in ResultsFolder(into).read(AttentionMapRow) if row.map_file)
    assert (into / drawn.map_file).read_bytes() == (shards[0] / drawn.map_file).read_bytes()
    assert [contents(folder) for folder in shards] == before


def test_merging_again_changes_nothing(shards: list[Path], tmp_path: Path) -> None:
    merge_folders(shards, into := tmp_path / "all")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in into.rglob("*") if path.suffix}
    again = merge_folders(list(reversed(shards)), into)
    assert not again.changed
    assert counts(again, "added") == {}
    assert counts(again, "present") == counts(again, "rows")
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in into.rglob("*") if path.suffix} == before


def test_shards_below_the_target_are_added_to_what_it_has(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "results"
    into.mkdir()
    moved = [Path(shutil.move(shard, into / f"shard-{number}-of-3")) for number, shard in enumerate(shards, 1)]
    given = rows_of(*moved)
    merge_folders(moved[:1], into)
    merge_folders(moved[1:], into)
    assert rows_of(into) == given


def changed_copy(folder: Path, copy: Path, row_type: type[Any], change: Callable[[Any], Any]) -> Path:
    """A copy of a folder with other rows in a table."""
    shutil.copytree(folder, copy)
    stored = ResultsFolder(copy)
    with stored.writing():
        stored.change(row_type, change)
    return copy


def later(row: Any) -> Any:
    """What another process measured of the same."""
    measured = {"latency_ms": row.latency_ms * 2} if row.status == "ok" else {"detail": "needs 3 MiB"}
    return replace(row, **measured, measured_at="2027-01-01T00:00:00Z")


def test_of_two_measurements_of_the_same_the_first_stays_and_both_are_named(shards: list[Path], tmp_path: Path) -> None:
    other = changed_copy(shards[0], tmp_path / "again", SpeedRow, later)
    merged = merge_folders([*shards, other], into := tmp_path / "all")
    assert rows_of(into) == rows_of(*shards)
    assert not merged.is_complete
    assert counts(merged, "conflicting") == {"speed": 24}
    assert len(merged.conflicts) == 8, "four cells with two launches"
    conflict = merged.conflicts[0]
    assert conflict.folder == str(other)
    assert float(conflict.other["latency_ms"]) == pytest.approx(2 * float(conflict.kept["latency_ms"]))
    kept = (into / "speed.csv.rejected").read_text()
    assert kept.count("2027-01-01") == 24
    assert "the table has another measurement of the same" in kept
    before = contents(into)
    assert len(merge_folders([other], into).conflicts) == 8
    assert contents(into) == before, "what was kept aside is not kept twice"


def test_a_launch_whose_rows_do_not_count_is_no_launch(shards: list[Path], tmp_path: Path) -> None:
    other = changed_copy(shards[0], tmp_path / "again", SpeedRow, later)
    stored = ResultsFolder(other)
    with stored.writing():
        stored.change(LaunchRow, lambda row: replace(row, measured_at="2027-01-01T00:00:00Z"))
    merge_folders([shards[0], other], into := tmp_path / "all")
    assert Counter(ResultsFolder(into).read(LaunchRow)) == Counter(ResultsFolder(shards[0]).read(LaunchRow))
    assert "a launch without rows in speed.csv" in (into / "launches.csv.rejected").read_text()


@pytest.mark.parametrize("failed_first", [True, False])
@pytest.mark.parametrize("together", [True, False])
def test_a_measurement_counts_before_a_failure(tmp_path: Path, failed_first: bool, together: bool) -> None:
    failed = fill_folder(
        tmp_path / "failed",
        training_rows(("fnet",), (250,), seeds=(0, 1), failures={("fnet", 250, 1): ("killed", "by a signal")}),
    )
    good = fill_folder(tmp_path / "good", training_rows(("fnet",), (250,), seeds=(1,)))
    folders = [failed, good] if failed_first else [good, failed]
    into = tmp_path / "all"
    for some in [folders] if together else [[folder] for folder in folders]:
        merged = merge_folders(some, into)
    assert {(row.seed, row.status) for row in ResultsFolder(into).read(TrainingRow)} == {(0, "ok"), (1, "ok")}
    assert counts(merged, "rows") == {"data_efficiency": 2}
    assert merged.is_complete, "nothing is to be done any more"
    assert counts(merged, "replaced" if failed_first else "superseded") == {"data_efficiency": 1}
    assert "by a signal" in (into / "data_efficiency.csv.rejected").read_text()
    before = contents(into)
    assert not merge_folders(folders, into).changed
    assert contents(into) == before


def test_a_failure_that_stands_is_told(tmp_path: Path) -> None:
    lost = {("fnet", 64): ("oom", "needs 2 MiB")}
    folder = fill_folder(tmp_path / "one", *speed_rows(("attention", "fnet"), (64,), launches=1, rounds=1, failures=lost))
    merged = merge_folders([folder], tmp_path / "all")
    assert (merged.failed, merged.is_complete) == (1, False)


def test_clocks_that_differ_do_not_matter(tmp_path: Path) -> None:
    early, late = (
        fill_folder(tmp_path / year, [speed_row(launch=launch, measured_at=f"{year}-01-01T00:00:00Z")])
        for launch, year in enumerate(("1970", "2099"), 1)
    )
    merge_folders([late, early], into := tmp_path / "all")
    assert sorted(row.launch for row in ResultsFolder(into).read(SpeedRow)) == [1, 2]


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_rows_without_their_environment_are_not_trusted(shards: list[Path], tmp_path: Path, how: str) -> None:
    (file,) = (shards[2] / "environments").iterdir()
    stored = file.read_bytes()
    file.unlink() if how == "missing" else file.write_bytes(stored.replace(b"Example 1", b"Example 2"))
    into = fill_folder(tmp_path / "all", [], machine=OTHER)
    merged = merge_folders(shards, into)
    assert rows_of(into) == rows_of(*shards[:2]), "also where the target knows the environment"
    assert [(each.folder, each.environment, each.rows) for each in merged.untrusted] == [(str(shards[2]), file.stem, 3)]
    assert not merged.is_complete
    file.write_bytes(stored)
    assert merge_folders(shards, into).is_complete
    assert rows_of(into) == rows_of(*shards)


def test_rows_of_the_target_get_no_environment_that_they_have_lost(shards: list[Path], tmp_path: Path) -> None:
    merge_folders(shards[:1], into := tmp_path / "all")
    (file,) = (into / "environments").iterdir()
    file.unlink()
    before = contents(into)
    with pytest.raises(StorageError, match=f"all has rows of the environment {file.stem}") as caught:
        merge_folders(shards, into)
    assert "mixbench remove --results" in caught.value.hint
    assert contents(into) == before


def test_tables_of_older_versions_are_read(shards: list[Path], tmp_path: Path) -> None:
    given = rows_of(*shards)
    for name, column in (("speed", "execution"), ("data_efficiency", "dev_scores")):
        without_column(shards[1] / f"{name}.csv", column)
    merge_folders(shards, into := tmp_path / "all")
    assert rows_of(into) == given
    assert (into / "speed.csv").read_text().splitlines()[0].count("execution") == 1


def without_column(file: Path, column: str) -> None:
    import pandas

    pandas.read_csv(file, dtype=str, keep_default_na=False).drop(columns=column).to_csv(file, index=False)


def test_a_folder_of_a_newer_version_is_left_out_whole(shards: list[Path], tmp_path: Path) -> None:
    table = shards[1] / "speed.csv"
    table.write_bytes(table.read_bytes().replace(b",3\n", b",4\n"))
    merged = merge_folders(shards, into := tmp_path / "all")
    assert rows_of(into) == rows_of(shards[0], shards[2])
    assert "has rows of schema 4; this version reads schema 3" in str(merged.unreadable[0])
    assert not merged.is_complete


def test_lines_that_do_not_count_are_named_and_kept(shards: list[Path], tmp_path: Path) -> None:
    table = shards[1] / "data_efficiency.csv"
    table.write_bytes(table.read_bytes().replace(b"mse", b"\xff", 1)[:-20])
    aside = shards[0] / "speed.csv.rejected"
    aside.write_bytes(b"# moved from speed.csv at 2026-01-01; its columns are\na,b\n# line 3: why\nkept,1\nkept,2\n")
    merged = merge_folders(shards, into := tmp_path / "all")
    assert [(folder, name, len(lines)) for folder, name, lines in merged.damaged] == [(str(shards[1]), "data_efficiency", 2)]
    assert not merged.is_complete
    assert len(ResultsFolder(into).read(TrainingRow)) == 1
    assert (into / aside.name).read_bytes() == aside.read_bytes()
    told = (into / "data_efficiency.csv.rejected").read_bytes().splitlines()
    assert told[0].startswith(f"# moved from {table} at ".encode())
    assert sum(line in table.read_bytes() for line in told if not line.startswith(b"#")) == 3, "the header and two lines"
    before = contents(into)
    aside.write_bytes(aside.read_bytes() + b"# line 9: other\nkept,3\n")
    merge_folders(shards, into)
    assert (
        (into / aside.name)
        .read_bytes()
        .endswith(b"kept,2\n# moved from speed.csv at 2026-01-01; its columns are\na,b\n# line 9: other\nkept,3\n")
    )
    assert {**contents(into), aside.name: b""} == {**before, aside.name: b""}


def with_weights(folder: Path, content: bytes, name: str = "checkpoints/0f.pt", **cell: Any) -> Path:
    """A folder with a run that names a file of weights."""
    (row,) = training_rows(("fnet",), (250,), seeds=(0,), **cell)
    fill_folder(folder, [replace(row, checkpoint=name)])
    if content:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_weights_go_with_the_rows_that_name_them(tmp_path: Path) -> None:
    one = with_weights(tmp_path / "one", b"weights")
    merge_folders([one], into := tmp_path / "all")
    assert (into / "checkpoints" / "0f.pt").read_bytes() == b"weights"
    bare = with_weights(tmp_path / "bare", b"", "checkpoints/1f.pt", layers=3)
    merged = merge_folders([one, bare], into)
    assert merged.missing_files == ((str(bare), "checkpoints/1f.pt"),)
    assert not merged.is_complete, "the folder may have been copied in part"
    with_weights(tmp_path / "bare-files", b"late", "checkpoints/1f.pt", layers=3)
    assert merge_folders([tmp_path / "bare-files"], into).missing_files == ()
    assert (into / "checkpoints" / "1f.pt").read_bytes() == b"late"


def test_a_file_that_several_rows_name_and_no_folder_has_is_named_once(tmp_path: Path) -> None:
    rows = map_rows({"attention": 0.8}, examples=3, checkpoint="checkpoints/0f.pt")
    folder = fill_folder(tmp_path / "one", rows)
    assert merge_folders([folder], tmp_path / "all").missing_files == ((str(folder), "checkpoints/0f.pt"),)


def test_files_of_one_name_and_other_content_are_named(tmp_path: Path) -> None:
    one = with_weights(tmp_path / "one", b"weights")
    two = with_weights(tmp_path / "two", b"others!", layers=3)
    merged = merge_folders([one, two], into := tmp_path / "all")
    assert merged.differing_files == ((str(two), "checkpoints/0f.pt"),)
    assert not merged.is_complete
    assert (into / "checkpoints" / "0f.pt").read_bytes() == b"weights"


def test_weights_of_the_target_are_named_as_it_names_them_itself(tmp_path: Path) -> None:
    into = with_weights(tmp_path / "results", b"weights")
    (row,) = map_rows({"attention": 0.8}, examples=1, checkpoint=f"{into}/checkpoints/0f.pt")
    folder = fill_folder(into / "shard-1-of-1", [row, replace(row, example=1, checkpoint="/elsewhere/1f.pt")])
    merge_folders([folder], into)
    stored = {row.example: row.checkpoint for row in ResultsFolder(into).read(AttentionMapRow)}
    assert stored == {0: "checkpoints/0f.pt", 1: "/elsewhere/1f.pt"}
    assert not merge_folders([folder], into).changed


@pytest.mark.parametrize("name", ["../secret.pt", "checkpoints/../../secret.pt", "{folder}/no.pt"])
def test_nothing_is_copied_from_outside_a_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.pt").write_bytes(b"secret")
    (row,) = training_rows(("fnet",), (250,), seeds=(0,))
    folder = fill_folder(tmp_path / "one", [replace(row, checkpoint=name.format(folder=tmp_path))])
    before = {path for path in tmp_path.rglob("*.pt")}
    merged = merge_folders([folder], tmp_path / "deep" / "all")
    assert set(tmp_path.rglob("*.pt")) == before
    assert merged.missing_files == ()


def test_places_of_code_and_texts_are_told_from_the_target(tmp_path: Path) -> None:
    from mixbench.tables.origins import read_origins, write_origins
    from mixbench.tables.texts import read_texts, write_texts

    mine, texts = tmp_path / "code" / "mine.py", tmp_path / "train.tsv"
    folders = [fill_folder(tmp_path / "deep" / name, [speed_row(launch=n)]) for n, name in enumerate("ab", 1)]
    write_origins(folders[0], [("0f", mine)])
    write_origins(folders[1], [("1f", mine)])
    write_texts(folders[1], {"data": {"train": texts, "text": "sentence"}})
    merge_folders(folders, into := tmp_path / "all")
    assert read_origins(into) == {"../code/mine.py": ("0f", "1f")}
    assert {name: Path(value).resolve() for name, value in read_texts(into)["data"].items() if name == "train"} == {
        "train": texts
    }
    before = contents(into)
    merge_folders(folders[:1], into)
    assert contents(into) == before


def test_a_folder_that_is_being_written_is_left_out(shards: list[Path], tmp_path: Path) -> None:
    with ResultsFolder(shards[1]).writing():
        merged = merge_folders(shards, into := tmp_path / "all")
    assert rows_of(into) == rows_of(shards[0], shards[2])
    ((folder, who),) = merged.busy
    assert (folder, who.startswith(f"process {os.getpid()} on ")) == (str(shards[1]), True)
    assert not merged.is_complete
    assert merge_folders(shards, into).is_complete


def test_nobody_writes_to_a_folder_while_it_is_read_but_others_read_it(shards: list[Path]) -> None:
    from mixbench.tables.lock import kept_still

    with kept_still(shards[0]) as writer, kept_still(shards[0]) as other:
        assert (writer, other) == ("", "")
        with pytest.raises(FolderBusyError), ResultsFolder(shards[0]).writing():
            pass
    with ResultsFolder(shards[0]).writing():
        pass


def test_locks_that_a_file_system_does_not_have_are_done_without(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_SH:
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert merge_folders(shards, tmp_path / "all").is_complete


def test_of_two_merges_at_once_one_is_refused(shards: list[Path], tmp_path: Path) -> None:
    into = tmp_path / "all"
    with ResultsFolder(into).writing(), pytest.raises(FolderBusyError) as caught:
        merge_folders(shards, into)
    assert "--into" in caught.value.hint
    assert contents(into) == {}


CHANGES = (
    *("merged_files.flush", "merged_files.shutil.copyfile", "merged_table.flush"),
    *("pending.os.rename", "pending.os.replace", "pending.flush_folder"),
)
"""Calls between which a merge may be stopped."""


class Stopped(BaseException):
    """The process ends here."""


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, BaseException], list[str]]]:
    """Raises an error instead of the n-th call that changes a disk; the list grows with these calls."""

    def arrange(number: int, error: BaseException) -> list[str]:
        monkeypatch.undo()
        seen: list[str] = []

        def stopping(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **named: Any) -> Any:
                seen.append(name)
                if len(seen) == number:
                    raise error
                return real(*given, **named)

            return call

        for name in CHANGES:
            module, _, place = name.rpartition(".")
            owner = f"mixbench.tables.{module}"
            monkeypatch.setattr(f"{owner}.{place}", stopping(name, _named(owner, place)))
        if isinstance(error, Stopped):
            monkeypatch.setattr(pending, "give_up", lambda folder: None)
        return seen

    yield arrange
    monkeypatch.undo()


def _named(owner: str, place: str) -> Callable[..., Any]:
    module, _, inner = owner.removeprefix("mixbench.tables.").partition(".")
    found: Any = __import__(f"mixbench.tables.{module}", fromlist=["_"])
    for part in filter(None, [*inner.split("."), place]):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "error",
    [Stopped(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()],
    ids=["killed", "full", "Ctrl-C"],
)
def test_wherever_a_merge_stops_the_target_is_as_before_or_complete(
    error: BaseException,
    shards: list[Path],
    tmp_path: Path,
    stop_at: Callable[[int, BaseException], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_weights(shards[1], b"weights", layers=3)
    merge_folders(shards[:1], start := tmp_path / "start")
    before, after = rows_of(start), rows_of(*shards)
    outcomes = set()
    for number in range(1, 100):
        into = tmp_path / f"all-{number}"
        shutil.copytree(start, into)
        calls = stop_at(number, error)
        try:
            merge_folders(shards, into)
        except (Stopped, StorageError, KeyboardInterrupt):
            pass
        else:
            break
        finally:
            stop_at(0, error)
            monkeypatch.undo()
        stands = rows_of(into)
        assert stands in (before, after), calls
        whole = stands == after
        outcomes.add(whole)
        for row in stands:
            ResultsFolder(into).environment(row.environment)
            assert not getattr(row, "checkpoint", "") or pending.current(into, row.checkpoint).is_file()
        with ResultsFolder(into).writing():
            pass
        assert rows_of(into) == stands, "the next writer keeps it so"
        assert not [path for path in into.iterdir() if path.name.startswith(".merg")]
        merge_folders(shards, into)
        assert rows_of(into) == after
    assert outcomes == {True, False}
    assert len(calls) > 10
    assert {call for call in calls} == set(CHANGES)


def test_a_full_disk_is_told_and_what_to_do(shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mixbench.tables.merged_table.flush", full)
    with pytest.raises(StorageError, match=r"cannot merge into .*all: No space left on device") as caught:
        merge_folders(shards, into := tmp_path / "all")
    assert caught.value.hint.startswith("Free some space and repeat the command")
    assert contents(into) == {}


def test_rows_of_every_table_are_merged() -> None:
    assert set(TABLES.values()) >= {SpeedRow, LaunchRow, TrainingRow, TrialRow, AttentionMapRow}
    assert merging.TABLES is TABLES
