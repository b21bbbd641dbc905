"""Trials of a random search done elsewhere: a table with a column `score`, and `mixer` if there are several."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mixbench.errors import RequestError

SCORE, MIXER = "score", "mixer"
_FORM = "Give a CSV with the header mixer,score and a line per trial; leave the score empty if the trial diverged."
_SEPARATORS = ",;\t"


def read_trials(path: Path) -> dict[str, list[float | None]]:
    """Scores by mixer, in the order of the file; None if a score is empty or not finite. Raises RequestError.

    Fields are separated by commas, semicolons or tabs, whichever the header has. Without a column `mixer`, all trials belong
    to one mixer, named after the file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            separator = max(_SEPARATORS, key=header.count)
            names = _names(path, next(csv.reader([header], delimiter=separator, strict=True), []))
            reader = csv.reader(stream, delimiter=separator, strict=True)
            trials: dict[str, list[float | None]] = {}
            for fields in filter(None, reader):
                where = f"{path}, line {reader.line_num + 1}"
                if len(fields) != len(names):
                    raise RequestError(
                        f"{where} has {len(fields)} field{'s' * (len(fields) != 1)}, but the header names {len(names)} columns",
                        _FORM,
                    )
                record = dict(zip(names, fields, strict=True))
                mixer = record.get(MIXER, path.stem).strip()
                if not mixer:
                    raise RequestError(f"{where}: {MIXER} is empty", _FORM)
                trials.setdefault(mixer, []).append(_score(record[SCORE], where))
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", _FORM) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path} is not a CSV: {error}", _FORM) from error
    if not any(score is not None for scores in trials.values() for score in scores):
        raise RequestError(f"{path} has no scores", _FORM)
    return trials


def _names(path: Path, header: Sequence[str]) -> list[str]:
    """The columns; `Mixer` and `SCORE` are the same as `mixer` and `score`."""
    names = [name.strip() for name in header]
    names = [name.lower() if name.lower() in (SCORE, MIXER) else name for name in names]
    if SCORE not in names:
        raise RequestError(f"{path} has no column {SCORE!r}; its columns are: {', '.join(names) or 'none'}", _FORM)
    if repeated := [name for name, count in Counter(names).items() if count > 1 and name in (SCORE, MIXER)]:
        raise RequestError(f"{path} has {names.count(repeated[0])} columns {repeated[0]!r}", _FORM)
    return names


def _score(text: str, where: str) -> float | None:
    if not text.strip():
        return None
    try:
        score = float(text)
    except ValueError:
        hint = "Write decimals with a point and thousands without a separator: 1234.5." if "," in text else _FORM
        raise RequestError(f"{where}: {text!r} is not a number", hint) from None
    return score if math.isfinite(score) else None
