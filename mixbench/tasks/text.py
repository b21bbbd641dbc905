"""Classification of the user's own texts or pairs of texts: make a data set from files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.parsing.names import writable
from mixbench.tasks.classes import class_remarks, require_classes, require_known, unified
from mixbench.tasks.dataset import Dataset, Form, Split, padded
from mixbench.tasks.reading.files import Reading, content_hash, read_rows, suffix_of
from mixbench.tasks.reading.rows import Columns, Rows
from mixbench.tasks.splitting import SEED, group_numbers, normalised, split_off
from mixbench.tasks.tokenisation import Tokenisation, encode, make_encoder, pad

VERSION = 2
"""Raised whenever the same texts would give other arrays."""

DEV_SHARE = 0.1
MOST_DEV = 2000
"""The most examples that are split off the training set as a development set, where no share is given."""
_NAMES = {"dev": "development", "test": "test"}

Part = Path | float
"""A file or folder, or a share that is split off the training examples."""


@dataclass(frozen=True)
class TextRequest:
    """Files and columns of a text task; without `dev`, a development set is split off the training set.

    `tokens`, `tokenizer` and `vocabulary` are as in `Tokenisation`.
    """

    train: Path
    dev: Part | None
    test: Part
    columns: Columns
    tokens: int
    tokenizer: Path | None
    vocabulary: int = 8000
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class ChosenText:
    """A text task: its name, everything that determines its data set, and the function that makes it (raises RequestError)."""

    name: str
    recipe: Mapping[str, Any]
    make: Callable[[], Dataset]


def text_task(request: TextRequest) -> ChosenText:
    """The task of a request, named after its training file. Raises RequestError for a file that cannot be read."""
    how = Tokenisation(request.tokens, request.tokenizer, request.vocabulary)
    parts: dict[str, Part | None] = {"train": request.train, "dev": request.dev, "test": request.test}
    files = {name: part for name, part in parts.items() if isinstance(part, Path)}

    def make() -> Dataset:
        found = {name: read_rows(path, request.columns, request.reading) for name, path in files.items()}
        return make_dataset(found, shares_of(parts), how)

    recipe = {
        "task": "text",
        "version": VERSION,
        "files": {name: [suffix_of(path), content_hash(path)] for name, path in files.items()},
        "columns": list(request.columns.names),
        **request.reading.recipe(),
        **share_recipe(parts),
        **how.recipe(),
    }
    path = request.train.absolute()
    stem = Path(path.name.removesuffix(".gz")).stem
    name = writable(path.parent.name if stem.lower() in ("train", "training") else stem)
    return ChosenText(f"text:{name}", recipe, make)


def shares_of(parts: Mapping[str, Part | None]) -> dict[str, float]:
    """The parts that are given as shares of the training examples. Raises RequestError if they leave nothing to train on."""
    shares = {name: part for name, part in parts.items() if isinstance(part, float)}
    if sum(shares.values()) >= 1:
        raise RequestError("--dev and --test leave no examples to train on", "Give shares that sum to less than 1.")
    return shares


def share_recipe(parts: Mapping[str, Part | None]) -> dict[str, Any]:
    """What determines the parts that are split off, if a share is given."""
    shares = shares_of(parts)
    return {"shares": shares, "split_seed": SEED} if shares else {}


def make_dataset(
    given: Mapping[str, Rows], shares: Mapping[str, float], how: Tokenisation, remarks: Iterable[str] = ()
) -> Dataset:
    """Rows as arrays; `given` has train and perhaps dev and test. The others are split off train: `shares` of it.

    Without a share, a tenth becomes the development set. Raises RequestError for unsuitable labels.
    """
    rows, spellings = unified(given)
    labels = sorted(set(rows["train"].labels))
    require_classes(rows["train"])
    for part in ("dev", "test"):
        if part in rows:
            require_known(rows[part], rows["train"])
    all_remarks = [*remarks, *(f"{name}: {remark}" for name, part in rows.items() for remark in part.remarks), *spellings]
    counts = {part: round(share * len(rows["train"])) for part, share in shares.items()}
    for part in ("test", "dev"):
        if part not in rows:
            count = counts.get(part, min(MOST_DEV, round(DEV_SHARE * len(rows["train"]))))
            rows["train"], rows[part] = split_off(rows["train"], count, part)
            told = f"{len(rows[part]):,} training examples are split off as the {_NAMES[part]} set"
            all_remarks.append(f"{told}, {len(rows['train']):,} remain")
    parts = {name: rows[name] for name in ("train", "dev", "test")}
    all_remarks.extend(class_remarks(parts, labels))
    encoder = make_encoder(how, parts["train"])
    encoded = {name: encode(encoder, part, how.tokens) for name, part in parts.items()}
    tokens = padded(max(len(sequence) for sequences, _ in encoded.values() for sequence in sequences))
    all_remarks.append(encoder.remark)
    if cut := sum(count for _, count in encoded.values()):
        examples = sum(map(len, parts.values()))
        all_remarks.append(f"cut to {how.tokens} tokens: {cut:,} of {examples:,} examples, {cut / examples:.2%}")
    all_remarks.extend(_seen_before(parts))
    splits = {name: _split(parts[name], sequences, tokens, labels) for name, (sequences, _) in encoded.items()}
    form = Form(tokens, encoder.vocabulary, 0, "class", len(labels), "accuracy", tuple(labels))
    return Dataset(form, **splits, remarks=tuple(all_remarks))


def _seen_before(parts: Mapping[str, Rows]) -> Iterator[str]:
    """Remarks on examples whose texts also occur in the training set, whatever their case and white space."""
    seen = set(_examples(parts["train"]))
    for name in ("dev", "test"):
        if count := sum(example in seen for example in _examples(parts[name])):
            found = f"{count:,} of {len(parts[name]):,}"
            yield f"{name} examples whose texts are also in the training set, ignoring case and spaces: {found}"


def _examples(rows: Rows) -> Iterable[tuple[str, str]]:
    return zip(map(normalised, rows.texts), map(normalised, rows.pairs or [""] * len(rows)), strict=True)


def _split(rows: Rows, sequences: Sequence[NDArray[np.int32]], tokens: int, labels: Sequence[str]) -> Split:
    classes = {label: number for number, label in enumerate(labels)}
    return Split(
        inputs=pad(sequences, tokens),
        lengths=np.array([len(sequence) for sequence in sequences], np.int32),
        targets=np.array([classes[label] for label in rows.labels], np.int32),
        groups=group_numbers(rows.texts),
    )
