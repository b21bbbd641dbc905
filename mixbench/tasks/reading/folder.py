"""A folder with one text per file, in one folder per class: train/pos/1.txt, train/neg/2.txt, as IMDB's reviews."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from mixbench.errors import RequestError
from mixbench.tasks.reading.lines import opened, text_file
from mixbench.tasks.reading.rows import BadRowError, Columns, Found, Record
from mixbench.tasks.reading.words import listed

FOLDER_COLUMNS = Columns("text", None, "label")
"""What messages call the content of a file and the name of its folder."""
_UNLABELLED = ("unsup", "unlabeled", "unlabelled", "unsupervised")
_LAYOUT = "A folder holds one folder per class, named after it, with one text per file: train/pos/1.txt, train/neg/2.txt."


def read_folder(path: Path, encoding: str = "") -> Found:
    """The text of each file, and the name of its folder as the label. Raises RequestError for a folder of another layout."""
    classes, without_label = _classes(path)
    remarks = [f"{name} is not a class: its {len(_inside(path / name)[0]):,} texts are left out" for name in without_label]
    return Found("file", _records(path, classes, encoding), tuple(remarks))


def folder_hash(path: Path) -> str:
    """The SHA-256 over names and contents of the texts. Raises RequestError."""
    whole = hashlib.sha256()
    for name in _classes(path)[0]:
        for file in _inside(path / name)[0]:
            with opened(path / name / file) as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            whole.update(f"{name}/{file}\0{digest}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def _classes(path: Path) -> tuple[list[str], list[str]]:
    """The names of the folders that are classes, and of those whose texts have no label. Raises RequestError."""
    files, folders = _inside(path)
    if {"dataset_dict.json", "dataset_info.json", "state.json"} & set(files):
        raise RequestError(f"{path} is a data set saved by the package datasets", f"Give it as --task hf:{path}.")
    if not folders:
        raise RequestError(f"{path} holds no folders, but {listed(files) or 'nothing'}", f"Give one of its files. {_LAYOUT}")
    if nested := [str(path / name) for name in folders if _inside(path / name)[1]]:
        raise RequestError(f"{path} contains nested folders: {listed(folders)}", f"Give one of these: {listed(nested, str)}.")
    without_label = [name for name in folders if name.lower() in _UNLABELLED]
    return [name for name in folders if name not in without_label], without_label


def _inside(folder: Path) -> tuple[list[str], list[str]]:
    """The names of files and of folders in a folder, in order, without hidden ones."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(files), sorted(folders)


def _records(path: Path, classes: list[str], encoding: str) -> Iterator[Record]:
    for name in classes:
        for file in _inside(path / name)[0]:
            try:
                yield f"{name}/{file}", ("".join(text_file(path / name / file, encoding).lines()), name)
            except RequestError as error:
                yield f"{name}/{file}", BadRowError(str(error), error.hint)
