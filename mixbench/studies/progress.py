"""What a study says while it runs; the command line draws it, a silent one serves Python users and tests."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called only between measurements, so that drawing never disturbs one."""

    def begin(self, total: int) -> None:
        """The study has `total` steps to do."""

    def step(self, done: int, doing: str) -> None:
        """`done` more steps are through; `doing` is what comes next."""

    def remark(self, text: str) -> None:
        """Something the user should know, one line."""


class Silent:
    """Says nothing."""

    def begin(self, total: int) -> None: ...

    def step(self, done: int, doing: str) -> None: ...

    def remark(self, text: str) -> None: ...
