"""Tables read by column give just the rows that are read line by line, and nothing that is not sound."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from damaging import Files, damaged, sound_results
from folders import fill_folder
from fuzzing import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_rows import speed_row
from synthetic import speed_rows
from synthetic_training import training_rows

from mixbench.errors import StorageError
from mixbench.tables.columns import from_record
from mixbench.tables.reading import read_table
from mixbench.tables.rows import TABLES
from mixbench.tables.runs import NotPlainError, TableTexts, TextRow
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow

TEXTS = {name: TableTexts(row_type) for name, row_type in TABLES.items()}


def plain_rows(name: str, file: Path) -> list[TextRow]:
    """The rows of a file that is plain. Raises NotPlainError."""
    calls: list[int] = []

    def use(rows: Iterable[TextRow]) -> list[TextRow]:
        if isinstance(rows, list):
            raise NotPlainError
        found = list(rows)
        TEXTS[name].runs(found_once for found_once in found)
        calls.append(1)
        return found

    return TEXTS[name].read(file, use)[0]


@given(st.sampled_from([name for name in sorted(sound_results()) if name.endswith(".csv")]), damaged(sound_results()))
@settings(CASES, max_examples=150)
def test_what_is_read_by_column_is_what_is_read_line_by_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, files: Files
) -> None:
    table, row_type = name.removesuffix(".csv"), TABLES[name.removesuffix(".csv")]
    file = tmp_path_factory.getbasetemp() / name
    file.write_bytes(files.get(name, b""))
    try:
        rows = plain_rows(table, file)
    except (NotPlainError, StorageError):
        return
    slow = read_table(file, row_type)
    assert (slow.damaged, slow.incomplete) == ([], [])
    names = list(read_names(table))
    assert [from_record(row_type, dict(zip(names, row.texts, strict=True))) for row in rows] == slow.rows
    assert [(row.number, row.line[:-1]) for row in rows] == [
        (line.number, line.content) for line in slow.lines(file, range(len(rows)))
    ]


def read_names(table: str) -> list[str]:
    return TEXTS[table].header.decode().strip().split(",")


@pytest.mark.parametrize("name", [name for name in sorted(sound_results()) if name.endswith(".csv")])
def test_what_mixbench_writes_is_plain(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(sound_results()[name])
    assert len(plain_rows(name.removesuffix(".csv"), tmp_path / name)) == sound_results()[name].count(b"\n") - 1


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.rstrip(b"\n"),
        lambda text: text.replace(b",false,", b",False,"),
        lambda text: text + b"\n",
    ],
    ids=["windows", "mark", "no last break", "False", "blank line"],
)
def test_a_run_is_the_same_however_its_lines_are_written(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    folder = fill_folder(tmp_path, speed_rows(("attention", "fnet"), (64,), launches=2, rounds=3)[0])
    file, texts = folder / "speed.csv", TEXTS["speed"]
    before, _ = texts.read(file, texts.runs)
    assert change(file.read_bytes()) != file.read_bytes()
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(NotPlainError):
        plain_rows("speed", file)
    after, left_out = texts.read(file, texts.runs)
    assert [(run.key, run.content) for run in after] == [(run.key, run.content) for run in before]
    assert left_out == []


def test_rounds_of_a_launch_are_a_run_and_a_trained_model_is_one(tmp_path: Path) -> None:
    failed = {("fnet", 500, 1): ("oom", "needs 2 MiB")}
    folder = fill_folder(
        tmp_path,
        speed_rows(("attention", "fnet"), (64, 128), launches=2, rounds=3)[0],
        training_rows(("fnet",), (250, 500), seeds=(0, 1), failures=failed),
    )
    speed, _ = TEXTS["speed"].read(folder / "speed.csv", TEXTS["speed"].runs)
    assert sorted(len(run.lines) for run in speed) == [3] * 8
    assert len({run.key for run in speed}) == 8
    training, _ = TEXTS["data_efficiency"].read(folder / "data_efficiency.csv", TEXTS["data_efficiency"].runs)
    assert [run.failed for run in training] == [False, False, False, True]


def test_a_launch_without_all_its_rounds_is_not_a_run(tmp_path: Path) -> None:
    folder = fill_folder(tmp_path, [speed_row(round=number, rounds=3) for number in (1, 2, 3)], [speed_row(launch=2, rounds=2)])
    runs, left_out = TEXTS["speed"].read(folder / "speed.csv", TEXTS["speed"].runs)
    assert [len(run.lines) for run in runs] == [3]
    assert [left.reason for left in left_out] == ["from a launch with only 1 of 2 rounds"]


@pytest.mark.parametrize(("row_type", "name"), [(SpeedRow, "latency_ms"), (TrainingRow, "train_seconds")])
def test_a_number_that_no_row_may_have_is_found_among_sound_ones(row_type: type, name: str, tmp_path: Path) -> None:
    table = next(table for table, kind in TABLES.items() if kind is row_type)
    file = tmp_path / f"{table}.csv"
    header, *lines = sound_results()[file.name].splitlines(keepends=True)
    place = header.decode().strip().split(",").index(name)
    for text in (b"nan", b"inf", b"-1" if name == "latency_ms" else b"1e31", b"fast"):
        file.write_bytes(header + b"".join(lines))
        assert plain_rows(table, file)
        fields = next(csv.reader([lines[1].decode()]))
        assert fields[place]
        file.write_bytes(
            header + lines[0] + lines[1].replace(f",{fields[place]},".encode(), b"," + text + b",") + b"".join(lines[2:])
        )
        with pytest.raises(NotPlainError):
            plain_rows(table, file)
