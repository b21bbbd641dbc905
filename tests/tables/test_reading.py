from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas
import pytest
from damaging import Files, damaged, sound_results, with_cell, write_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_rows import speed_row
from slow_reading import left_out_slowly, read_slowly

from mixbench.errors import StorageError
from mixbench.tables import reading
from mixbench.tables.by_column import of_rows
from mixbench.tables.columns import columns, to_record
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.sifting import left_out
from mixbench.tables.speed_rows import LaunchRow, PairRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow

FILES = {f"{name}.csv": row_type for name, row_type in TABLES.items()}
TABLES_ALONE = {name: content for name, content in sound_results().items() if name in FILES}


def outcome(read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except StorageError as error:
        return str(error), error.hint


def read_by_column(file: Path, row_type: Any) -> Any:
    table = reading.read_table(file, row_type)
    numbered = list(zip(table.numbers.tolist(), table.rows, strict=True))
    if numbered:
        lines = table.lines(file, range(len(numbered)))
        assert [line.number for line in lines] == table.numbers.tolist()
    return numbered, table.damaged, table.incomplete, table.appendable


@given(files=damaged(TABLES_ALONE), part=st.sampled_from([1, 700, 2**20]), batch=st.sampled_from([1, 3, 256]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_columns_hold_what_the_lines_hold_one_by_one(
    monkeypatch: pytest.MonkeyPatch, files: Files, part: int, batch: int
) -> None:
    monkeypatch.setattr(reading, "_PART", part)
    monkeypatch.setattr(reading, "_BATCH", batch)
    with TemporaryDirectory() as path:
        write_files(Path(path), files)
        for name, row_type in FILES.items():
            file = Path(path, name)
            if files.get(name) != TABLES_ALONE.get(name) and not file.is_dir():
                assert outcome(read_by_column, file, row_type) == outcome(read_slowly, file, row_type)


def without_execution(content: bytes) -> bytes:
    header, *rows = csv.reader(io.StringIO(content.decode()))
    place = header.index("execution")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*line[:place], *line[place + 1 :]] for line in [header, *rows])
    return out.getvalue().encode()


def with_status(content: bytes) -> bytes:
    return with_cell("status", 0.5, "oom", content)


ODD: dict[str, Callable[[bytes], bytes]] = {
    "a line break in a quoted text": lambda content: content.replace(b'{""heads"":4}', b'{""heads"":\n4}', 1),
    "a mark at the start of a line": lambda content: content.replace(b"\nnone,", "\n\ufeffnone,".encode(), 1),
    "a metric of what failed": with_status,
    "a metric of what failed, all others empty": lambda content: with_cell("latency_ms", 0.99, "1", with_status(content)),
    "an execution that is not compiled": lambda content: with_cell("execution", 0.5, "compiled", content),
    "no executions": without_execution,
    "no executions, one compiled": lambda content: with_cell("compiled", 0.5, "true", without_execution(content)),
    "executions left empty": lambda content: with_cell("execution", 1.0, "", with_cell("compiled", 0.5, "true", content)),
    "an unknown status": lambda content: with_cell("status", 0.5, "fine", content),
    "a number with another sign": lambda content: with_cell("latency_ms", 0.5, "-1", content),
    "a time of nothing": lambda content: with_cell("latency_ms", 0.5, "0", content),
    "a size of nothing": lambda content: with_cell("tokens", 0.5, "0", content),
    "no number": lambda content: with_cell("cpu_ms", 0.5, "nan", content),
    "no finite number": lambda content: with_cell("cpu_ms", 0.5, "-inf", content),
    "too short a time": lambda content: with_cell("latency_ms", 0.5, "5e-324", content),
    "too large a number": lambda content: with_cell("cpu_ms", 0.5, "1e31", content),
    "a number in other digits": lambda content: with_cell("cpu_ms", 0.5, " 1_0٣ ", content),
    "one field more": lambda content: content.replace(b",3\nnone,", b",3,\nnone,", 1),
    "one field less": lambda content: content.replace(b",3\nnone,", b"\nnone,", 1),
    "a newer schema": lambda content: with_cell("schema", 0.5, "99", content),
}


@pytest.mark.parametrize("how", ODD)
@pytest.mark.parametrize("part", [700, 2**20])
def test_an_odd_line_means_the_same_by_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, part: int) -> None:
    monkeypatch.setattr(reading, "_PART", part)
    file, sound = tmp_path / "speed.csv", TABLES_ALONE["speed.csv"]
    file.write_bytes(ODD[how](sound))
    assert file.read_bytes() != sound
    assert outcome(read_by_column, file, SpeedRow) == outcome(read_slowly, file, SpeedRow)


def test_a_row_of_names_of_columns_is_a_header(tmp_path: Path) -> None:
    row = {"mixer": "mixer", "scope": "scope", "mode": "mode", "dtype": "dtype", "device": "device"}
    row |= {"environment": "environment", "measured_at": "measured_at", "config": "{}", "planted_percent": "0"}
    row |= dict.fromkeys(("tokens", "width", "batch", "pair"), "1")
    file = tmp_path / "pairs.csv"
    file.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    assert outcome(read_by_column, file, PairRow) == outcome(read_slowly, file, PairRow)


def test_sound_lines_are_not_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, sound_results())
    expected = {row_type: ResultsFolder(tmp_path).read(row_type) for row_type in FILES.values()}
    monkeypatch.setattr(reading._Reader, "_read_by_line", only_the_header)
    assert {row_type: ResultsFolder(tmp_path).read(row_type) for row_type in FILES.values()} == expected
    assert sum(map(len, expected.values())) > 50


def only_the_header(self: Any, part: bytes, *, ended: bool, really: Any = reading._Reader._read_by_line) -> None:
    assert part.count(b"\n") == 1
    really(self, part, ended=ended)


ROWS = st.builds(
    speed_row,
    mixer=st.sampled_from(["attention", "fnet"]),
    launch=st.integers(1, 2),
    round=st.integers(0, 3),
    rounds=st.integers(1, 3),
    status=st.sampled_from(["ok", "ok", "oom"]),
    measured_at=st.sampled_from(["2025-01-02", "2025-01-10", "2024-12-31"]),
)


@given(st.lists(ROWS, max_size=12))
@settings(max_examples=200, deadline=None)
def test_the_same_rows_are_left_out_as_by_judging_each_launch(rows: list[SpeedRow]) -> None:
    assert left_out(of_rows(SpeedRow, rows)) == left_out_slowly(rows)


def test_columns_have_the_types_of_the_rows(tmp_path: Path) -> None:
    write_files(tmp_path, sound_results())
    folder = ResultsFolder(tmp_path)
    for row_type in (SpeedRow, LaunchRow, TrainingRow, AttentionMapRow):
        frame, rows = folder.columns(row_type), folder.read(row_type)
        assert list(frame) == list(columns(row_type))
        assert len(frame) == len(rows) > 0
        for name in frame:
            values = [None if pandas.isna(value) else value for value in frame[name]]
            assert values == [getattr(row, name) for row in rows]
    speed = folder.columns(SpeedRow)
    kinds = {"mixer": "category", "tokens": "int64", "compiled": "bool", "flops": "Int64", "latency_ms": "float64"}
    assert {name: str(speed[name].dtype) for name in kinds} == kinds


def test_a_table_without_rows_has_typed_columns(tmp_path: Path) -> None:
    frame = ResultsFolder(tmp_path).columns(SpeedRow)
    assert len(frame) == 0
    assert str(frame["flops"].dtype) == "Int64"


def test_whole_numbers_beyond_64_bits_stay_whole(tmp_path: Path) -> None:
    rows = [speed_row(flops=10**25 + 1), speed_row(launch=2, flops=None)]
    folder = ResultsFolder(tmp_path)
    with folder.writing():
        folder.append(rows)
    assert folder.columns(SpeedRow)["flops"].tolist() == [10**25 + 1, None]
    assert folder.read(SpeedRow) == rows


def test_a_text_in_another_form_is_the_same_value(tmp_path: Path) -> None:
    records = [to_record(speed_row(launch=launch, flops=100)) for launch in (1, 2, 3)]
    records[1] |= {"flops": "100.0", "compiled": "False"}
    frame = pandas.DataFrame(records)
    frame.to_csv(tmp_path / "speed.csv", index=False)
    found = ResultsFolder(tmp_path).columns(SpeedRow)
    assert found["flops"].tolist() == [100] * 3
    assert found["compiled"].tolist() == [False] * 3


def test_one_damaged_line_among_many_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    rows = [speed_row(launch=launch, latency_ms=random.Random(launch).random()) for launch in range(1, 9001)]
    folder = ResultsFolder(tmp_path)
    with folder.writing():
        folder.append(rows)
    file = tmp_path / "speed.csv"
    lines = file.read_text().split("\n")
    lines[7000] = lines[7000].replace(",64,", ",sixty,", 1)
    file.write_text("\n".join(lines))
    with pytest.raises(StorageError, match=r"line 7001: column tokens: cannot read 'sixty'\n"):
        folder.read(SpeedRow)
    found = reading.read_table(file, SpeedRow)
    assert len(found.rows) == 8999
    assert np.array_equal(found.numbers, [number for number in range(2, 9002) if number != 7001])
