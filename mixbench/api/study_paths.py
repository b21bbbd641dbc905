"""Paths in a study file: they are relative to its folder, and commands take them from the working directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from mixbench.api.text_files import HUB
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_mixer


def placed(name: str, value: Any, folder: str) -> Any:
    """The value of an option as it is written in a file in `folder`, as it is typed in the working directory."""
    place = _PLACES.get(name)
    if place is None or folder in ("", os.curdir):
        return value
    if isinstance(value, list):
        return [place(each, folder) if isinstance(each, str) else each for each in value]
    return place(value, folder) if isinstance(value, str) else value


def _path(text: str, folder: str) -> str:
    return os.path.normpath(os.path.join(folder, text)) if text else text


def _mixer(text: str, folder: str) -> str:
    try:
        file = parse_mixer(text).file
    except RequestError:
        return text
    return text if file is None else f"{_path(file, folder)}{text.strip()[len(file) :]}"


def _part(text: str, folder: str) -> str:
    """A file, or a share, which stays."""
    try:
        float(text)
    except ValueError:
        return _path(text, folder)
    return text


def _task(text: str, folder: str) -> str:
    """A data set in a folder; any other task stays."""
    path = _path(text.removeprefix(HUB), folder)
    return f"{HUB}{path}" if text.startswith(HUB) and os.path.isdir(path) else text


_PLACES: Mapping[str, Callable[[str, str], str]] = {
    "mixer": _mixer,
    "against": _mixer,
    "baseline": _mixer,
    "task": _task,
    "dev": _part,
    "test": _part,
    **dict.fromkeys(("train", "tokenizer", "from", "checkpoint"), _path),
}
"""By the name of an option of a command or a claim, how its values change."""
