"""Trials of a random search done elsewhere: a table with a column `score`, and `mixer` if there are several.

Exports of Optuna, Weights & Biases and Ray Tune name and mark the same things in their own ways: see `_NAMES` and `_STATES`.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mixbench.errors import RequestError
from mixbench.parsing.names import writable

Take = Literal["last", "best"]
"""Which row of a trial is its score, if a trial has a row per step."""

SCORE, MIXER, TRIAL, STEP, STATE = "score", "mixer", "trial", "step", "state"
_NAMES: dict[str, tuple[str, ...]] = {
    SCORE: (SCORE, "value"),
    MIXER: (MIXER,),
    TRIAL: ("trial_id", "trial", "trial_number", "number", "run_id", "run", "id"),
    STEP: (STEP, "steps", "_step", "global_step", "training_iteration", "iteration", "iterations", "iter", "epoch", "epochs"),
    STATE: (STATE, "status"),
}
"""What a column may be called, whatever its capitals; of several such columns the first of these names counts."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|[+-]?nan", re.IGNORECASE)
"""What counts as a number; Python itself takes `1_000` and the digits of any script, too."""
_PREFIX = re.compile(r"(params|user_attrs|config)[_./](?=mixer$)")
"""What other programs put before the name of an option, such as `params_mixer`."""

_DONE, _LOST, _OPEN = "done", "lost", "open"
_STATES: dict[str, str] = {
    **dict.fromkeys(("complete", "completed", "finished", "terminated", "success", "ok"), _DONE),
    **dict.fromkeys(("fail", "failed", "error", "crashed", "killed", "pruned", "preempted", "diverged", "timeout"), _LOST),
    **dict.fromkeys(("running", "waiting", "pending", "paused", "queued"), _OPEN),
}
"""How a trial ended. A lost one counts as one without a score; one that has not ended is left out."""

_FORM = "Give a CSV with the header mixer,score and a line per trial; leave the score empty if the trial diverged."
_SEPARATORS = ",;\t"
_LARGEST = 1e300
"""A score beyond this is infinite for all purposes: sums and differences of such scores have no value."""


@dataclass(frozen=True)
class ForeignTrials:
    """What a file of trials holds."""

    scores: Mapping[str, list[float | None]]
    """Scores by mixer, in the order of the file; None for a trial that diverged or failed."""
    remarks: tuple[str, ...] = ()
    """What was left out or reduced, in words."""


@dataclass(frozen=True)
class _Line:
    number: int
    mixer: str
    score: float | None
    """None of an empty cell, nan of a trial that diverged."""
    trial: str
    step: float | None
    state: str


def read_trials(path: Path, take: Take | None = None, *, lower_is_better: bool = False) -> ForeignTrials:
    """The trials of a file; `take` reduces a log with several rows per trial to one score each. Raises RequestError.

    Fields are separated by commas, semicolons or tabs, whichever the header has. Without a column `mixer`, all trials belong
    to one mixer, named after the file. A trial diverged if its score is empty or not finite; among several rows of a trial,
    those with an empty score do not count.
    """
    lines = _read(path)
    ended = [line for line in lines if line.state != _OPEN]
    left_out = len(lines) - len(ended)
    remarks = [f"{path.name}: {_rows(left_out)} of unfinished trials left out."] if left_out else []
    trials = _by_trial(path, ended)
    if len(trials) < len(ended):
        if take is None:
            raise _curves(path, trials)
        remarks.append(f"{path.name}: {_rows(len(ended))} reduced to {len(trials):,} trials, the {take} score of each.")
    scores: dict[str, list[float | None]] = {}
    for trial in trials:
        scores.setdefault(trial[0].mixer, []).append(_score_of(trial, take or "last", lower_is_better))
    if not any(score is not None for values in scores.values() for score in values):
        raise RequestError(f"{path} has no scores", _FORM)
    return ForeignTrials(scores, tuple(remarks))


def _by_trial(path: Path, lines: Sequence[_Line]) -> list[list[_Line]]:
    """The rows of each trial: those of one mixer and one trial or, without a column for trials, with growing steps."""
    found: dict[tuple[str, str, int], list[_Line]] = {}
    latest: dict[str, float] = {}
    begins: dict[str, int] = {}
    for line in lines:
        begin = 0 if line.trial else line.number
        if not line.trial and line.step is not None:
            if line.step <= latest.get(line.mixer, math.inf):
                begins[line.mixer] = line.number
            latest[line.mixer], begin = line.step, begins[line.mixer]
        found.setdefault((line.mixer, line.trial, begin), []).append(line)
    first: dict[str, float] = {}
    for (mixer, name, begin), trial in found.items():
        step = trial[0].step
        if not name and step is not None and step != first.setdefault(mixer, step):
            raise RequestError(
                f"{path}, line {begin}: it is unclear which trial step {step:g} belongs to; "
                f"the first trial of {mixer} begins at step {first[mixer]:g}",
                f"Number the trials in a column {TRIAL} or, if each row is a trial of its own, remove the steps.",
            )
    return list(found.values())


def _score_of(trial: Sequence[_Line], take: Take, lower_is_better: bool) -> float | None:
    if any(line.state == _LOST for line in trial):
        return None
    # of rows with equal steps, or without steps, the last one in the file
    by_step = sorted(trial, key=lambda line: line.step or 0.0)
    scores = [line.score for line in by_step if line.score is not None]
    if take == "last":
        scores = scores[-1:]
    finite = [score for score in scores if not math.isnan(score)]
    return (min if lower_is_better else max)(finite, default=None)


def _curves(path: Path, trials: Sequence[Sequence[_Line]]) -> RequestError:
    longest = max(trials, key=len)
    which = f"trial {longest[0].trial}" if longest[0].trial else "the trial"
    return RequestError(
        f"{path}, line {longest[0].number}: {which} of {longest[0].mixer} that begins here has {_rows(len(longest))}: the file "
        f"holds learning curves, {len(trials):,} trials in {_rows(sum(map(len, trials)))}",
        "Give --take last, to use the last row of each trial, or --take best.",
    )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _read(path: Path) -> list[_Line]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            if header.lstrip()[:1] in ("{", "["):
                raise RequestError(f"{path} holds JSON", _FORM)
            separator = max(_SEPARATORS, key=header.count)
            names = next(csv.reader([header], delimiter=separator, strict=True), [])
            places = _places(path, names)
            reader = csv.reader(stream, delimiter=separator, strict=True)
            lines = [_line(path, reader.line_num + 1, len(names), places, fields) for fields in reader if fields]
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror}", _FORM) from error
    except UnicodeDecodeError as error:
        raise RequestError(f"{path} is not UTF-8: byte {error.object[error.start]:#04x}", "Save it as UTF-8.") from error
    except csv.Error as error:
        raise RequestError(f"{path} is not a CSV: {error}", _FORM) from error
    if not any(line.state in _STATES for line in lines):  # no such column, or one about something else
        return [replace(line, state=_DONE) for line in lines]
    return [replace(line, state=_state(path, line)) for line in lines]


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Where each of the columns of `_NAMES` stands, of those that there are."""
    names = [_PREFIX.sub("", name.strip().lower()) for name in header]
    chosen = {role: name for role, known in _NAMES.items() for name in reversed(known) if name in names}
    if SCORE not in chosen:
        listed = ", ".join(name.strip() for name in header)
        raise RequestError(f"{path} has no column {SCORE!r}; its columns are: {listed or 'none'}", _FORM)
    if repeated := [name for name in chosen.values() if names.count(name) > 1]:
        raise RequestError(f"{path} has {names.count(repeated[0])} columns {repeated[0]!r}", _FORM)
    return {role: names.index(name) for role, name in chosen.items()}


def _line(path: Path, number: int, columns: int, places: Mapping[str, int], fields: Sequence[str]) -> _Line:
    where = f"{path}, line {number}"
    if len(fields) != columns:
        count = f"{len(fields)} field{'s' * (len(fields) != 1)}"
        raise RequestError(f"{where} has {count}, but the header names {columns} columns", _FORM)
    cells = {role: fields[place].strip() for role, place in places.items()}
    mixer = cells.get(MIXER, writable(path.stem))
    if not mixer:
        raise RequestError(f"{where}: {MIXER} is empty", _FORM)
    score, step = _number(cells[SCORE], where), _number(cells.get(STEP, ""), where)
    score = math.nan if score is not None and not abs(score) < _LARGEST else score
    step = None if step is not None and math.isnan(step) else step
    return _Line(number, mixer, score, cells.get(TRIAL, ""), step, cells.get(STATE, "").lower())


def _number(text: str, where: str) -> float | None:
    """None for nothing."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        plain = "Write decimals with a point, thousands without a separator and percentages without a sign: 1234.5."
        raise RequestError(f"{where}: {text!r} is not a number", plain if set(text) & set(",_%") else _FORM)
    return float(text)


def _state(path: Path, line: _Line) -> str:
    if line.state and line.state not in _STATES:
        raise RequestError(
            f"{path}, line {line.number}: {line.state!r} is not a known trial state", f"Known: {', '.join(_STATES)}."
        )
    return _STATES.get(line.state, _DONE)
