"""Data sets as arrays on disk: made once, found again by a hash of their recipe, memory-mapped by training runs.

CACHE/HASH/form.json              what a model needs to know about the data, and the recipe
CACHE/HASH/train-inputs.npy …     the arrays of each split
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mixbench.machine.folders import cache_folder
from mixbench.parsing.canonical import canonical_json, digest
from mixbench.tables.storage import storage_errors

SPLITS = ("train", "dev", "test")
PADDING = 0
"""The token number that fills up shorter sequences."""
STEP = 8
"""Sequences are padded to a multiple of this many tokens, so that operations are counted for few lengths only."""
_ELSEWHERE = "Data sets are kept in $MIXBENCH_CACHE, or else in ~/.cache/mixbench. Delete the folder to make it again."
_NEW = ".new-"
_ABANDONED = 24 * 3600.0
"""Seconds after which what a process began to write is taken for abandoned."""
NOT_ASKED = -1
"""The class of tokens that have no class to predict."""


@dataclass(frozen=True)
class Split:
    """Examples of one part of a data set.

    `inputs` are token numbers, (examples, tokens) int32, or signals, (examples, tokens, channels) float32; tokens beyond
    `lengths`, (examples) int32, are padding. `targets` are classes, (examples) or (examples, tokens) int32, or values,
    (examples, tokens) float32. Examples with equal `groups`, (examples) int64, must stay on the same side of any split.
    """

    inputs: NDArray[Any]
    lengths: NDArray[np.int32]
    targets: NDArray[Any]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class Form:
    """What a model needs to know about a data set.

    `vocabulary` is 0 for signals, `channels` 0 for token numbers, `classes` 0 for values; `labels` are the names of classes,
    `score` is one of `SCORES`.
    """

    tokens: int
    vocabulary: int
    channels: int
    output: Literal["class", "class per token", "value per token"]
    classes: int
    score: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Three splits of one form; `remarks` say how they were made."""

    form: Form
    train: Split
    dev: Split
    test: Split
    remarks: tuple[str, ...] = ()


def padded(longest: int) -> int:
    """The length that sequences are padded to, from the number of tokens in the longest."""
    return -(-longest // STEP) * STEP


def digest_of(recipe: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that identify a data set by everything that determines it."""
    return digest(canonical_json(recipe), 16)


def prepare(recipe: Mapping[str, Any], make: Callable[[], Dataset], cache: Path | None = None) -> Path:
    """The folder of a data set; if missing, it is made, and written whole or not at all. Raises StorageError."""
    cache = cache or cache_folder()
    folder = cache / digest_of(recipe)
    if not folder.exists():
        made = make()
        with storage_errors(f"cannot write the data set {folder}", _ELSEWHERE):
            _drop_leftovers(cache)
            # no process number: in containers it is the same each time, and a killed run leaves its folder
            new = cache / f"{_NEW}{folder.name}-{uuid4().hex}"
            new.mkdir(parents=True)
            try:
                _write(made, recipe, new)
                os.rename(new, folder)
            except OSError:
                if not folder.exists():  # otherwise another process has just written it
                    raise
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return folder


def _drop_leftovers(cache: Path) -> None:
    """Remove what killed runs were writing more than a day ago."""
    for left in cache.glob(f"{_NEW}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def load(folder: Path) -> Dataset:
    """The data set in a folder that `prepare` returned, memory-mapped. Raises StorageError."""
    with storage_errors(f"cannot read the data set {folder}", _ELSEWHERE):
        stored = json.loads((folder / "form.json").read_text(encoding="utf-8"))
        splits = {name: _read(folder, name) for name in SPLITS}
    form = Form(**{**stored["form"], "labels": tuple(stored["form"]["labels"])})
    return Dataset(form, **splits, remarks=tuple(stored["remarks"]))


def _write(dataset: Dataset, recipe: Mapping[str, Any], folder: Path) -> None:
    for name in SPLITS:
        for field in dataclasses.fields(Split):
            array = getattr(getattr(dataset, name), field.name)
            np.save(folder / f"{name}-{field.name}.npy", array, allow_pickle=False)
    content = {"form": dataclasses.asdict(dataset.form), "recipe": dict(recipe), "remarks": dataset.remarks}
    (folder / "form.json").write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def _read(folder: Path, name: str) -> Split:
    arrays = {
        field.name: np.load(folder / f"{name}-{field.name}.npy", mmap_mode="r", allow_pickle=False)
        for field in dataclasses.fields(Split)
    }
    return Split(**arrays)
