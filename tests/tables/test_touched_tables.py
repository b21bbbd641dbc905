"""Tables that hands, editors and other programs changed: every row counts or is told, and nothing is lost from disk."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from folders import fill_folder
from sample_rows import speed_row
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

from mixbench.errors import StorageError, StorageWarning
from mixbench.tables.columns import Row, columns
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow

OTHER = MACHINE | {"cpu": "Other 4000"}


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    """Rows of another machine: two mixers, three launches of three rounds."""
    speed, launches = speed_rows(("attention", "none"), (64,), launches=3, rounds=3)
    return ResultsFolder(fill_folder(tmp_path / "results", speed, launches, machine=OTHER))


@pytest.fixture
def table(folder: ResultsFolder) -> Path:
    return folder.path / "speed.csv"


def written_to(folder: ResultsFolder) -> list[str]:
    """What any command that measures says of the tables before it measures."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with folder.writing():
            pass
    assert all(isinstance(each.message, StorageWarning) for each in caught)
    return [str(each.message) for each in caught]


def rejected(table: Path) -> list[str]:
    file = table.with_name(f"{table.name}.rejected")
    return file.read_text().splitlines() if file.exists() else []


def test_a_file_without_its_last_line_break_keeps_its_last_launch(folder: ResultsFolder, table: Path) -> None:
    rows, content = folder.read(SpeedRow), table.read_bytes()
    table.write_bytes(content.rstrip(b"\n"))
    assert folder.read(SpeedRow) == rows
    assert written_to(folder) == []
    assert table.read_bytes() == content
    assert rejected(table) == []


def test_the_last_trial_counts_only_with_all_of_its_values(tmp_path: Path) -> None:
    trials = [
        TrialRow(**vars(row) | {"trial": number, "sampled": '{"dropout":0.25}'})
        for number, row in enumerate(training_rows(), 1)
    ]
    folder = ResultsFolder(fill_folder(tmp_path, trials[:3]))
    table, rows = tmp_path / "tuning.csv", folder.read(TrialRow)
    whole = table.read_bytes().rstrip(b"\n")
    table.write_bytes(whole)
    assert folder.read(TrialRow) == rows
    for cut in range(1, len('"{""dropout"":0.25}"') + 1):
        table.write_bytes(whole[:-cut])
        with pytest.warns(StorageWarning, match=r"left out line 4 \(incomplete line: "):
            assert folder.read(TrialRow) == rows[:-1]


def test_a_torn_line_and_the_rest_of_its_launch_are_kept_beside_the_table(folder: ResultsFolder, table: Path) -> None:
    lines = table.read_bytes().splitlines()
    table.write_bytes(b"\n".join(lines)[:-20])
    (told,) = written_to(folder)
    every = len(columns(SpeedRow))
    assert told == (
        f"{table}: moved to speed.csv.rejected: 2 lines from line 17 on (from a launch with only 2 of 3 rounds), "
        f"line 19 (incomplete line: {every - 1} columns instead of {every})"
    )
    assert table.read_bytes().splitlines() == lines[:-3]
    header, *aside = rejected(table)
    assert header.startswith("# moved from speed.csv at 20")
    assert [line.encode() for line in aside if not line.startswith("#")] == [*lines[:1], *lines[-3:-1], lines[-1][:-20]]
    assert [line for line in aside if line.startswith("#")] == [
        "# 2 lines from line 17 on: from a launch with only 2 of 3 rounds",
        f"# line 19: incomplete line: {every - 1} columns instead of {every}",
    ]
    assert written_to(folder) == []


def test_what_was_corrected_goes_back_into_the_table(folder: ResultsFolder, table: Path) -> None:
    rows, lines = folder.read(SpeedRow), table.read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b",ok,", b",okay,")]))
    written_to(folder)
    assert len(folder.read(SpeedRow)) == len(rows) - 3
    aside = [line for line in rejected(table) if not line.startswith("#")]
    with table.open("a") as stream:
        stream.write("\n".join(aside).replace(",okay,", ",ok,"))
    assert folder.read(SpeedRow) == rows


def test_a_damaged_line_of_any_table_is_set_aside_by_a_writer_and_the_rest_stays(tmp_path: Path) -> None:
    folder = ResultsFolder(fill_folder(tmp_path, training_rows()))
    table, rows = tmp_path / "data_efficiency.csv", folder.read(TrainingRow)
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([*lines[:3], "what,is,this\n", *lines[3:]]))
    with pytest.raises(StorageError, match=r"line 4: 3 columns instead of") as caught:
        folder.read(TrainingRow)
    assert caught.value.hint.endswith("moves it to data_efficiency.csv.rejected.")
    (told,) = written_to(folder)
    assert "moved to data_efficiency.csv.rejected: line 4 (3 columns instead of" in told
    assert folder.read(TrainingRow) == rows
    assert "what,is,this" in rejected(table)


def test_a_line_that_cannot_be_kept_stays_where_it_is(folder: ResultsFolder, table: Path) -> None:
    table.write_bytes(content := table.read_bytes() + b"what\n")
    (folder.path / "speed.csv.rejected").mkdir()
    with pytest.raises(StorageError, match=r"cannot add 1 lines to .*speed\.csv\.rejected"), folder.writing():
        pass
    assert table.read_bytes() == content


def test_further_lines_are_added_to_those_kept_before(folder: ResultsFolder, table: Path) -> None:
    for text in ("one", "two"):
        with table.open("a") as stream:
            stream.write(f"{text}\n")
        written_to(folder)
    assert [line for line in rejected(table) if line in ("one", "two")] == ["one", "two"]


def header_of(row_type: type[Row]) -> str:
    return ",".join(columns(row_type))


def reordered(content: bytes, order: Callable[[Sequence[str]], Sequence[str]], separator: str = ",") -> bytes:
    header, *records = csv.reader(io.StringIO(content.decode()))
    names = order(header)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", delimiter=separator).writerows(
        [names, *([dict(zip(header, record, strict=True))[name] for name in names] for record in records)]
    )
    return text.getvalue().encode()


def quoted(content: bytes) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(csv.reader(io.StringIO(content.decode())))
    return text.getvalue().encode()


def by_pandas(content: bytes) -> bytes:
    import pandas

    text: str = pandas.read_csv(io.BytesIO(content)).to_csv()
    return text.encode()


def middle(content: bytes, added: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join([*lines[:5], added, *lines[5:]])


TOUCHED: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda content: content.replace(b"\n", b"\r\n"),
    "cr": lambda content: content.replace(b"\n", b"\r"),
    "crlf-twice": lambda content: content.replace(b"\n", b"\r\r\n"),
    "mixed-line-breaks": lambda content: content.replace(b"\n", b"\r\n", 4).rstrip(b"\n"),
    "byte-order-mark": lambda content: b"\xef\xbb\xbf" + content,
    "two-byte-order-marks": lambda content: b"\xef\xbb\xbf" + middle(content, b"\xef\xbb\xbf" + content.splitlines(True)[0]),
    "blank-lines": lambda content: b"\n" + content.replace(b"\n", b"\n\n  \n") + b"\n\n",
    "blank-rows": lambda content: middle(content, b"," * 41 + b"\n") + b"," * 41,
    "more-separators": lambda content: content.replace(b"\n", b",,\n"),
    "nul-at-the-end": lambda content: content + b"\0" * 512,
    "header-again": lambda content: middle(content, content.splitlines(True)[0]),
    "header-last": lambda content: b"".join([*content.splitlines(True)[1:], content.splitlines(True)[0]]),
    "quoted": quoted,
    "columns-reversed": lambda content: reordered(content, lambda names: names[::-1]),
    "columns-sorted": lambda content: reordered(content, sorted),
    "semicolons": lambda content: reordered(content, list, ";"),
    "tabs": lambda content: reordered(content, list, "\t"),
    "another-order-below": lambda content: content + reordered(content, sorted).splitlines(True)[0],
    "pandas": by_pandas,
}


@pytest.mark.parametrize("how", TOUCHED)
def test_a_table_that_a_program_wrote_anew_is_read_as_before(folder: ResultsFolder, table: Path, how: str) -> None:
    rows, launches = folder.read(SpeedRow), folder.read(LaunchRow)
    touched = TOUCHED[how](table.read_bytes())
    table.write_bytes(touched)
    assert folder.read(SpeedRow) == rows
    assert table.read_bytes() == touched, "a reader changes nothing"
    assert written_to(folder) == []
    added = replace(rows[-1], launch=4, round=1, rounds=1)
    with folder.writing():
        folder.append([added])
    assert folder.read(SpeedRow) == [*rows, added]
    assert folder.read(LaunchRow) == launches
    assert rejected(table) == []


@pytest.mark.parametrize("content", [b"\n", b"\xef\xbb\xbf", b"\0\0", b" \r\n"])
def test_a_table_of_nothing_gets_its_header(folder: ResultsFolder, table: Path, content: bytes) -> None:
    rows = folder.read(SpeedRow)
    table.write_bytes(content)
    assert folder.read(SpeedRow) == []
    with folder.writing():
        folder.append(rows)
    assert folder.read(SpeedRow) == rows
    assert table.read_text().startswith(header_of(SpeedRow))


def test_whole_numbers_with_a_gap_come_back_from_pandas(tmp_path: Path) -> None:
    rows = [speed_row(round=1, rounds=2, flops=4194304), speed_row(round=2, rounds=2), speed_row(launch=2, flops=2**40)]
    folder = ResultsFolder(fill_folder(tmp_path, rows))
    (tmp_path / "speed.csv").write_bytes(changed := by_pandas((tmp_path / "speed.csv").read_bytes()))
    assert b"4194304.0" in changed
    assert [row.flops for row in folder.read(SpeedRow)] == [4194304, None, 2**40]


def test_sorted_lines_are_the_same_rows(folder: ResultsFolder, table: Path) -> None:
    rows = folder.read(SpeedRow)
    table.write_bytes(b"".join(sorted(table.read_bytes().splitlines(keepends=True))))
    assert sorted(map(str, folder.read(SpeedRow))) == sorted(map(str, rows))


def test_rows_that_stand_twice_count_once_and_are_told(folder: ResultsFolder, table: Path) -> None:
    rows, content = folder.read(SpeedRow), table.read_bytes()
    table.write_bytes(content + content)
    with pytest.warns(StorageWarning, match=r"left out 18 lines from line 2 on \(repeated below\)"):
        assert folder.read(SpeedRow) == rows
    assert len(written_to(folder)) == 1
    assert table.read_bytes() == content
    assert len([line for line in rejected(table) if not line.startswith("#")]) == len(rows) + 1


def test_of_a_launch_that_was_measured_twice_the_newest_whole_one_counts(folder: ResultsFolder, table: Path) -> None:
    old = folder.read(SpeedRow)
    new = [replace(row, measured_at="2027-01-01T00:00:00Z", latency_ms=1.0) for row in old if row.launch == 1]
    half = [replace(row, measured_at="2028-01-01T00:00:00Z") for row in new if row.round < 3]
    with folder.writing():
        folder.append([*half, *new])
    with pytest.warns(StorageWarning, match=r"6 lines from line 2 on \(measured again later\), 4 lines .* 2 of 3 rounds"):
        assert folder.read(SpeedRow) == [*(row for row in old if row.launch != 1), *new]


def test_calibrations_of_one_launch_at_different_times_all_count(folder: ResultsFolder) -> None:
    rows = folder.read(LaunchRow)
    again = [replace(row, measured_at="2027-01-01T00:00:00Z") for row in rows]
    with folder.writing():
        folder.append(again)
    assert folder.read(LaunchRow) == [*rows, *again]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda text: text.partition("\n")[2], r"has no header"),
        (lambda text: text.replace("mixer,", "mixr,", 1), "line 1: the header lacks mixer and has the unknown mixr"),
        (lambda text: text.replace("config,", "mixer,", 1), "line 1: the header lacks config and has twice mixer"),
        (lambda text: text.replace(",schema\n", ",schema,colour\n", 1), "has unknown columns: colour"),
        (
            lambda text: f"{header_of(LaunchRow)}\n",
            "line 1: the header lacks mixer, config, settings, round and has the unknown",
        ),
        (lambda text: "my,own,table\n1,2,3\n", "has no header"),
    ],
    ids=["none", "misspelt", "twice", "newer", "another-table", "not-ours"],
)
def test_a_file_that_is_no_such_table_is_an_error_and_stays_as_it_is(
    folder: ResultsFolder, table: Path, damage: Callable[[str], str], fault: str
) -> None:
    table.write_text(text := damage(table.read_text()))
    with pytest.raises(StorageError, match=fault):
        folder.read(SpeedRow)
    with pytest.raises(StorageError, match=fault), folder.writing():
        pass
    assert table.read_text() == text
    assert rejected(table) == []


def test_no_column_is_called_like_a_mixer_or_a_task() -> None:
    """So that a line of names is never a row."""
    assert {name for row_type in TABLES.values() for name in columns(row_type)}.isdisjoint({"attention", "none", "shapes"})
