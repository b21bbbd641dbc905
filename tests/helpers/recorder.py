"""A progress that a test can look at."""

from __future__ import annotations

from mixbench.studies.progress import Silent


class Recorder(Silent):
    """Keeps what a study says of its progress."""

    def __init__(self) -> None:
        self.total = self.done = 0
        self.remarks: list[str] = []
        self.steps: list[str] = []

    def begin(self, total: int) -> None:
        self.total = total

    def step(self, done: int, doing: str) -> None:
        self.done += done
        self.steps.append(doing)

    def remark(self, text: str) -> None:
        self.remarks.append(text)
