"""Text classification on Hugging Face data sets, by name or from a local folder. Needs the extra `hf`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mixbench.errors import RequestError
from mixbench.parsing.names import writable
from mixbench.tasks.dataset import Dataset
from mixbench.tasks.reading.arrow import plain_values, rows_of
from mixbench.tasks.reading.rows import EXTRA_HINT, BadRowError, Columns, Found, Record, Rows, collect
from mixbench.tasks.reading.words import listed, shown, unknown
from mixbench.tasks.splitting import split_off
from mixbench.tasks.text import VERSION, ChosenText, make_dataset, share_recipe
from mixbench.tasks.tokenisation import Tokenisation

_SPLITS = {
    "train": ("train", "training"),
    "dev": ("validation", "dev", "valid", "val", "validation_matched"),
    "test": ("test", "test_matched"),
}
"""Known names of splits, by their use; the first that exists is used."""

_NUMBERING = ("id", "idx", "index", "guid", "uid")
"""Columns that number the examples; they are not texts, even if they contain strings."""

_CHOOSE = "Choose with --text, --text-pair and --label."


def hub_task(
    name: str,
    tokens: int,
    tokenizer: Path | None = None,
    vocabulary: int = 8000,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    shares: Mapping[str, float] = MappingProxyType({}),
    skip_bad_rows: bool = False,
) -> ChosenText:
    """A data set from the hub (`ag_news`, `glue/sst2`, `owner/name`, `owner/name/configuration`) or from a local folder.

    Without `text`, the one or two columns of texts are used, in order; without `label`, the only column of classes, or else
    the one named label. Examples without a label are left out; if no test example has one, half of the development examples
    become the test set. `shares` of the training examples become the parts that the data set does not have. It is read at
    once. Raises RequestError.
    """
    how = Tokenisation(tokens, tokenizer, vocabulary)
    splits = _load(name)
    names = {use: split for use, known in _SPLITS.items() for split in known[::-1] if split in splits}
    if "train" not in names:
        raise RequestError(f"{name} has no split named train", f"It has {listed(splits)}.")
    columns = _columns(name, splits[names["train"]].features, text, text_pair, label)
    remarks = [f"texts: {', '.join(columns.names[:-1])}; label: {columns.label}"]
    rows: dict[str, Rows] = {}
    for use, split in names.items():
        with _intact(f"{name}, {split}"):
            labels = _labels(name, split, splits[split], columns)
            if hidden := labels.count(None):
                remarks.append(f"examples of {split} without a label, left out: {hidden:,}")
            if hidden < len(labels) or use == "train":
                found = Found("row", _records(splits[split], columns, labels))
                rows[use] = collect(f"{name}, {split}", found, columns, skip=skip_bad_rows)
    for use in shares:
        if use in rows:
            raise RequestError(f"{name} already has {len(rows[use]):,} {use} examples", f"Leave out --{use}.")
    if "test" not in rows and "test" not in shares:
        if "dev" not in rows:
            hint = f"It has {listed(splits)}. To split off a fifth of the training examples: --test 0.2."
            raise RequestError(f"{name} has no labelled examples to test on", hint)
        rows["test"], rows["dev"] = split_off(rows["dev"], len(rows["dev"]) // 2, "test")
        remarks.append("no test example has a label, so half of the development examples are used as the test set")

    def make() -> Dataset:
        return make_dataset(rows, shares, how, remarks)

    content = hashlib.sha256()
    for use, part in rows.items():
        content.update(json.dumps([use, part.texts, part.pairs, part.labels]).encode())
    recipe = {
        "task": "hf",
        "version": VERSION,
        "content_sha256": content.hexdigest(),
        "columns": list(columns.names),
        **share_recipe(shares),
        **how.recipe(),
    }
    return ChosenText(f"hf:{writable(name)}", recipe, make)


def _load(name: str) -> Mapping[str, Any]:
    """The splits of a data set, by name."""
    try:
        import datasets
    except ImportError as error:
        raise RequestError(f"the data set {name} needs the package datasets", EXTRA_HINT) from error
    folder = Path(name)
    if folder.is_file():
        raise RequestError(f"{name} is a file, not a data set", f"Give it as --task text --train {name} --test 0.2.")
    try:
        if not folder.is_dir():
            return _from_hub(name)
        if (folder / "state.json").exists():  # a single part, saved by itself
            return {"train": datasets.Dataset.load_from_disk(name)}
        if (folder / "dataset_dict.json").exists():
            return dict(datasets.DatasetDict.load_from_disk(name))
        return dict(datasets.load_dataset(str(folder.absolute())))
    except ConnectionError as error:
        hint = "Try again with a connection, or give files with --task text --train FILE --test FILE."
        raise RequestError(f"the data set {name} cannot be reached: {_reason(error)}", hint) from error
    except Exception as error:  # missing, damaged, private, without configuration: the types depend on the version
        hint = "Give a folder, or a name as on https://huggingface.co/datasets, followed by /configuration if it has several."
        raise RequestError(f"cannot load the data set {name}: {_reason(error)}", hint) from error


@contextmanager
def _intact(part: str) -> Iterator[None]:
    """Turns what is found damaged while it is read into a RequestError."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise RequestError(f"{part} is damaged: {_reason(error)}", "Save or download it again.") from error


def _reason(error: Exception) -> str:
    """What the package says, on one line."""
    return shown(" ".join(str(error).split()), 200)


def _from_hub(name: str) -> Mapping[str, Any]:
    """A data set by name; `a/b` may be data set b of owner a, or configuration b of data set a."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    owner_or_name, _, last = name.rpartition("/")
    readings = {0: [[name]], 1: [[name], [owner_or_name, last]]}.get(name.count("/"), [[owner_or_name, last]])
    for reading in readings[:-1]:
        try:
            return dict(load_dataset(*reading))
        except (DatasetNotFoundError, ConnectionError):  # offline, the other reading may name a copy on disk
            continue
    return dict(load_dataset(*readings[-1]))


def _columns(name: str, features: Mapping[str, Any], text: str | None, text_pair: str | None, label: str | None) -> Columns:
    """The columns that the user named, and the others as found."""
    from datasets import ClassLabel, Value

    for given in filter(None, (text, text_pair, label)):
        if given not in features:
            raise unknown("column", given, features, f"in {name}")
    if label is None:
        classes = [column for column, feature in features.items() if isinstance(feature, ClassLabel)]
        found = classes or [column for column in features if column == "label"]
        if len(found) != 1:
            raise RequestError(f"{name}: the label could be any of {listed(found or features)}", _CHOOSE)
        label = found[0]
    if text is None:
        strings = [column for column, feature in features.items() if isinstance(feature, Value) and "string" in feature.dtype]
        texts = [column for column in strings if column != label and column not in _NUMBERING]
        if text_pair or len(texts) not in (1, 2):
            raise RequestError(f"{name}: the text could be any of {listed(texts or features)}", _CHOOSE)
        text, text_pair = texts[0], texts[1] if len(texts) == 2 else None
    return Columns(text, text_pair, label)


def _labels(name: str, split: str, part: Any, columns: Columns) -> list[Any]:
    """The label of each example; None if it is not published, which is class -1."""
    for column in columns.names:
        if column not in part.features:
            raise unknown("column", column, part.features, f"in {name}, {split}")
    labels = plain_values(columns.label, part.with_format("arrow").select_columns([columns.label])[:].column(columns.label))
    names = getattr(part.features[columns.label], "names", None)  # of a ClassLabel
    return [_class_name(columns.label, number, names) for number in labels] if names else labels


def _class_name(column: str, number: int | None, names: Sequence[str]) -> str | BadRowError | None:
    if number is None or number < 0:
        return None
    return names[number] if number < len(names) else BadRowError(f"{column} is {number}, but there are {len(names)} classes")


def _records(part: Any, columns: Columns, labels: list[Any]) -> Iterator[Record]:
    """The rows with a label, as numbered in the split from 1."""
    texts = columns.names[:-1]
    batches = part.with_format("arrow").select_columns(list(texts)).iter(batch_size=1000)
    cells = (rows_of([plain_values(text, batch.column(text)) for text in texts]) for batch in batches)
    rows = (row for batch in cells for row in batch)
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), 1):
        if label is None:
            continue
        if isinstance(row, BadRowError):
            yield number, row
        else:
            yield number, label if isinstance(label, BadRowError) else (*row, label)
