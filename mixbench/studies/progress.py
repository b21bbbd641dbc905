"""How a study reports its progress: the command line draws it; for Python users and tests it is silent."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called only between measurements, so that drawing never disturbs them."""

    def begin(self, total: int) -> None:
        """The study has `total` steps to do."""

    def step(self, done: int, doing: str) -> None:
        """`done` more steps are finished; `doing` describes the next one."""

    def remark(self, text: str) -> None:
        """Something the user should know, in one line."""


class Silent:
    """Reports nothing."""

    def begin(self, total: int) -> None: ...

    def step(self, done: int, doing: str) -> None: ...

    def remark(self, text: str) -> None: ...
