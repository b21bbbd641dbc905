from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import REPOSITORY
from sample_rows import speed_row

from mixbench.errors import FolderBusyError, RequestError, StorageError, StorageWarning
from mixbench.tables import results
from mixbench.tables.by_column import of_rows
from mixbench.tables.columns import columns, identity
from mixbench.tables.done import Done, done, rows_in_order
from mixbench.tables.reading import read_table
from mixbench.tables.results import ResultsFolder
from mixbench.tables.shared_columns import SCHEMA
from mixbench.tables.sifting import left_out
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"))


def launch_of(launch: int, rounds: int = 2, **changes: Any) -> list[SpeedRow]:
    return [
        speed_row(launch=launch, round=number, rounds=rounds, latency_ms=0.5 + number, **changes)
        for number in range(1, rounds + 1)
    ]


def launch_row(**changes: Any) -> LaunchRow:
    shared = {name: getattr(speed_row(), name) for name in columns(LaunchRow) if name in columns(SpeedRow)}
    return LaunchRow(**{**shared, **changes})


def complete(rows: list[SpeedRow]) -> list[SpeedRow]:
    """The rows that count."""
    reasons = left_out(of_rows(SpeedRow, rows))
    return [row for place, row in enumerate(rows) if place not in reasons]


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    return ResultsFolder(tmp_path / "results")


@pytest.fixture
def table(folder: ResultsFolder) -> Path:
    return folder.path / "speed.csv"


def write(folder: ResultsFolder, *batches: list[Any]) -> None:
    with folder.writing():
        for rows in batches:
            folder.append(rows)


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_rows_come_back_as_they_were_appended(folder: ResultsFolder) -> None:
    rows = [*launch_of(1), speed_row(launch=2, round=0, status="oom", detail='needs "3 GiB", has 2')]
    write(folder, rows[:1], rows[1:], [launch_row(load=0.5)])
    assert folder.read(SpeedRow) == rows
    assert folder.read(LaunchRow) == [launch_row(load=0.5)]


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_any_text_on_one_line_comes_back(texts: list[tuple[str, str, str]]) -> None:
    rows = [speed_row(launch=i, mixer=a, variant=b, detail=c) for i, (a, b, c) in enumerate(texts)]
    with tempfile.TemporaryDirectory() as path:
        write(ResultsFolder(path), rows)
        assert ResultsFolder(path).read(SpeedRow) == rows


def test_a_text_longer_than_the_csv_module_likes_comes_back(folder: ResultsFolder) -> None:
    write(folder, [speed_row(detail="x" * 200_000)])
    assert folder.read(SpeedRow)[0].detail == "x" * 200_000


def test_a_folder_that_is_not_there_holds_no_rows(folder: ResultsFolder) -> None:
    assert folder.read(SpeedRow) == []
    assert not folder.path.exists()


def test_writing_creates_the_folder_and_its_parents(tmp_path: Path) -> None:
    write(ResultsFolder(str(tmp_path / "a" / "b")), launch_of(1))
    assert (tmp_path / "a" / "b" / "speed.csv").is_file()


def test_nothing_is_changed_outside_of_writing(folder: ResultsFolder) -> None:
    write(folder, launch_of(1))
    changes: list[Callable[[], object]] = [
        lambda: folder.append(launch_of(2)),
        lambda: folder.replace(SpeedRow, lambda row: False),
        lambda: folder.save_environment({}),
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="writing"):
            change()
    assert folder.read(SpeedRow) == launch_of(1)


def test_rows_of_two_tables_are_not_appended_together(folder: ResultsFolder) -> None:
    with folder.writing(), pytest.raises(TypeError):
        folder.append([speed_row(), launch_row()])


def test_appending_nothing_makes_no_file(folder: ResultsFolder, table: Path) -> None:
    write(folder, [])
    assert not table.exists()


def test_rows_of_one_append_are_one_write(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.write

    def counted(file: int, data: bytes) -> int:
        sizes.append(len(data))
        return real(file, data)

    monkeypatch.setattr(os, "write", counted)
    with folder.writing():
        sizes.clear()
        folder.append(launch_of(1))
    assert sizes == [(folder.path / "speed.csv").stat().st_size]


@pytest.fixture
def folder_in_memory() -> Iterator[ResultsFolder]:
    """Where flushing costs nothing: a test that writes thousands of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        yield ResultsFolder(path)


@pytest.mark.filterwarnings("ignore::mixbench.errors.StorageWarning")
@pytest.mark.parametrize("earlier", [[], launch_of(1)], ids=["first-write", "later-write"])
def test_a_write_torn_at_any_byte_is_repaired_and_can_be_repeated(
    folder_in_memory: ResultsFolder, earlier: list[SpeedRow]
) -> None:
    folder, table = folder_in_memory, folder_in_memory.path / "speed.csv"
    last = [*launch_of(2, mixer="naïve"), *launch_of(2, rounds=1, mixer="none", config='{"a":"b,c"}')]
    write(folder, earlier)
    before = table.stat().st_size if earlier else 0
    write(folder, last)
    content = table.read_bytes()
    for cut in range(before, len(content)):
        os.truncate(table, cut)
        lines = content[:cut].split(b"\n")
        whole = sum(line == then for line, then in zip(lines, content.split(b"\n"), strict=False))
        written = max(0, whole - 1 - len(earlier))
        standing = [*earlier, *last[: 0 if written == 1 else written]]
        assert folder.read(SpeedRow) == standing, "a reader sees only whole launches, before anyone repairs"
        with folder.writing():
            assert folder.read(SpeedRow) == standing
            folder.append([row for row in last if row not in standing])
        assert table.read_bytes() == content


def test_incomplete_launches_are_set_aside_and_whole_ones_and_failures_stay(folder: ResultsFolder) -> None:
    failed = speed_row(launch=3, round=0, status="killed", detail="signal 9", mixer="gmlp")
    rows = [*launch_of(1, rounds=3), *launch_of(2, rounds=3)[:2], failed]
    write(folder, rows, [launch_row()])
    with pytest.warns(StorageWarning, match=r"left out 2 lines from line 5 on \(from a launch with only 2 of 3 rounds\)"):
        assert folder.read(SpeedRow) == [*rows[:3], failed]
    with pytest.warns(StorageWarning, match=r"moved to speed\.csv\.rejected: 2 lines from line 5 on"):
        write(folder)
    assert folder.read(SpeedRow) == [*rows[:3], failed]
    assert folder.read(LaunchRow) == [launch_row()]


def test_the_same_round_twice_does_not_make_a_launch_complete() -> None:
    first = launch_of(1, rounds=2)[0]
    assert complete([first, first]) == []


def test_a_failure_does_not_stand_in_for_a_missing_round() -> None:
    failed = speed_row(round=0, status="timeout", rounds=1)
    assert complete([launch_of(1, rounds=2)[0], failed]) == [failed]


def test_finished_launches_are_the_complete_ones_that_went_well() -> None:
    rows = [*launch_of(1), *launch_of(2)[:1], *launch_of(3), *launch_of(1, tokens=128), speed_row(launch=4, status="error")]
    found = done(of_rows(SpeedRow, complete(rows)))
    assert found.finished == {identity(rows[0]): {1, 3}, identity(rows[-2]): {1}}
    assert found.latest == {identity(rows[0]): rows[4], identity(rows[-2]): rows[6]}
    assert found.failed == {identity(rows[-1])}
    assert list(found.latest.values()) == [rows[4], rows[6]]


def test_a_table_without_rows_has_nothing_done() -> None:
    assert done(of_rows(SpeedRow, [])) == Done({}, set(), {})


def test_cells_with_a_row_that_is_not_ok_have_failed() -> None:
    unsupported = speed_row(mixer="fnet", status="unsupported")
    early, late = speed_row(launch=1, status="oom"), speed_row(launch=2, status="error")
    rows = [unsupported, *launch_of(1, tokens=128), early, late]
    assert done(of_rows(SpeedRow, rows)).failed == {identity(unsupported), identity(early)}


def test_rows_come_in_the_order_of_the_plan_then_of_columns() -> None:
    rows = [*launch_of(2), *launch_of(10, tokens=128), *launch_of(1), *launch_of(1, tokens=128), *launch_of(1, tokens=256)]
    planned = [identity(rows[2]), ("unknown",), identity(rows[0])]
    found = rows_in_order(of_rows(SpeedRow, rows), planned, "launch", "round")
    assert found == [*rows[6:8], *rows[2:4], *rows[4:6], *rows[:2]]


def half_then_full(file: int, data: bytes, real: Callable[[int, bytes], int] = os.write) -> int:
    if len(data) <= 100:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return real(file, data[: len(data) // 2])


@pytest.mark.parametrize("earlier", [[], launch_of(1)], ids=["first-write", "later-write"])
def test_a_full_disk_loses_no_rows_and_says_what_to_do(
    folder: ResultsFolder, earlier: list[SpeedRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder.writing():
        folder.append(earlier)
        with monkeypatch.context() as full:
            full.setattr(os, "write", half_then_full)
            with pytest.raises(StorageError, match=r"speed\.csv: No space left") as caught:
                folder.append(launch_of(2))
        assert "Free some space" in caught.value.hint
        assert folder.read(SpeedRow) == earlier
        folder.append(launch_of(2))
    assert folder.read(SpeedRow) == [*earlier, *launch_of(2)]


def test_a_disk_that_is_full_only_when_flushing_loses_no_rows(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    write(folder, launch_of(1))
    with folder.writing():
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError):
            folder.append(launch_of(2))
        assert folder.read(SpeedRow) == launch_of(1)


def test_a_write_that_takes_several_calls_is_completed(folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:50]))
    write(folder, launch_of(1))
    assert folder.read(SpeedRow) == launch_of(1)


LIMITED = """
import resource, signal, sys
from mixbench.errors import StorageError
from mixbench.tables.reading import read_table
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import SpeedRow
folder = ResultsFolder(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with folder.writing():
    rows = folder.read(SpeedRow)
    limit = (folder.path / "speed.csv").stat().st_size + 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for change in (lambda: folder.append(rows), lambda: folder.replace(SpeedRow, lambda row: row.launch > 1)):
        try:
            change()
            print("done")
        except StorageError as error:
            print(error)
"""


def test_a_file_that_must_not_grow_is_left_as_it_was(folder: ResultsFolder, table: Path) -> None:
    write(folder, launch_of(1), launch_of(2))
    process = python(LIMITED, folder.path)
    output, _ = process.communicate(timeout=60)
    assert "cannot add 4 rows" in output
    assert "File too large" in output
    assert output.endswith("done\n"), "a rewrite that fits is not refused"
    assert folder.read(SpeedRow) == launch_of(2)


def test_replace_drops_what_is_not_kept_and_counts_it(folder: ResultsFolder) -> None:
    with folder.writing():
        assert folder.replace(SpeedRow, lambda row: False) == 0
        folder.append([*launch_of(1), *launch_of(2)])
        assert folder.replace(SpeedRow, lambda row: row.launch == 2) == 2
        folder.append(launch_of(3))
    assert folder.read(SpeedRow) == [*launch_of(2), *launch_of(3)]


def test_replace_on_a_full_disk_changes_nothing(folder: ResultsFolder, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with folder.writing():
        folder.append([*launch_of(1), *launch_of(2)])
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="No space left"):
            folder.replace(SpeedRow, lambda row: row.launch == 2)
    assert folder.read(SpeedRow) == [*launch_of(1), *launch_of(2)]
    assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "speed.csv"]


KILLED_BEFORE_RENAME = """
import os, signal, sys
from mixbench.tables.reading import read_table
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import SpeedRow
folder = ResultsFolder(sys.argv[1])
os.replace = lambda new, old: os.kill(os.getpid(), signal.SIGKILL)
with folder.writing():
    folder.replace(SpeedRow, lambda row: False)
"""


def test_a_writer_killed_before_the_rename_changes_nothing(folder: ResultsFolder, table: Path) -> None:
    write(folder, launch_of(1))
    content = table.read_bytes()
    assert python(KILLED_BEFORE_RENAME, folder.path).wait(timeout=60) == -signal.SIGKILL
    leftover = folder.path / ".speed.csv.new"
    assert leftover.exists()
    assert table.read_bytes() == content
    write(folder, launch_of(2))
    assert not leftover.exists()
    assert folder.read(SpeedRow) == [*launch_of(1), *launch_of(2)]


HOLDER = """
import subprocess, sys
from mixbench.tables.reading import read_table
from mixbench.tables.results import ResultsFolder
with ResultsFolder(sys.argv[1]).writing():
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_another_process_writes_is_busy_until_that_process_is_killed(folder: ResultsFolder) -> None:
    holder = python(HOLDER, folder.path)
    assert holder.stdout
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(FolderBusyError, match=f"process {holder.pid} on ") as caught, folder.writing():
            pass
        assert str(folder.path) in str(caught.value)
        assert "--results" in caught.value.hint
        holder.kill()
        holder.wait(timeout=60)
        write(folder, launch_of(1))
        os.kill(child, 0)
    finally:
        holder.kill()
        os.kill(child, signal.SIGKILL)
        holder.communicate(timeout=60)
    assert folder.read(SpeedRow) == launch_of(1)


def test_a_folder_is_busy_for_a_second_writer_in_the_same_process_and_readable(folder: ResultsFolder) -> None:
    second = ResultsFolder(folder.path)
    with folder.writing():
        folder.append(launch_of(1))
        with pytest.raises(FolderBusyError), second.writing():
            pass
        assert second.read(SpeedRow) == launch_of(1)
        folder.append(launch_of(2))
    write(second, launch_of(3))


def test_a_folder_is_free_again_after_an_interruption(folder: ResultsFolder) -> None:
    with suppress(KeyboardInterrupt), folder.writing():
        folder.append(launch_of(1))
        raise KeyboardInterrupt
    write(ResultsFolder(folder.path), launch_of(2))
    assert folder.read(SpeedRow) == [*launch_of(1), *launch_of(2)]
    assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "speed.csv"]


def without_columns(table: Path, *dropped: str) -> None:
    lines = [line.split(",") for line in table.read_text().splitlines()]
    kept = [index for index, name in enumerate(lines[0]) if name not in dropped]
    table.write_text("".join(",".join(line[index] for index in kept) + "\n" for line in lines))


def test_a_table_of_an_older_schema_is_read_and_appended_to(folder: ResultsFolder, table: Path) -> None:
    plain = launch_of(1, config="{}")
    write(folder, plain)
    current = table.read_bytes()
    without_columns(table, "quality", "allocated_mib")
    assert len(table.read_bytes()) < len(current)
    assert folder.read(SpeedRow) == plain
    write(folder, launch_of(2))
    assert folder.read(SpeedRow) == [*plain, *launch_of(2)]
    assert table.read_bytes().startswith(current)


def test_a_table_of_a_newer_schema_is_refused_and_not_touched(folder: ResultsFolder, table: Path) -> None:
    write(folder, [speed_row(schema=SCHEMA)])
    header, row = table.read_text().splitlines()
    for content in (f"{header},colour\n{row},red\n", f"{header}\n{row[:-1]}{SCHEMA + 1}\n"):
        table.write_text(content)
        with pytest.raises(StorageError, match=rf"speed\.csv has .*(colour|schema {SCHEMA + 1})") as caught:
            write(folder, launch_of(1))
        assert "upgrade" in caught.value.hint
        assert table.read_text() == content


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda line: line.replace(b",64,", b",many,"), "column tokens: cannot read 'many'"),
        (lambda line: line.replace(b",64,", b",64,64,"), f"{len(columns(SpeedRow)) + 1} columns instead of"),
        (lambda line: line.replace(b",2.5,", b",nan,"), "latency_ms is nan, not a finite number"),
        (lambda line: line.replace(b"attention", b"\xff\xfe"), "not UTF-8"),
        (lambda line: line.replace(b"cpu", b'"cpu'), "unexpected end of data"),
        (lambda line: line.replace(b"cpu", b"c\rpu"), "columns instead of"),
        (lambda line: line.replace(b",ok,", b",fine,"), "status is 'fine'"),
    ],
    ids=["value", "columns", "number", "encoding", "quote", "line-break", "status"],
)
def test_a_reader_names_a_damaged_line_and_touches_nothing(
    folder: ResultsFolder, table: Path, damage: Callable[[bytes], bytes], fault: str
) -> None:
    write(folder, launch_of(1, config="{}"), launch_of(2, config="{}"))
    lines = table.read_bytes().splitlines(keepends=True)
    lines[2] = damage(lines[2])  # the second row: launch 1, round 2
    table.write_bytes(b"".join(lines))
    with pytest.raises(StorageError, match=rf"speed\.csv, line 3: .*({fault})") as caught:
        folder.read(SpeedRow)
    assert "Correct or restore it." in caught.value.hint
    assert "speed.csv.rejected" in caught.value.hint
    assert table.read_bytes() == b"".join(lines)


def test_a_table_saved_by_a_spreadsheet_is_still_read(folder: ResultsFolder, table: Path) -> None:
    write(folder, launch_of(1, compiled=True))
    text = table.read_text().replace("\n", "\r\n").replace("true", "TRUE")
    table.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert folder.read(SpeedRow) == launch_of(1, compiled=True)


def test_pandas_reads_a_table_as_it_is(folder: ResultsFolder, table: Path) -> None:
    import pandas

    write(folder, launch_of(1, mixer="none", compiled=True))
    frame = pandas.read_csv(table)
    assert list(frame.columns) == list(columns(SpeedRow))
    assert frame["mixer"].tolist() == ["none", "none"]
    assert frame["compiled"].tolist() == [True, True]
    assert frame["latency_ms"].tolist() == [1.5, 2.5]
    assert frame["cpu_ms"].isna().all()


def test_a_file_where_the_folder_should_be_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for path in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(RequestError, match="taken") as caught, ResultsFolder(path).writing():
            pass
        assert "--results" in caught.value.hint
        with pytest.raises(StorageError, match="cannot read"):
            ResultsFolder(path).read(SpeedRow)


@contextmanager
def unprivileged() -> Iterator[None]:
    """As another user where the tests run as root, whom no permission stops."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_must_not_be_written_is_an_error_before_anything_is_measured(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o555)
        folder = ResultsFolder(path)
        measured = False
        with unprivileged(), pytest.raises(StorageError, match="Permission denied") as caught, folder.writing():
            measured = True
        assert not measured
        assert "--results" in caught.value.hint


def test_an_environment_is_written_once_and_comes_back(folder: ResultsFolder) -> None:
    content = {"torch": "2.13.0", "cpu": {"cores": 2, "model": "Ryzen™"}, "gpu": None}
    with folder.writing():
        digest = folder.save_environment(content)
        file = folder.path / "environments" / f"{digest}.json"
        first = file.stat().st_mtime_ns, file.stat().st_ino
        assert folder.save_environment(dict(reversed(content.items()))) == digest
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == first
        assert folder.save_environment({**content, "torch": "2.11.0"}) != digest
    assert len(digest) == 12
    assert folder.environment(digest) == content == json.loads(file.read_text())


def test_an_environment_that_is_missing_or_damaged_is_named(folder: ResultsFolder) -> None:
    with folder.writing():
        digest = folder.save_environment({"torch": "2.13.0"})
    for content in ("{", "[1]", "3", '{"torch": "2.14.0"}', "[" * 10**5):
        (folder.path / "environments" / f"{digest}.json").write_text(content)
        with pytest.raises(StorageError, match=f"{digest}.json is damaged"):
            folder.environment(digest)
    with folder.writing():
        folder.save_environment({"torch": "2.13.0"})
    assert folder.environment(digest) == {"torch": "2.13.0"}
    with pytest.raises(StorageError, match=r"cannot read .*no-such\.json: No such file"):
        folder.environment("no-such")


@pytest.mark.parametrize("gpus", [7, {"H100": 1}, ["H100", 7], None])
def test_gpus_that_have_no_names_are_damage(folder: ResultsFolder, gpus: Any) -> None:
    with folder.writing():
        digest = folder.save_environment({"gpus": gpus})
    with pytest.raises(StorageError, match=r"gpus is .*, not a list of texts"):
        folder.environment(digest)


def test_a_row_that_is_written_twice_over_keeps_its_digits(folder: ResultsFolder) -> None:
    row = speed_row(latency_ms=1 / 3, steal_ms=2e-7)
    write(folder, [row])
    once = folder.read(SpeedRow)
    write(folder, [dataclasses.replace(once[0], launch=2)])
    assert once[0].latency_ms == 0.333333333
    assert [dataclasses.replace(other, launch=1) for other in folder.read(SpeedRow)] == once * 2


def test_a_table_is_read_once_while_it_does_not_change(
    folder: ResultsFolder, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(results, "read_table", lambda file, row_type: (read.append(file), read_table(file, row_type))[1])
    write(folder, launch_of(1))
    os.utime(table, (1e9, 1e9))
    with folder.writing():
        read.clear()
        assert folder.read(SpeedRow) == launch_of(1) == folder.read(SpeedRow)
        assert read == []
    assert folder.read(SpeedRow) == launch_of(1)
    assert read == []
    changed = table.read_bytes().replace(b"attention", b"attraction")
    table.write_bytes(changed)
    assert {row.mixer for row in folder.read(SpeedRow)} == {"attraction"}
    with folder.writing():
        folder.append(launch_of(2))
        assert folder.read(SpeedRow)[2:] == launch_of(2)


def test_a_table_that_changed_a_moment_ago_is_read_again(folder: ResultsFolder, table: Path) -> None:
    write(folder, launch_of(1))
    times = (table.stat().st_atime_ns, table.stat().st_mtime_ns)
    with folder.writing():
        folder.read(SpeedRow)
        table.write_bytes(table.read_bytes().replace(b"attention", b"attentive"))
        os.utime(table, ns=times)
        assert {row.mixer for row in folder.read(SpeedRow)} == {"attentive"}
