"""Progress that a test can look at, or that stops a study."""

from __future__ import annotations

from collections.abc import Iterable

from stopping import stop_at

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


class Stopping(Silent):
    """Stops where the first step of a study has ended: its processes have started, and wait."""

    def done(self, step: Step) -> None:
        stop_at("a step is done")


def _counts(step: Step) -> bool:
    return not step.sort.startswith("start")
