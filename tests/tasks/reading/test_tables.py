"""Tables: their header or its absence, and whether quotes in TSV mean anything."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from text_files import TEXT, as_csv, numbered, texts_and_labels, tsv, write

from mixbench.errors import RequestError
from mixbench.tasks.reading.files import Reading, read_rows
from mixbench.tasks.reading.rows import Columns, Rows


def read(path: Path, content: str, *columns: str, skip: bool = False) -> Rows:
    return read_rows(write(path, content), TEXT, Reading(columns, skip_bad_rows=skip))


def test_a_file_without_a_header_shows_its_first_line_and_how_to_name_the_columns(tmp_path):
    with pytest.raises(RequestError) as raised:
        read(tmp_path / "a.tsv", tsv(numbered(3)))
    assert str(raised.value) == (
        f"unknown column 'text' in {tmp_path / 'a.tsv'}, whose first line reads: 'text 0 of many', 'even'"
    )
    assert raised.value.hint == "If that is an example, name the columns in their order: --columns text,label."


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", ";"), ("a.txt", "\t"), ("a", ",")])
def test_columns_are_named_where_there_is_no_header(name, separator, tmp_path):
    rows = read(tmp_path / name, tsv([(label, "x", text) for text, label in numbered(3)], separator), "label", "_", "text")
    assert texts_and_labels(rows) == numbered(3)
    assert rows.places == [1, 2, 3]


def test_a_header_that_repeats_the_names_is_no_example(tmp_path):
    rows = read(tmp_path / "a.csv", tsv([("text", "label"), *numbered(3)], ","), "text", "label")
    assert texts_and_labels(rows) == numbered(3)


@pytest.mark.parametrize("header", [("label", "text"), ("Sentence", "label"), ("TEXT", "class")])
def test_a_header_that_says_otherwise_than_the_names_is_refused(header, tmp_path):
    with pytest.raises(RequestError, match="begins with the names of its columns: '") as raised:
        read(tmp_path / "a.csv", tsv([header, *numbered(3)], ","), "text", "label")
    assert raised.value.hint.startswith("Leave out --columns")


def test_the_columns_that_are_asked_for_are_among_the_names(tmp_path):
    with pytest.raises(RequestError, match="unknown column 'label' in --columns"):
        read(tmp_path / "a.csv", tsv(numbered(3), ","), "text", "class")


def test_names_and_cells_are_as_many(tmp_path):
    with pytest.raises(RequestError, match="3 of 3 rows cannot be used: 2 cells, but --columns names 3 columns"):
        read(tmp_path / "a.csv", tsv(numbered(3), ","), "text", "label", "x")


def test_a_row_over_several_lines_has_the_number_of_its_first(tmp_path):
    rows = read(tmp_path / "a.csv", 'text,label\n"one\ntwo",a\n"three\n\nfour",b\nfive,c\n')
    assert rows.places == [2, 4, 7]
    assert rows.texts == ["one\ntwo", "three\n\nfour", "five"]


def test_after_a_stray_quote_reading_goes_on_with_the_next_line(tmp_path):
    content = 'text,label\na,x\n"stray,x\nb,y\n"great" he said,x\n"c, d",y\n"open,x\ne,y\n'
    rows = read(tmp_path / "a.csv", content, skip=True)
    assert texts_and_labels(rows) == [("a", "x"), ("b", "y"), ("c, d", "y"), ("e", "y")]
    assert rows.places == [2, 4, 6, 8]
    assert "text after the closing quote of a cell (lines 3, 5); a quote is never closed (line 7)" in rows.remarks[0]


def test_a_text_longer_than_the_csv_module_likes_is_read(tmp_path):
    assert len(read(tmp_path / "a.csv", f"text,label\n{'x' * 200_000},a\n").texts[0]) == 200_000


def test_unbalanced_quotes_in_tsv_are_ordinary_characters_and_that_is_said(tmp_path):
    rows = read(tmp_path / "a.tsv", 'text\tlabel\n"stray\tno\n5" of rain "\tyes\n"whole"\tno\n')
    assert rows.texts == ['"stray', '5" of rain "', '"whole"']
    assert rows.remarks == ("double quotes are read as ordinary characters",)


def test_a_quoted_cell_never_swallows_lines_that_are_rows_by_themselves(tmp_path):
    rows = read(tmp_path / "a.tsv", 'text\tlabel\n"opens\tno\nmiddle\tyes\ncloses"\tno\n')
    assert rows.texts == ['"opens', "middle", 'closes"']


@pytest.mark.parametrize(
    ("texts", "quoting"),
    [
        (['they said "so"', "plain"], csv.QUOTE_MINIMAL),
        (["two\nlines", "plain"], csv.QUOTE_MINIMAL),
        (["a\ttab", "plain"], csv.QUOTE_MINIMAL),
        (["plain", "too"], csv.QUOTE_ALL),
    ],
)
def test_quoted_cells_in_tsv_are_recognised_and_that_is_said(texts, quoting, tmp_path):
    content = as_csv([("text", "label"), *((text, "x") for text in texts)], quoting, "\t")
    rows = read(tmp_path / "a.tsv", content)
    assert rows.texts == texts
    assert rows.remarks == ("cells in double quotes are read as in CSV",)


def test_a_bad_row_does_not_hide_that_the_others_are_quoted(tmp_path):
    good = as_csv([("text", "label"), ('they said "so"', "x"), ("two\nlines", "y")], csv.QUOTE_MINIMAL, "\t")
    rows = read(tmp_path / "a.tsv", f"{good}one cell\n", skip=True)
    assert rows.texts == ['they said "so"', "two\nlines"]


def test_what_is_unusual_about_a_file_is_said(tmp_path):
    assert read(tmp_path / "a.csv", tsv([("text", "label"), *numbered(3)], ";")).remarks == (
        "cells are separated by semicolons",
    )
    assert read(tmp_path / "b.csv", tsv([("text", "label"), *numbered(3)], ",")).remarks == ()


def test_of_two_columns_with_one_name_only_the_one_that_is_asked_for_matters(tmp_path):
    path = write(tmp_path / "a.csv", "x,x,text,label\n1,2,a,b\n")
    assert read_rows(path, TEXT).texts == ["a"]
    with pytest.raises(RequestError, match="has 2 columns named 'x'"):
        read_rows(path, Columns("x", None, "label"))
