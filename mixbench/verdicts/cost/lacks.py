"""What the cost of a task lacks: mixers without a factor, and the command that gives it or the reason why none does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mixbench.tables.columns import FAILURES
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.cost.commands import FILE, search_command, speed_command, study_command
from mixbench.verdicts.cost.per_example import METERED, without_value
from mixbench.verdicts.cost.studies import Trained
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import MixerKey, context_of, is_of_the_past

TABLES = {"example": "speed.csv", "data": "data_efficiency.csv", "trials": "tuning.csv"}
"""The table of each factor."""
_PAST = "its code has changed since"


@dataclass(frozen=True)
class Lack:
    """Mixers without a factor, and the command that measures it, or the `reason` why measuring does not help."""

    factor: str
    table: str
    mixers: tuple[str, ...]
    command: str = ""
    reason: str = ""
    what: str = "rows"

    @property
    def words(self) -> str:
        """What is lacking."""
        if self.reason:
            return f"{', '.join(self.mixers)}: {self.reason}"
        where = "at this shape" if self.factor == "example" else "with these settings"
        return f"{self.table} has no {self.what} for {', '.join(self.mixers)} {where}"

    @property
    def blanks(self) -> str:
        """What the user has to fill in; empty for a command that runs as it is."""
        return (
            f"{FILE} stands for files that the folder does not name; --dev is to be added if it was given."
            if f" {FILE}" in self.command
            else ""
        )


@dataclass(frozen=True)
class Model:
    """Rows of other environments, of which commands take the settings where there are no others."""

    speed: Sequence[SpeedRow]
    runs: Trained


@dataclass(frozen=True)
class Found:
    """What there is: rows of speed.csv, those of the context that is taken, and the runs of the task."""

    speed: Sequence[SpeedRow]
    taken: Sequence[SpeedRow]
    runs: Trained
    model: Model


def lacks(
    labels: Mapping[MixerKey, str], there: Mapping[str, Collection[MixerKey]], subject: Subject, found: Found, wish: Wish
) -> tuple[Lack, ...]:
    """What each mixer lacks; `there` has the mixers of each factor."""
    absent = {factor: [mixer for mixer in labels if mixer not in there[factor]] for factor in TABLES}
    incomplete = {mixer for mixers in absent.values() for mixer in mixers}
    past = [mixer for mixer in labels if mixer in incomplete and is_of_the_past(mixer)]
    wanted = {factor: [mixer for mixer in mixers if mixer not in past] for factor, mixers in absent.items()}
    runs = found.runs
    taken = context_of(found.taken[0]) if found.taken else None
    reasons = {
        "example": without_value(found.speed, subject, wanted["example"], wish, taken),
        "data": _without_score(runs.study, wanted["data"], "runs"),
        "trials": {
            mixer: reason
            for mixer in wanted["trials"]
            for reason in _without_score(runs.trials.get(mixer, ()), None, "trials").values()
        },
    }

    def command(factor: str, mixers: Sequence[MixerKey]) -> str:
        if factor == "example":
            return speed_command(mixers, subject, found.taken, found.speed or found.model.speed, wish)
        make = study_command if factor == "data" else search_command
        return make(mixers, runs.study or found.model.runs.study, runs.search or found.model.runs.search, wish.texts)

    def what(factor: str) -> str:
        return wish.measure if factor == "example" and wish.measure == METERED else "rows"

    missing = [
        Lack(factor, table, tuple(labels[mixer] for mixer in mixers), command(factor, mixers), what=what(factor))
        for factor, table in TABLES.items()
        if (mixers := [mixer for mixer in wanted[factor] if mixer not in reasons[factor]])
    ]
    without = [
        Lack(factor, table, tuple(labels[mixer] for mixer in own if own[mixer] == reason), reason=reason)
        for factor, table in TABLES.items()
        for own in [reasons[factor]]
        for reason in dict.fromkeys(own.values())
    ]
    return (*missing, *without, *(Lack("example", TABLES["example"], (labels[mixer],), reason=_PAST) for mixer in past))


def _without_score(rows: Sequence[TrainingRow], mixers: Collection[MixerKey] | None, noun: str) -> dict[MixerKey, str]:
    """Why mixers with rows have no score: how their runs ended."""
    statuses: dict[MixerKey, dict[str, None]] = {}
    for row in rows:
        if row.test_score is None and (mixers is None or (row.mixer, row.config) in mixers):
            statuses.setdefault((row.mixer, row.config), {})[row.status] = None
    return {mixer: _ended(list(own), noun) for mixer, own in statuses.items()}


def _ended(statuses: Sequence[str], noun: str) -> str:
    again = "; --retry-failed trains them again" if set(FAILURES) & set(statuses) else ""
    return f"all its {noun} ended as {' or '.join(statuses)}{again}"
