"""The text of a study: a file of the user, or one that is built in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from mixbench.errors import RequestError, UnknownNameError, shortened

_SUFFIX = ".toml"
_LARGEST = 1_000_000
"""Bytes of a study file."""


@dataclass(frozen=True)
class StudySource:
    """The text of a study, how its file is called, and the folder that its paths are relative to."""

    text: str
    file: str
    folder: str = ""


def built_in() -> dict[str, str]:
    """The texts of the built-in studies by name."""
    folder = files("mixbench.studies") / "built_in"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name) if folder.is_dir() else []
    return {
        entry.name.removesuffix(_SUFFIX): entry.read_text(encoding="utf-8") for entry in entries if entry.name.endswith(_SUFFIX)
    }


def read_source(given: str | Path) -> StudySource:
    """The built-in study of this name, or else the file. Raises RequestError for one that cannot be read."""
    name, known = str(given), built_in()
    if name in known:
        return StudySource(known[name], f"{name}{_SUFFIX} (built in)")
    path, shown = Path(given), shortened(name)
    if not path.exists() and os.sep not in name and not path.suffix:
        raise UnknownNameError("study", name, known)
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is not a file" if path.exists() else "does not exist"
            raise RequestError(f"{shown} {what}", f"Give a study file, or a built-in study: {', '.join(known)}.")
        if (size := path.stat().st_size) > _LARGEST:
            raise RequestError(f"{shown} has {size:,} bytes; a study file has at most {_LARGEST:,}")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise RequestError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return StudySource(content.decode("utf-8-sig"), shown, os.path.dirname(name))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RequestError(f"{shown}:{line}: not UTF-8", "Save it as UTF-8.") from None
