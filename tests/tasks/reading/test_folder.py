"""A folder with one text per file, in one folder per class."""

from __future__ import annotations

from pathlib import Path

import pytest
from text_files import numbered, write

from mixbench.errors import RequestError
from mixbench.tasks.reading.files import Reading, content_hash, read_rows
from mixbench.tasks.reading.folder import FOLDER_COLUMNS
from mixbench.tasks.reading.rows import Columns


def texts(folder: Path, count: int = 4) -> Path:
    for number, (text, label) in enumerate(numbered(count)):
        write(folder / label / f"{number}.txt", f"{text}\nin two lines\n")
    return folder


def test_the_name_of_the_folder_is_the_label(tmp_path):
    rows = read_rows(texts(tmp_path), FOLDER_COLUMNS)
    assert rows.labels == ["even", "even", "odd", "odd"]
    assert rows.texts[2] == "text 1 of many\nin two lines\n"
    assert rows.places == ["even/0.txt", "even/2.txt", "odd/1.txt", "odd/3.txt"]
    assert rows.remarks == ()


def test_what_has_no_label_is_left_out_and_said(tmp_path):
    for name in ("unsup/5.txt", "unsup/6.txt", "urls.txt", "odd/.hidden"):
        write(texts(tmp_path) / name, "x")
    rows = read_rows(tmp_path, FOLDER_COLUMNS)
    assert len(rows) == 4
    assert rows.remarks == ("unsup is not a class: its 2 texts are left out",)


def test_bad_texts_are_told_by_their_files(tmp_path):
    for name, content in {"even/7.txt": b" \n", "odd/8.txt": b"caf\xe9", "odd/9.txt": b"PK\x03\x04"}.items():
        write(texts(tmp_path) / name, content)
    with pytest.raises(RequestError) as raised:
        read_rows(tmp_path, FOLDER_COLUMNS)
    told = str(raised.value)
    assert told.startswith(f"{tmp_path}: 3 of 7 rows cannot be used: text is empty (file even/7.txt); ")
    assert "text is not UTF-8 (file odd/8.txt)" in told
    assert "is an archive or a spreadsheet (file odd/9.txt)" in told
    assert len(read_rows(tmp_path, FOLDER_COLUMNS, Reading(skip_bad_rows=True))) == 4
    assert "café" in read_rows(tmp_path, FOLDER_COLUMNS, Reading(encoding="latin-1", skip_bad_rows=True)).texts


def test_folders_in_folders_come_with_the_one_to_give(tmp_path):
    for part in ("train", "test"):
        write(texts(tmp_path / part) / "urls.txt", "x")
    with pytest.raises(RequestError, match="contains nested folders: test, train") as raised:
        read_rows(tmp_path, FOLDER_COLUMNS)
    assert raised.value.hint == f"Give one of these: {tmp_path / 'test'}, {tmp_path / 'train'}."


def test_a_folder_without_folders_says_how_texts_are_laid_out(tmp_path):
    write(tmp_path / "a.txt", "x")
    with pytest.raises(RequestError, match=r"holds no folders, but a\.txt") as raised:
        read_rows(tmp_path, FOLDER_COLUMNS)
    assert "train/pos/1.txt" in raised.value.hint


def test_a_folder_that_datasets_saved_is_another_task(tmp_path):
    write(tmp_path / "state.json", "{}")
    with pytest.raises(RequestError) as raised:
        read_rows(tmp_path, FOLDER_COLUMNS)
    assert raised.value.hint == f"Give it as --task hf:{tmp_path}."


def test_a_folder_has_no_columns(tmp_path):
    with pytest.raises(RequestError, match="a folder of texts, which has no columns"):
        read_rows(texts(tmp_path), Columns("review", None, "label"))


def test_the_hash_follows_names_and_contents_not_the_place(tmp_path):
    first, second = texts(tmp_path / "a"), texts(tmp_path / "b")
    assert content_hash(first) == content_hash(second)
    write(second / "odd" / "1.txt", "other")
    third = texts(tmp_path / "c")
    (third / "odd" / "1.txt").rename(third / "odd" / "01.txt")
    assert len({content_hash(first), content_hash(second), content_hash(third)}) == 3
