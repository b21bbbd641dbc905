"""What must hold of every command, whatever it is given: an exit code with a meaning, no traceback, no hang, nothing lost."""

from __future__ import annotations

import re
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from damaging import Files, contents, write_files
from hypothesis import HealthCheck, Phase, settings
from typer.testing import CliRunner

import mixbench
from mixbench.cli import app
from mixbench.errors import MixbenchError, StorageError, StorageWarning
from mixbench.tables.reading import read_table
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES

CASES = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CODES = (0, 1, 2, 3, 4)
LONGEST_LINE = 6000
"""Characters of a message: nobody reads more."""
DRAWN = ("figures/", "exports/")
"""Where readers write."""


class HangError(BaseException):
    """A command took too long. No `except Exception` hides it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise HangError in code that computes for longer, or waits for fifteen times as long: a busy machine is no hang."""

    def give_up(signum: int, frame: Any) -> None:
        raise HangError(f"not done after {seconds:g} s")

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, 15 * seconds))
    before = [signal.signal(number, give_up) for number, _, _ in timers]
    for _, timer, limit in timers:
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for (number, timer, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def run_command(words: Sequence[str], seconds: float = 20.0) -> int:
    """Run a command in this process and return its exit code. Raises what a user would see as a traceback, or HangError."""
    with within(seconds):
        done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code in CODES, f"exit code {done.exit_code}"
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    longest = max(map(len, done.stderr.splitlines()), default=0)
    assert longest <= LONGEST_LINE, f"a message of {longest} characters: {done.stderr[:200]}"
    if done.exit_code == 2:
        assert done.stderr.strip(), "exit code 2 without a message"
    return done.exit_code


def read_with(words: Sequence[str], folder: Path, files: Files) -> int:
    """Run a command that reads a folder of these files, and check that it changed none."""
    write_files(folder, files)
    code = run_command(words)
    after = {name: content for name, content in contents(folder).items() if not name.startswith(DRAWN)}
    assert after == {name: content for name, content in files.items() if not name.startswith(DRAWN)}, "a reader changed files"
    return code


def summarise(study: str, folder: Path, files: Files) -> None:
    """Call `mixbench.summary` on a folder of these files."""
    write_files(folder, files)
    with within(20.0), warnings.catch_warnings():
        warnings.simplefilter("ignore", StorageWarning)
        with suppress(MixbenchError):
            mixbench.summary(folder, study=study)
    assert contents(folder) == files


def measure_into(folder: Path, files: Files) -> None:
    """Begin to measure into a folder of these files: rows that count stay, every other line is kept beside its table."""
    write_files(folder, files)
    tables = {name: TABLES[name.removesuffix(".csv")] for name in files if name.removesuffix(".csv") in TABLES}
    counted: dict[str, int] = dict.fromkeys(tables, 0)
    with within(20.0), warnings.catch_warnings():
        warnings.simplefilter("ignore", StorageWarning)
        with suppress(StorageError):
            before = {name: read_table(folder / name, row_type).rows for name, row_type in tables.items()}
            counted = {name: len(rows) for name, rows in before.items()}
            with ResultsFolder(folder).writing():
                pass
            assert {name: ResultsFolder(folder).read(row_type) for name, row_type in tables.items()} == before
    after = contents(folder)
    for name in tables:
        kept = nonblank(after.get(name, b"")) + nonblank(after.get(f"{name}.rejected", b""))
        gone = [line for line in nonblank(files[name]) if line not in kept]
        # rows that count may stand in other bytes now, and headers only once
        headers = sum(line.count(b"measured_at") and line.count(b"environment") for line in gone)
        assert len(gone) <= counted[name] + headers, f"{name} lost lines"


def nonblank(content: bytes) -> list[bytes]:
    """The lines of a file that hold anything."""
    return [line for line in re.split(rb"\r\n?|\n", content.removeprefix(b"\xef\xbb\xbf")) if line.strip(b"\0 \t,;")]
