"""Every format, and whatever is wrong with a file: rows, or one line that says where and what."""

from __future__ import annotations

import csv
import gzip
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_files import TEXT, as_csv, json_lines, numbered, texts_and_labels, tsv, write

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tasks.reading.files import Reading, content_hash, read_rows
from mixbench.tasks.reading.rows import Columns

COLUMNS = Columns("first", "second", "label")
HEADER = ("first", "other", "second", "label")
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(
    lambda text: not text.isspace()
)
EXAMPLES = st.lists(st.tuples(TEXTS, TEXTS, TEXTS.map(str.strip).filter(lambda label: label.lower() != "nan")), min_size=1)


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
def test_any_text_comes_back_from_json_lines_and_from_a_list(rows: list[tuple[str, str, str]]) -> None:
    assert roundtrip(".jsonl", json_lines(table(rows))) == rows
    assert roundtrip(".json", json.dumps([dict(zip(HEADER, row, strict=True)) for row in table(rows)[1:]])) == rows


@given(EXAMPLES)
@settings(max_examples=50, deadline=None)
def test_any_text_without_tabs_and_line_breaks_comes_back_from_tsv(rows: list[tuple[str, str, str]]) -> None:
    plain = [tuple("".join("_" if letter in "\t\n" else letter for letter in cell) for cell in row) for row in rows]
    stray = ('a 5" nail', "b", "c")  # what a quoting writer never writes
    assert roundtrip(".tsv", tsv(table([*plain, stray]))) == [*plain, stray]


@given(EXAMPLES, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@settings(max_examples=50, deadline=None)
def test_any_text_comes_back_from_tsv_that_a_library_has_quoted(rows: list[tuple[str, str, str]], quoting: int) -> None:
    needing = ('they said "so"', "b", "c")
    assert roundtrip(".tsv", as_csv(table([*rows, needing]), quoting, "\t")) == [*rows, needing]


@pytest.mark.parametrize(("suffix", "make"), [(".tsv", tsv), (".csv", as_csv), (".jsonl", json_lines), (".json", json_lines)])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_endings_byte_order_marks_and_blank_lines_do_not_matter(suffix, make, ending, mark, tmp_path):
    rows = [("Ünï", "b", "no"), ("c c", "d", "yes")]
    lines = make(table(rows)).splitlines()
    path = write(tmp_path / f"data{suffix.upper()}", mark + ending.join([*lines[:-1], "", lines[-1], "", " ", ""]))
    read = read_rows(path, COLUMNS)
    assert texts_and_labels(read) == rows
    assert read.places == ([1, 3] if "js" in suffix else [2, 4])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("named", ["", "latin-1"])
def test_a_byte_order_mark_tells_the_encoding_whatever_is_named(encoding, named, tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ncafé,a\n".encode(encoding))
    assert read_rows(path, TEXT, Reading(encoding=named)).texts == ["café"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "shift_jis"])
def test_an_encoding_can_be_named(encoding, tmp_path):
    text = "東京" if encoding == "shift_jis" else "café"
    path = write(tmp_path / "a.jsonl", json.dumps({"text": text, "label": "a"}, ensure_ascii=False).encode(encoding))
    assert read_rows(path, TEXT, Reading(encoding=encoding)).texts == [text]


@pytest.mark.parametrize("name", ["latin-99", "rot13", "base64", "a\0b", "é" * 500])
def test_what_is_no_encoding_of_text_is_refused(name):
    with pytest.raises(UnknownNameError, match="unknown encoding '") as raised:
        Reading(encoding=name)
    assert len(str(raised.value)) < 100


def test_spellings_of_an_encoding_are_one_in_the_recipe():
    assert Reading(encoding="latin-1").recipe() == Reading(encoding="ISO-8859-1").recipe() != Reading().recipe() == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", tsv([("text", "label"), *numbered(4)])),
        ("a", tsv([("text", "label"), *numbered(4)], ",")),
        ("a.csv", tsv([("text", "label"), *numbered(4)], ";")),
        ("a.csv", tsv([("label", "x", "text"), *((label, "x, y", text) for text, label in numbered(4))], ";")),
        ("a.tsv", tsv([("text", "label"), *numbered(4)], ",")),
        ("a.data", json_lines([("text", "label"), *numbered(4)])),
        ("a.csv", tsv([(" text ", "label "), *numbered(4)], ",")),
    ],
)
def test_formats_and_separators_are_told_from_the_content(name, content, tmp_path):
    assert texts_and_labels(read_rows(write(tmp_path / name, content), TEXT)) == numbered(4)


def test_a_gzipped_file_is_what_it_holds(tmp_path):
    content = tsv([("text", "label"), *numbered(4)], ",")
    plain, packed = write(tmp_path / "a.csv", content), write(tmp_path / "b.csv.gz", gzip.compress(content.encode()))
    assert texts_and_labels(read_rows(packed, TEXT)) == numbered(4)
    assert content_hash(packed) == content_hash(plain)


NOT_READ = [
    (".tsv", "text\tlabel\na\tb\nc\n", ", line 3: 1 cell, but the first line names 2 columns"),
    (".tsv", "text\tlabel\na\tb\tc\n", ", line 2: 3 cells, but the first line names 2 columns"),
    (".csv", 'text,label\n"a\nb",c\nd,e,f\n', ", line 4: 3 cells, but the first line names 2 columns"),
    (".csv", 'text,label\na,b\n"open,c\nd,e\n', ", line 3: a quote is never closed"),
    (".csv", 'text,label\na,b\n"a" b,c\n', ", line 3: text after the closing quote of a cell"),
    (".csv", "text,label\na\rb,c\nd,e\n", ", line 2: a line break in a cell without quotes"),
    (".tsv", "text\tlabel\na\tb\n \tb\n", ", line 3: text is empty"),
    (".tsv", "text\tlabel\na\0\tb\n", ", line 2: text holds a null character"),
    (".csv", "text,label\n,b\n", ", line 2: text is empty"),
    (".csv", "text,label\na, \n", ", line 2: label is missing"),
    (".csv", "text,label\na,NaN\n", ", line 2: label is missing"),
    (".tsv", b"text\tlabel\na\tb\n\xff\tb\n", ", line 3: text is not UTF-8"),
    (".tsv", b"text\tlabel\na\tb\nb\t\xe9\n", ", line 3: label is not UTF-8"),
    (".jsonl", b'{"text": "a\xe9", "label": 1}', ", line 1: text is not UTF-8"),
    (".csv", "text,label\na,b\n".encode("utf-16-le"), " is not UTF-8: it looks like UTF-16"),
    (".csv", "text,label\na,b\n".encode("utf-16") + b"c", ", line 3: 1 cell"),
    (".jsonl", '{"text": "a", "label": 1}\n{"text": \n', ", line 2: not JSON: Expecting value"),
    (".jsonl", '{"text": 1}' + "[" * 100_000, ", line 1: not JSON: Extra data"),
    (".jsonl", "[" * 100_000, " is not JSON: maximum recursion depth"),
    (".json", '[{"text": "a", "label": 1}, 5]', ", object 2: not a JSON object"),
    (".jsonl", '{"text": null, "label": 1}', ", line 1: text is missing"),
    (".jsonl", '{"text": 5, "label": 1}', ", line 1: text is 5, not text"),
    (".jsonl", '{"text": "\\ud800", "label": 1}', ", line 1: text contains an incomplete character (half a surrogate pair)"),
    (".jsonl", '{"text": "a", "label": null}', ", line 1: label is missing"),
    (".jsonl", '{"text": "a", "label": NaN}', ", line 1: label is missing"),
    (".jsonl", '{"text": "a", "label": Infinity}', ", line 1: label is inf, not text"),
    (".jsonl", '{"text": "a", "label": 0.5}', ", line 1: label is 0.5; a class is text or a whole number"),
    (".jsonl", '{"text": "a", "label": [1]}', ", line 1: label is [1], not text"),
    (".jsonl", '{"text": "a", "label": 1}\n{"text": "a", "labels": 1}', ", line 2: there is no field 'label'"),
    (".tsv", "text\tlabel\n", " has no rows"),
    (".jsonl", "\n", " has no rows"),
    (".csv", "", " does not begin with the names of its columns"),
    (".csv", "\ntext,label\n", " does not begin with the names of its columns"),
    (".tsv", "text\tlabel\ttext\na\tb\tc\n", " has 2 columns named 'text'"),
    (".csv.gz", gzip.compress(b"text,label\na,b\n", mtime=0)[:-9], "cannot read "),
    (".xlsx", b"PK\x03\x04", " is an archive or a spreadsheet"),
    (".csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "unknown column 'text' in "),
]


@pytest.mark.parametrize(("suffix", "content", "complaint"), NOT_READ)
def test_what_cannot_be_read_is_told_in_one_line_with_its_place(suffix, content, complaint, tmp_path):
    path = write(tmp_path / f"data{suffix}", content)
    with pytest.raises(RequestError) as raised:
        read_rows(path, TEXT)
    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)
    assert raised.value.hint
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    "content",
    ["text\tlabel\n{}\n", "{}\tlabel\na\tb\n", "text\tlabel\n{}\t{}\t{}\n", '{{"text": ["{}"], "label": 1}}', '{{"{}": 1}}'],
)
def test_however_long_a_cell_is_the_message_is_short(content, tmp_path):
    path = write(tmp_path / "a.txt", content.format(*["x" * 10**6] * 3))
    with pytest.raises(RequestError) as raised:
        read_rows(path, TEXT)
    assert len(str(raised.value)) - len(str(path)) < 200
    assert len(raised.value.hint) < 300


def test_all_bad_rows_are_told_at_once(tmp_path):
    bad = [("", "a"), ("a", "b", "c"), ("a", ""), ("", "b"), ("", "b"), ("", "b"), ("b", "nan")]
    path = write(tmp_path / "a.tsv", tsv([("text", "label"), *numbered(3), *bad, *numbered(3)]))
    with pytest.raises(RequestError) as raised:
        read_rows(path, TEXT)
    assert str(raised.value) == (
        f"{path}: 7 of 13 rows cannot be used: text is empty (lines 5, 8, 9 and 1 more); label is missing (lines 7, 11); "
        "3 cells, but the first line names 2 columns (line 6)"
    )
    assert raised.value.hint == "Cells are separated by tabs. Or leave them out: --skip-bad-rows."


def test_bad_rows_are_left_out_on_request_and_counted(tmp_path):
    path = write(tmp_path / "a.tsv", tsv([("text", "label"), *numbered(3), ("", "a"), ("a",), *numbered(3)]))
    rows = read_rows(path, TEXT, Reading(skip_bad_rows=True))
    assert texts_and_labels(rows) == [*numbered(3), *numbered(3)]
    assert rows.remarks == (
        "2 of 8 rows are left out: text is empty (line 5); 1 cell, but the first line names 2 columns (line 6)",
    )
    assert Reading(skip_bad_rows=True).recipe() != Reading().recipe()


def test_of_a_file_with_nothing_but_bad_rows_nothing_can_be_left_out(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\n,\n,\n")
    with pytest.raises(RequestError, match="2 of 2 rows cannot be used") as raised:
        read_rows(path, TEXT, Reading(skip_bad_rows=True))
    assert "--skip-bad-rows" not in raised.value.hint


def test_text_in_another_encoding_comes_with_the_option_that_names_it(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\ncafé,a\nthé,b\n".encode("latin-1"))
    with pytest.raises(RequestError, match=r"2 of 2 rows cannot be used: text is not UTF-8 \(lines 2, 3\)") as raised:
        read_rows(path, TEXT)
    assert "--encoding latin-1" in raised.value.hint
    assert read_rows(path, TEXT, Reading(encoding="latin-1")).texts == ["café", "thé"]


@pytest.mark.parametrize(("suffix", "make"), [(".tsv", tsv), (".csv", as_csv), (".jsonl", json_lines)])
def test_a_missing_column_comes_with_those_that_are_there(suffix, make, tmp_path):
    path = write(tmp_path / f"data{suffix}", make([("sentence", "label"), ("a", "b")]))
    with pytest.raises(RequestError, match=r"unknown column 'sentense' in .*data") as raised:
        read_rows(path, Columns("sentense", None, "label"))
    assert raised.value.hint.startswith("Did you mean 'sentence'? ")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [(lambda path: None, "No such file or directory"), (_pipe, "it is a pipe or device"), (Path.mkdir, "holds no folders")],
)
def test_what_is_no_file_is_a_wrong_request(make, reason, tmp_path):
    make(tmp_path / "a.csv")
    for read in (lambda path: read_rows(path, TEXT), content_hash):
        with pytest.raises(RequestError, match=reason):
            read(tmp_path / "a.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_wrong_request(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,b\n")
    path.chmod(0)
    with pytest.raises(RequestError, match=r"cannot read .*: Permission denied"):
        read_rows(path, TEXT)


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
    assert read_rows(path, TEXT).labels == [label]


FRAGMENTS = rb"""text~label~	~,~;~|~"~""~{~}~[~]~"text":~"label":~1.0~1~ ~a b~PAR1""".split(b"~")
BYTES = [b"\t", b"\n", b"\r\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"\x1f\x8b"]
READINGS = [Reading(), Reading(header=("text", "label")), Reading(encoding="utf-16"), Reading(skip_bad_rows=True)]


@given(
    st.lists(st.sampled_from([*FRAGMENTS, *BYTES]) | st.binary(max_size=4), max_size=40).map(b"".join),
    st.sampled_from([".tsv", ".csv", ".jsonl", ".txt", ".parquet"]),
    st.sampled_from(READINGS),
)
@settings(max_examples=100, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_line(content: bytes, suffix: str, reading: Reading) -> None:
    told = ""
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / f"data{suffix}", content)
        try:
            assert all(text.strip() and label for text, label in texts_and_labels(read_rows(path, TEXT, reading)))
        except RequestError as error:
            told = str(error)
    assert (told or "read").isprintable()
    assert len(told) < 1000
