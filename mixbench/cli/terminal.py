"""Output that all commands share: report errors with their exit code, draw progress, say where the files are."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from mixbench.cli.text.message import fill_message
from mixbench.errors import MixbenchError, RequestError

INTERRUPTED = 130
_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ends a command like Ctrl-C: a supervisor, and a terminal that is closed."""


@contextmanager
def reporting(interrupted: str) -> Iterator[None]:
    """Turn a MixbenchError into a message and its exit code, and an interrupt into code 130 and the command to type next.

    `interrupted` says what becomes of what was done.
    """
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupt)
    try:
        yield
    except MixbenchError as error:
        report_error(error)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        again = shlex.join(["mixbench", *(option for option in sys.argv[1:] if option != "--fresh")])
        typer.echo(f"\nInterrupted. {interrupted}:\n  {again}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def report_error(error: MixbenchError) -> None:
    """Print an error with its hint to standard error."""
    typer.echo(_filled(f"mixbench: {error}"), err=True)
    if error.hint:
        typer.echo(_filled(error.hint, "  "), err=True)


class _Pipe(io.FileIO):
    """A stream whose reader may go away, as in `mixbench … | head`: what it no longer reads is dropped, and nothing ends."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # EIO: a terminal that was closed
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


def outlive_readers() -> None:
    """Let a command end as it would have without a pipe, also where the reader of its output or its progress has gone.

    A terminal without UTF-8 shows ? for what it cannot show.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before the start
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            pipe = io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False))
            lines = stream.line_buffering
            setattr(sys, name, io.TextIOWrapper(pipe, stream.encoding, "replace", line_buffering=lines, write_through=lines))


def _filled(text: str, indent: str = "") -> str:
    """A message, wrapped if it goes to a terminal, with its commands whole, so that they can be copied."""
    return fill_message(text, shutil.get_terminal_size().columns, indent) if sys.stderr.isatty() else indent + text


def _interrupt(signum: int, frame: Any) -> None:
    for number in _ENDING:  # a terminal that is closed sends several, and a clean end takes a while
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def terminal_width() -> int | None:
    """Columns of the terminal that standard output goes to; None if it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_text(make: Callable[[int, bool], Any]) -> None:
    """Print the rich text that `make(width, terminal)` returns to standard output, never wrapped or cut by rich."""
    from rich.console import Console

    console = Console()
    console.print(make(console.width, console.is_terminal), soft_wrap=True, highlight=False)


def print_json(content: Any) -> None:
    """Print plain values to standard output as JSON."""
    typer.echo(json.dumps(_finite(content), indent=2, allow_nan=False))


def _finite(content: Any) -> Any:
    """The same values with None for numbers that JSON does not have."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def remark(text: str) -> None:
    """Print a remark for the user to standard error, apart from the results: one line where it is not wrapped."""
    typer.echo(_filled(text), err=True)


def warn(text: str) -> None:
    """Print a warning to standard error, which stands out."""
    typer.secho(_filled(text), err=True, fg="red", bold=True)


def agreed(question: str, hint: str) -> bool:
    """Ask a question at the terminal; only `y` and `yes` agree. Raises RequestError if there is no terminal to ask at."""
    if not sys.stdin.isatty():
        raise RequestError("nothing was done: without a terminal, nobody can be asked", hint)
    typer.echo(f"{question} [y/N] ", err=True, nl=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def conclude(replicate: str, table: Path, failed: int, unit: str, *, warning: str = "") -> None:
    """Say where the rows of a study are and what comes next; end with exit code 1 if any of its units failed.

    A warning is the last line, and stands out.
    """
    from mixbench.parsing.command import with_folder

    remark(f"Every {replicate} is a row of {table}.")
    remark(f"Next: {with_folder('mixbench plot', table.parent)}")
    if failed:
        remark(f"{failed} {unit}{'s' if failed > 1 else ''} failed; measure again with --retry-failed.")
    if warning:
        warn(warning)
    if failed:
        raise typer.Exit(1)
