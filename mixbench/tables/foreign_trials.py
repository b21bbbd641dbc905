"""Trials of a random search done elsewhere: a CSV with a column `score`, and `mixer` if there are several."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from mixbench.errors import RequestError

SCORE, MIXER = "score", "mixer"
_FORM = "Give a CSV with the header mixer,score and a line per trial; leave the score empty if the trial diverged."


def read_trials(path: Path) -> dict[str, list[float | None]]:
    """Scores by mixer, in the order of the file; None if a score is empty or not finite. Raises RequestError.

    Without a column `mixer`, all trials belong to one mixer, named after the file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            if SCORE not in names:
                raise RequestError(f"{path} has no column {SCORE!r}; its columns are: {', '.join(names) or 'none'}", _FORM)
            trials: dict[str, list[float | None]] = {}
            for record in reader:
                mixer = (record.get(MIXER, path.stem) or "").strip()
                if not mixer:
                    raise RequestError(f"{path}, line {reader.line_num}: {MIXER} is empty", _FORM)
                trials.setdefault(mixer, []).append(_score(record[SCORE], f"{path}, line {reader.line_num}"))
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", _FORM) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path} is not a CSV: {error}", _FORM) from error
    if not any(score is not None for scores in trials.values() for score in scores):
        raise RequestError(f"{path} has no scores", _FORM)
    return trials


def _score(text: str | None, where: str) -> float | None:
    if not (text or "").strip():
        return None
    try:
        score = float(str(text))
    except ValueError:
        raise RequestError(f"{where}: {text!r} is not a number", _FORM) from None
    return score if math.isfinite(score) else None
