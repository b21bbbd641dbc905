"""Places at which a process stops until it is killed, so that a test kills it where it matters and not at some time.

Every place has a name. A program that is started with the variables of a test's `Stops`, and run by `again_when_killed`, stops
where it comes to a place that no kill has passed yet: where it or its children call `stop_at`, and wherever it writes, once
`stop_while_writing` was called.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mixbench.execution.processes import die_with_parent

_FOLDER = "STOPS"
_PATIENCE = 300.0
"""Seconds after which a process that nobody kills ends."""
_POLL = 0.005

STORING = {
    "environments: not yet replaced",
    "a table: created",
    "a table: half of its header",
    "a table: not yet replaced",
    "rejected lines: half",
    "rejected lines: all",
}
"""The places in the writing of any study that is killed at each of them."""


class Stops:
    """Which places were passed, and which one has been reached by which process."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.passed: list[str] = []
        self.variables = {_FOLDER: str(folder)}
        self._folder = folder
        (folder / "passed").touch()

    def reached(self) -> str:
        """The first place that has been reached; "" before."""
        file = self._folder / "reached"
        return file.read_text().partition("\n")[0] if file.exists() else ""

    def process(self) -> int:
        """The process that is to be killed: not the one that starts it again."""
        return int((self._folder / "process").read_text())

    def pass_by(self, name: str) -> None:
        """Let the program, which has been killed, start again and not stop there any more."""
        self.passed.append(name)
        (self._folder / "passed").write_text("\n".join(self.passed))
        (self._folder / "reached").unlink()


def stop_at(name: str) -> None:
    """Stop at this place, unless it was passed before, or no test asks for stops."""
    if not (folder := os.environ.get(_FOLDER)):
        return
    if name in Path(folder, "passed").read_text().split("\n"):
        return
    with Path(folder, "reached").open("a") as reached:
        reached.write(f"{name}\n")
    time.sleep(_PATIENCE)
    os._exit(1)


def again_when_killed(program: Callable[[], None]) -> None:
    """Call this in a process of its own and, where a test asks for stops, again whenever that has been killed at one.

    The processes are forks of this one, which has imported all that they need.
    """
    if not (folder := os.environ.get(_FOLDER)):
        program()
        return
    parent = os.getpid()
    while True:
        if not (child := os.fork()):
            die_with_parent(parent)
            Path(folder, "process").write_text(str(os.getpid()))
            try:
                program()
                sys.stdout.flush()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            if code > 0:
                sys.exit(code)
        else:
            return
        while Path(folder, "reached").exists():
            time.sleep(_POLL)


def stop_while_writing(folder: Path) -> None:
    """Have this process stop within and after each of its appends to files of `folder`, and before it replaces one."""
    own_open, own_write, own_replace = os.open, os.write, os.replace
    appended: dict[int, str] = {}

    def open_file(path: Any, flags: int, *given: Any, **named: Any) -> int:
        descriptor = own_open(path, flags, *given, **named)
        appended.pop(descriptor, None)
        if flags & os.O_APPEND and Path(path).is_relative_to(folder):
            appended[descriptor] = Path(path).name
        return descriptor

    def write(descriptor: int, data: Any) -> int:
        if not (name := appended.get(descriptor)):
            return own_write(descriptor, data)
        content, begin = bytes(data), 0
        for end, place in _cuts(name, content, is_new=not os.fstat(descriptor).st_size):
            if end > begin:
                assert own_write(descriptor, content[begin:end]) == end - begin
            begin = end
            stop_at(place)
        return len(content)

    def replace(source: Any, target: Any, **named: Any) -> None:
        stop_at(f"{Path(target).parent.name if Path(target).parent != folder else 'a table'}: not yet replaced")
        own_replace(source, target, **named)

    os.open, os.write, os.replace = open_file, write, replace


def _cuts(name: str, content: bytes, *, is_new: bool) -> Iterator[tuple[int, str]]:
    """Where an append of whole lines is cut, in bytes, with the names of the places. A new table begins with its header."""
    if name.endswith(".rejected"):
        yield len(content) // 2, "rejected lines: half"
        yield len(content), "rejected lines: all"
        return
    header, *rows = content.splitlines(keepends=True) if is_new else [b"", *content.splitlines(keepends=True)]
    if is_new:
        yield 0, "a table: created"
        yield len(header) // 2, "a table: half of its header"
    if len(rows) > 1:
        yield len(header) + len(rows[0]), f"{name}: a row of several"
    yield len(content) - len(rows[-1]) // 2, f"{name}: half of a row"
    yield len(content), f"{name}: all rows"
