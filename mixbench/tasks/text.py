"""Classification of the user's own texts or pairs of texts: make a data set from files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tasks.dataset import Dataset, Form, Split, padded
from mixbench.tasks.reading import Columns, Rows, read_rows
from mixbench.tasks.tokenisation import Tokenisation, encode, make_encoder, pad

VERSION = 1
"""Raised whenever the same texts would give other arrays."""

DEV_SHARE = 0.1
MOST_DEV = 2000
"""The most examples that are split off the training set as a development set."""


@dataclass(frozen=True)
class TextRequest:
    """Files and columns of a text task; without `dev`, a development set is split off the training set.

    `tokens`, `tokenizer` and `vocabulary` are as in `Tokenisation`.
    """

    train: Path
    dev: Path | None
    test: Path
    text: str
    text_pair: str | None
    label: str
    tokens: int
    tokenizer: Path | None
    vocabulary: int = 8000


@dataclass(frozen=True)
class ChosenText:
    """A text task: its name, everything that determines its data set, and the function that makes it (raises RequestError)."""

    name: str
    recipe: Mapping[str, Any]
    make: Callable[[], Dataset]


def text_task(request: TextRequest) -> ChosenText:
    """The task of a request, named after its training file. Raises RequestError for a file that cannot be read."""
    columns = Columns(request.text, request.text_pair, request.label)
    how = Tokenisation(request.tokens, request.tokenizer, request.vocabulary)
    files = {"train": request.train, "dev": request.dev, "test": request.test}

    def make() -> Dataset:
        dev = read_rows(request.dev, columns) if request.dev else None
        return make_dataset(read_rows(request.train, columns), dev, read_rows(request.test, columns), how)

    recipe = {
        "task": "text",
        "version": VERSION,
        "files": {part: [path.suffix.lower(), _sha256(path)] for part, path in files.items() if path},
        "columns": list(columns.names),
        **how.recipe(),
    }
    path = request.train.absolute()
    name = path.parent.name if path.stem.lower() in ("train", "training") else path.stem
    return ChosenText(f"text:{name}", recipe, make)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", "Check the path of the file.") from error


def make_dataset(train: Rows, dev: Rows | None, test: Rows, how: Tokenisation, remarks: Iterable[str] = ()) -> Dataset:
    """Rows as arrays; without `dev`, about a tenth of `train` is split off. Raises RequestError for unsuitable labels."""
    labels = sorted(set(train.labels))
    if len(labels) == 1:
        raise RequestError(f"every row of {train.source} has the label {labels[0]!r}", "At least two classes are needed.")
    for part in filter(None, (dev, test)):
        _require_known(part, labels, train.source)
    all_remarks = list(remarks)
    if dev is None:
        train, dev = split_off(train, min(MOST_DEV, round(DEV_SHARE * len(train))))
        all_remarks.append(f"{len(dev):,} training examples are split off as the development set, {len(train):,} remain")
        if missing := sorted(set(labels) - set(dev.labels)):
            all_remarks.append(f"labels too rare for the development set: {', '.join(missing)}")
    encoder = make_encoder(how, train)
    parts = {"train": train, "dev": dev, "test": test}
    encoded = {name: encode(encoder, rows, how.tokens) for name, rows in parts.items()}
    tokens = padded(max(len(sequence) for sequences, _ in encoded.values() for sequence in sequences))
    all_remarks.append(encoder.remark)
    if cut := sum(count for _, count in encoded.values()):
        examples = sum(map(len, parts.values()))
        all_remarks.append(f"cut to {how.tokens} tokens: {cut:,} of {examples:,} examples, {cut / examples:.2%}")
    all_remarks.extend(_seen_before(train, {"dev": dev, "test": test}))
    splits = {name: _split(parts[name], sequences, tokens, labels) for name, (sequences, _) in encoded.items()}
    form = Form(tokens, encoder.vocabulary, 0, "class", len(labels), "accuracy", tuple(labels))
    return Dataset(form, **splits, remarks=tuple(all_remarks))


def split_off(rows: Rows, count: int) -> tuple[Rows, Rows]:
    """The remaining rows, and about `count` rows split off, the same for equal rows; equal first texts stay together.

    Both parts have every label, except that labels with too few texts are not in the part split off. Raises RequestError
    if nothing can be split off.
    """
    groups = group_numbers(rows.texts)
    sizes = np.bincount(groups)
    order = np.random.default_rng(0).permutation(len(sizes))
    rank = {group: (sizes[group], place) for place, group in enumerate(order.tolist())}
    holders: dict[str, set[int]] = {}
    for group, label in zip(groups.tolist(), rows.labels, strict=True):
        holders.setdefault(label, set()).add(group)

    # for every label, rare ones first, the largest group stays and the smallest is split off
    rare_first = sorted(holders, key=lambda label: (len(holders[label]), label))
    stay: set[int] = set()
    go: set[int] = set()
    for label in rare_first:
        if stay.isdisjoint(holders[label]):
            stay.add(max(holders[label], key=rank.__getitem__))
    for label in rare_first:
        if go.isdisjoint(holders[label]) and (free := holders[label] - stay):
            go.add(min(free, key=rank.__getitem__))
    left = count - sum(int(sizes[group]) for group in go)
    for group in order.tolist():
        if group not in stay and group not in go and sizes[group] <= left:
            go.add(group)
            left -= int(sizes[group])
    if not go:
        raise RequestError(f"{rows.source}: too few different texts to split off a development set", "Give one with --dev.")
    goes = np.isin(groups, list(go))
    return rows.take(np.flatnonzero(~goes).tolist()), rows.take(np.flatnonzero(goes).tolist())


def group_numbers(texts: Sequence[str]) -> NDArray[np.int64]:
    """(texts) numbers from 0, equal for equal texts."""
    numbers: dict[str, int] = {}
    return np.fromiter((numbers.setdefault(text, len(numbers)) for text in texts), np.int64, len(texts))


def _require_known(part: Rows, labels: Sequence[str], train: str) -> None:
    known = set(labels)
    for index, label in enumerate(part.labels):
        if label not in known:
            raise UnknownNameError("label", label, labels, f"in {part.where(index)}; no example in {train} has it")


def _seen_before(train: Rows, others: Mapping[str, Rows]) -> list[str]:
    """Remarks on examples whose texts also occur in the training set."""
    seen = set(_examples(train))
    counts = {name: sum(example in seen for example in _examples(rows)) for name, rows in others.items()}
    return [f"{name} examples with the texts of a training example: {count:,}" for name, count in counts.items() if count]


def _examples(rows: Rows) -> Iterable[tuple[str, str]]:
    return zip(rows.texts, rows.pairs or rows.texts, strict=True)


def _split(rows: Rows, sequences: Sequence[NDArray[np.int32]], tokens: int, labels: Sequence[str]) -> Split:
    classes = {label: number for number, label in enumerate(labels)}
    return Split(
        inputs=pad(sequences, tokens),
        lengths=np.array([len(sequence) for sequence in sequences], np.int32),
        targets=np.array([classes[label] for label in rows.labels], np.int32),
        groups=group_numbers(rows.texts),
    )
