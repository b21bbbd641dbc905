from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from text_files import TEXT, texts_and_labels, write

from mixbench.errors import RequestError
from mixbench.tasks.reading.files import Reading, read_rows
from mixbench.tasks.reading.rows import Columns


def parquet(path: Path, **columns: list[Any]) -> Path:
    pytest.importorskip("pyarrow.parquet").write_table(sys.modules["pyarrow"].table(columns), path)
    return path


@pytest.mark.parametrize("name", ["data.parquet", "data.pq", "data"])
def test_parquet_gives_the_named_columns(name, tmp_path):
    path = parquet(tmp_path / name, label=[0, 1], second=["b", "d"], x=[None, 2.5], first=['a"', "c"])
    assert texts_and_labels(read_rows(path, Columns("first", "second", "label"))) == [('a"', "b", "0"), ("c", "d", "1")]


def test_parquet_counts_rows_across_batches(tmp_path):
    count = 70_000  # more than pyarrow hands out at once
    texts = [str(number) for number in range(count)]
    path = parquet(tmp_path / "data.parquet", text=texts, label=[1] * (count - 1) + [None])
    with pytest.raises(RequestError, match=f"data.parquet, row {count}: label is missing"):
        read_rows(path, TEXT)


def test_parquet_cells_without_a_value_are_bad_rows(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    texts = pyarrow.array([b"a", b"caf\xe9", b"c", b"d"]).view(pyarrow.string())
    days = pyarrow.array([1, 2, 10**9, 4], pyarrow.date32())
    path = parquet(tmp_path / "data.parquet", text=texts, label=["x", "x", "y", "y"], day=days)
    with pytest.raises(RequestError, match=r"data\.parquet, row 2: text is not UTF-8"):
        read_rows(path, TEXT)
    kept = read_rows(path, TEXT, Reading(skip_bad_rows=True))
    assert texts_and_labels(kept) == [("a", "x"), ("c", "y"), ("d", "y")]
    with pytest.raises(RequestError, match=r"day cannot be read: days=.* \(row 3\)"):
        read_rows(path, Columns("day", None, "label"))


def test_parquet_faults_are_wrong_requests(tmp_path):
    path = parquet(tmp_path / "data.parquet", text=["a"], label=[1])
    with pytest.raises(RequestError, match="unknown column 'texts' in"):
        read_rows(path, Columns("texts", None, "label"))
    with pytest.raises(RequestError, match="is not a readable Parquet file"):
        read_rows(write(tmp_path / "wrong.parquet", "text"), TEXT)
    with pytest.raises(RequestError, match="is not a readable Parquet file"):
        read_rows(write(tmp_path / "torn.parquet", path.read_bytes()[:100]), TEXT)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match="needs pyarrow") as raised:
        read_rows(write(tmp_path / "data.parquet", ""), TEXT)
    assert "pip install 'mixbench[hf]'" in raised.value.hint
