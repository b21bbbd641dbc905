from __future__ import annotations

import csv
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.errors import RequestError
from mixbench.tasks.reading import Columns, Rows, read_rows

COLUMNS = Columns("first", "second", "label")
HEADER = ("first", "other", "second", "label")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: not text.isspace())
EXAMPLES = st.lists(st.tuples(TEXTS, TEXTS, TEXTS.map(str.strip).filter(lambda label: label.lower() != "nan")), min_size=1)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tsv(rows: list[tuple[str, ...]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def as_csv(rows: list[tuple[str, ...]]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    return stream.getvalue()


def json_lines(rows: list[tuple[str, ...]]) -> str:
    return "".join(json.dumps(dict(zip(rows[0], row, strict=True))) + "\n" for row in rows[1:])


def texts_and_labels(rows: Rows) -> list[tuple[str, ...]]:
    columns = (rows.texts, rows.pairs, rows.labels) if rows.pairs else (rows.texts, rows.labels)
    return list(zip(*columns, strict=True))


def table(rows: list[tuple[str, str, str]]) -> list[tuple[str, ...]]:
    """With a column that is not asked for."""
    return [HEADER, *((first, "x", second, label) for first, second, label in rows)]


def roundtrip(suffix: str, content: str) -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        return texts_and_labels(read_rows(write(Path(folder) / f"data{suffix}", content), COLUMNS))


@given(EXAMPLES)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_from_csv(rows: list[tuple[str, str, str]]) -> None:
    assert roundtrip(".csv", as_csv(table(rows))) == rows


@given(EXAMPLES)
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_from_json_lines(rows: list[tuple[str, str, str]]) -> None:
    assert roundtrip(".jsonl", json_lines(table(rows))) == rows


@given(EXAMPLES)
@settings(max_examples=50, deadline=None)
def test_any_text_without_tabs_and_line_breaks_comes_back_from_tsv(rows: list[tuple[str, str, str]]) -> None:
    plain = [tuple("".join("_" if letter in "\t\n" else letter for letter in cell) for cell in row) for row in rows]
    assert roundtrip(".tsv", tsv(table(plain))) == plain


def test_quotes_in_tsv_are_ordinary_characters(tmp_path):
    content = 'text\tlabel\n"stray\tno\n5" of rain "\tyes\n"whole"\tno\n'
    rows = read_rows(write(tmp_path / "a.tsv", content), Columns("text", None, "label"))
    assert rows.texts == ['"stray', '5" of rain "', '"whole"']


@pytest.mark.parametrize(("suffix", "make"), [(".tsv", tsv), (".csv", as_csv), (".jsonl", json_lines), (".json", json_lines)])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_byte_order_marks_and_blank_lines_do_not_matter(suffix, make, ending, mark, tmp_path):
    rows = [("Ünï", "b", "no"), ("c c", "d", "yes")]
    lines = make(table(rows)).splitlines()
    path = write(tmp_path / f"data{suffix.upper()}", mark + ending.join([*lines[:-1], "", lines[-1], "", ""]))
    read = read_rows(path, COLUMNS)
    assert texts_and_labels(read) == rows
    assert read.numbers == ([1, 3] if "js" in suffix else [2, 4])
    assert read.where(1) == f"{path}, line {read.numbers[1]}"


def test_a_row_over_several_lines_has_the_number_of_its_first(tmp_path):
    path = write(tmp_path / "a.csv", 'text,label\n"one\ntwo",a\n"three\n\nfour",b\nfive,c\n')
    rows = read_rows(path, Columns("text", None, "label"))
    assert rows.numbers == [2, 4, 7]
    assert rows.texts == ["one\ntwo", "three\n\nfour", "five"]


def test_a_text_longer_than_the_csv_module_likes_is_read(tmp_path):
    path = write(tmp_path / "a.csv", f"text,label\n{'x' * 200_000},a\n")
    assert len(read_rows(path, Columns("text", None, "label")).texts[0]) == 200_000


@pytest.mark.parametrize(
    ("suffix", "content", "complaint"),
    [
        (".tsv", "text\tlabel\na\tb\nc\n", ", line 3: 1 cell, but the first line names 2 columns"),
        (".tsv", "text\tlabel\na\tb\tc\n", ", line 2: 3 cells, but the first line names 2 columns"),
        (".csv", 'text,label\n"a\nb",c\nd,e,f\n', ", line 4: 3 cells, but the first line names 2 columns"),
        (".csv", 'text,label\na,b\n"open,c\nd,e\n', ", line 3: unexpected end of data"),
        (".csv", 'text,label\na,b\n"a" b,c\n', ", line 3: ',' expected after '\"'"),
        (".tsv", "text\tlabel\na\tb\n \tb\n", ", line 3: text is empty"),
        (".csv", "text,label\n,b\n", ", line 2: text is empty"),
        (".csv", "text,label\na, \n", ", line 2: label is missing"),
        (".csv", "text,label\na,NaN\n", ", line 2: label is missing"),
        (".tsv", b"text\tlabel\na\tb\n\xff\tb\n", ", line 3: not UTF-8: invalid start byte"),
        (".csv", "text,label\na,b\n".encode("utf-16"), ", line 1: not UTF-8: invalid start byte"),
        (".jsonl", '{"text": "a", "label": 1}\n{"text": \n', ", line 2: not JSON: Expecting value"),
        (".jsonl", "[" * 100_000, ", line 1: not JSON"),
        (".json", '[{"text": "a", "label": 1}]', ", line 1: not a JSON object"),
        (".jsonl", '{"text": null, "label": 1}', ", line 1: text is missing"),
        (".jsonl", '{"text": 5, "label": 1}', ", line 1: text is 5, not text"),
        (".jsonl", '{"text": "\\ud800", "label": 1}', ", line 1: 'utf-8' codec can't encode character '\\ud800'"),
        (".jsonl", '{"text": "a", "label": null}', ", line 1: label is missing"),
        (".jsonl", '{"text": "a", "label": NaN}', ", line 1: label is missing"),
        (".jsonl", '{"text": "a", "label": Infinity}', ", line 1: label is inf, not text"),
        (".jsonl", '{"text": "a", "label": 0.5}', ", line 1: label is 0.5; a class is text or a whole number"),
        (".jsonl", '{"text": "a", "label": [1]}', ", line 1: label is [1], not text"),
        (".jsonl", '{"text": "a", "label": 1}\n{"text": "a", "labels": 1}', ", line 2"),
        (".tsv", "text\tlabel\n", " has no rows"),
        (".jsonl", "\n", " has no rows"),
        (".csv", "", " does not begin with the names of its columns"),
        (".csv", "\ntext,label\n", " does not begin with the names of its columns"),
        (".tsv", "text\tlabel\ttext\na\tb\tc\n", " has 2 columns named 'text'"),
        (".txt", "", "unknown format '.txt'"),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_place(suffix, content, complaint, tmp_path):
    path = write(tmp_path / f"data{suffix}", content)
    with pytest.raises(RequestError) as raised:
        read_rows(path, Columns("text", None, "label"))
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)
    assert raised.value.hint


@pytest.mark.parametrize(("suffix", "make"), [(".tsv", tsv), (".csv", as_csv), (".jsonl", json_lines)])
def test_a_missing_column_comes_with_those_that_are_there(suffix, make, tmp_path):
    path = write(tmp_path / f"data{suffix}", make([("sentence", "label"), ("a", "b")]))
    with pytest.raises(RequestError, match=r"unknown column 'sentense' in .*data") as raised:
        read_rows(path, Columns("sentense", None, "label"))
    assert raised.value.hint == "Did you mean 'sentence'? Known: label, sentence."


@pytest.mark.parametrize("name", ["absent.tsv", "folder.csv"])
def test_a_file_that_is_not_there_is_a_wrong_request(name, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(RequestError, match=f"cannot read .*{name}: "):
        read_rows(tmp_path / name, COLUMNS)


def test_a_column_has_one_role():
    with pytest.raises(RequestError, match="a column is named twice: a, b, a"):
        Columns("a", "b", "a")


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("-3", "-3"),
        ('" 1.0 "', "1.0"),
        ("true", "true"),
        ('"None"', "None"),
        ("1e300", str(int(1e300))),
    ],
)
def test_equal_numbers_are_equal_labels(written, label, tmp_path):
    path = write(tmp_path / "data.jsonl", f'{{"text": "a", "label": {written}}}')
    assert read_rows(path, Columns("text", None, "label")).labels == [label]


def parquet(path: Path, **columns: list[Any]) -> Path:
    pytest.importorskip("pyarrow.parquet").write_table(sys.modules["pyarrow"].table(columns), path)
    return path


def test_parquet_gives_the_named_columns(tmp_path):
    path = parquet(tmp_path / "data.parquet", label=[0, 1], second=["b", "d"], x=[None, 2.5], first=['a"', "c"])
    assert texts_and_labels(read_rows(path, COLUMNS)) == [('a"', "b", "0"), ("c", "d", "1")]


def test_parquet_counts_rows_across_batches(tmp_path):
    count = 70_000  # more than pyarrow hands out at once
    texts = [str(number) for number in range(count)]
    path = parquet(tmp_path / "data.parquet", text=texts, label=[1] * (count - 1) + [None])
    with pytest.raises(RequestError, match=f"data.parquet, row {count}: label is missing"):
        read_rows(path, Columns("text", None, "label"))


def test_parquet_faults_are_wrong_requests(tmp_path):
    path = parquet(tmp_path / "data.parquet", text=["a"], label=[1])
    with pytest.raises(RequestError, match="unknown column 'texts' in"):
        read_rows(path, Columns("texts", None, "label"))
    with pytest.raises(RequestError, match="is not a readable Parquet file"):
        read_rows(write(tmp_path / "wrong.parquet", "text"), Columns("text", None, "label"))
    with pytest.raises(RequestError, match="is not a readable Parquet file"):
        read_rows(write(tmp_path / "torn.parquet", path.read_bytes()[:100]), Columns("text", None, "label"))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RequestError, match="needs pyarrow") as raised:
        read_rows(write(tmp_path / "data.parquet", ""), COLUMNS)
    assert "pip install 'mixbench[hf]'" in raised.value.hint


def test_rows_can_be_taken():
    rows = Rows("s", "line", [2, 3, 4], ["a", "b", "c"], [], ["x", "y", "z"])
    assert rows.take([2, 0]) == Rows("s", "line", [4, 2], ["c", "a"], [], ["z", "x"])
