"""Text tasks from the options that name files, columns and shares."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.shared_options import Part, Texts
from mixbench.errors import RequestError

if TYPE_CHECKING:
    from mixbench.tasks.reading.rows import Columns
    from mixbench.tasks.text import ChosenText

HUB = "hf:"
_OF_FILES = ("train", "dev", "test", "columns", "encoding")
"""Options that only make sense for files; shares of `dev` and `test` for data sets from the hub, too."""
_FORM = "--task text --train FILE --test FILE --text COLUMN --label COLUMN [--dev FILE] [--text-pair COLUMN]"


def text_files(files: Texts) -> ChosenText:
    """The task of `--task text`. Raises RequestError for options that are missing and files that cannot be read."""
    from mixbench.tasks.reading.files import Reading
    from mixbench.tasks.text import TextRequest, text_task

    for option in ("train", "test"):
        if getattr(files, option) is None:
            raise RequestError(f"--task text needs --{option}", f"The form is {_FORM}. From a single file: --test 0.2.")
    train = Path(str(files.train))
    dev, test = _part("dev", files.dev), _part("test", files.test)
    assert test is not None
    columns = _columns(files, [part for part in (train, dev, test) if isinstance(part, Path)])
    reading = Reading(_header(files), files.encoding or "", files.skip_bad_rows)
    return text_task(TextRequest(train, dev, test, columns, files.tokens, _tokenizer(files), files.vocabulary, reading))


def from_hub(name: str, files: Texts) -> ChosenText:
    """The task of `--task hf:NAME`. Raises RequestError."""
    from mixbench.tasks.hub import hub_task

    if not name:
        raise RequestError(f"--task {HUB} names no data set", f"Give its name or folder: --task {HUB}glue/sst2.")
    return hub_task(
        name,
        files.tokens,
        _tokenizer(files),
        files.vocabulary,
        text=files.text,
        text_pair=files.text_pair,
        label=files.label,
        shares=_shares(files),
        skip_bad_rows=files.skip_bad_rows,
    )


def require_texts(names: Sequence[str], files: Texts) -> None:
    """Raises RequestError for options about files where no task is made of files."""
    if "text" in names:
        return
    shares = _shares(files) if any(name.startswith(HUB) for name in names) else {}
    if lost := [name for name in _OF_FILES if getattr(files, name) is not None and name not in shares]:
        raise RequestError(f"--{lost[0]} belongs to a text task", "Add --task text, or leave it out.")


def as_given(files: Texts) -> dict[str, Any]:
    """The options of texts that differ from their defaults, by name: paths for files, plain values for all others."""
    given = {field.name: getattr(files, field.name) for field in fields(Texts)}
    given |= {part: _part(part, given[part]) for part in ("dev", "test")} | {"columns": ",".join(_header(files)) or None}
    given |= {name: Path(str(given[name])) for name in ("train", "tokenizer") if given[name] is not None}
    defaults = {field.name: field.default for field in fields(Texts)}
    return {name: value for name, value in given.items() if value != defaults[name]}


def _part(flag: str, given: Part | None) -> Path | float | None:
    """A path, or a share where a number is given. Raises RequestError for a number that is no share."""
    if given is None or isinstance(given, Path):
        return given
    try:
        share = float(given)
    except ValueError:
        return Path(str(given))
    if not 0 < share < 1:
        hint = f"A share is between 0 and 1, such as 0.2. For a file with this name, write ./{given}."
        raise RequestError(f"--{flag} {given} is neither a file nor a share of the training examples", hint)
    return share


def _shares(files: Texts) -> dict[str, float]:
    parts = {name: _part(name, getattr(files, name)) for name in ("dev", "test")}
    return {name: part for name, part in parts.items() if isinstance(part, float)}


def _columns(files: Texts, paths: Sequence[Path]) -> Columns:
    """The named columns; those of folders of texts need no names. Raises RequestError for names that are missing."""
    from mixbench.tasks.reading.folder import FOLDER_COLUMNS
    from mixbench.tasks.reading.rows import Columns

    if all(map(os.path.isdir, paths)) and not (files.text or files.text_pair or files.label):
        return FOLDER_COLUMNS
    for name in ("text", "label"):
        if not getattr(files, name):
            raise RequestError(f"--task text needs --{name}", f"The form is {_FORM}.")
    return Columns(str(files.text), files.text_pair, str(files.label))


def _header(files: Texts) -> tuple[str, ...]:
    names = files.columns.split(",") if isinstance(files.columns, str) else files.columns or ()
    return tuple(name.strip() for name in names)


def _tokenizer(files: Texts) -> Path | None:
    return None if files.tokenizer is None else Path(files.tokenizer)
