"""A progress that a test can look at."""

from __future__ import annotations

from collections.abc import Iterable

from mixbench.studies.progress import Silent, Step


class Recorder(Silent):
    """Keeps what a study says of its progress; steps that only start processes do not count."""

    def __init__(self) -> None:
        self.total = self.finished = 0
        self.remarks: list[str] = []
        self.texts: list[str] = []

    def begin(self, steps: Iterable[Step], at_once: int = 1) -> None:
        self.finished = 0
        self.remaining(steps)

    def remaining(self, steps: Iterable[Step]) -> None:
        self.total = self.finished + sum(map(_counts, steps))

    def doing(self, text: str) -> None:
        self.texts.append(text)

    def done(self, step: Step) -> None:
        self.finished += _counts(step)

    def remark(self, text: str) -> None:
        self.remarks.append(text)


def _counts(step: Step) -> bool:
    return not step.sort.startswith("start")
