"""How a study reports its progress: the command line draws it; for Python users and tests it is silent."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Step:
    """A step of a study. Steps with the same `sort` and `name` take equally long.

    `seconds` is a guess of how long it takes, which is corrected by what steps of its sort have taken: if a schedule is known,
    only after `trust` of them.
    """

    sort: str
    name: Hashable = None
    seconds: float = 1.0
    trust: int = 0


def duration(seconds: float) -> str:
    """`45 s`, `5 min 15 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    high, low, units = (*divmod(whole, 60), ("min", "s")) if whole < 3600 else (*divmod(round(whole / 60), 60), ("h", "min"))
    return f"{high} {units[0]} {low} {units[1]}" if low else f"{high} {units[0]}"


class Progress(Protocol):
    """Called only between measurements, so that drawing never disturbs them; `begun` from other threads, too."""

    def begin(self, steps: Iterable[Step], at_once: int = 1) -> None:
        """A part of the study begins with these steps to do, some of them `at_once`."""

    def remaining(self, steps: Iterable[Step]) -> None:
        """These steps are left of the part, more or fewer than were announced."""

    def begun(self, step: Step) -> None:
        """One of several steps at a time begins; if steps follow each other, the next one begins with the end of the last."""

    def doing(self, text: str) -> None:
        """What is done now, in words."""

    def done(self, step: Step) -> None:
        """A step is finished."""

    def remark(self, text: str) -> None:
        """Something the user should know, in one line."""


class Once:
    """Passes everything on, but a remark only if it is not among those that were `told`: parts of a study may share data."""

    def __init__(self, progress: Progress, told: set[str]) -> None:
        self.progress, self.told = progress, told
        self.begin, self.remaining, self.begun = progress.begin, progress.remaining, progress.begun
        self.doing, self.done = progress.doing, progress.done

    def remark(self, text: str) -> None:
        """Something the user should know, in one line."""
        if text not in self.told:
            self.told.add(text)
            self.progress.remark(text)


class Silent:
    """Reports nothing."""

    def begin(self, steps: Iterable[Step], at_once: int = 1) -> None: ...

    def remaining(self, steps: Iterable[Step]) -> None: ...

    def begun(self, step: Step) -> None: ...

    def doing(self, text: str) -> None: ...

    def done(self, step: Step) -> None: ...

    def remark(self, text: str) -> None: ...
