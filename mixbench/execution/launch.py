"""The parent's side of a launch server: start a fresh interpreter, hand it jobs one at a time, read their outcomes."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

from mixbench.errors import WorkerError
from mixbench.execution.announcements import Board, new_board
from mixbench.execution.processes import end, guarded, killed_by
from mixbench.parsing.canonical import read_object

RETAINED_MEMORY = {
    # The process keeps freed buffers, as a caching GPU allocator does. By default glibc returns them, and whether the next
    # call faults them in again depends on what ran before.
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
}
MEASURING = RETAINED_MEMORY | {
    # One thread per core: otherwise the kernel may put two on one core, where they wait for each other in every operator.
    "OMP_PROC_BIND": "close",
    "OMP_PLACES": "cores",
}
"""Environment variables of measuring processes: they keep memory and threads in place."""

FOREIGN_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", *MEASURING)
"""Environment variables that measuring processes do not inherit from the user's shell."""

PACKAGE = Path(__file__).parents[1]
_SERVER = PACKAGE / "execution" / "server.py"
_GRACE = 15.0
"""Seconds that the server has after a deadline to end a job; then it is taken for stopped."""
_SECONDS_TO_END = 0.5
_POLL = 0.1
_CHUNK = 1 << 16
_ENDED = "the measuring process was stopped"


@dataclass(frozen=True)
class Finished:
    """The job's function returned, with `result`.

    On another machine, it ran in that `environment` and wrote these `files`, by their paths below the results folder.
    """

    result: dict[str, Any]
    environment: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """The child ended without a result; `step` is the last one it announced. `environment` as for `Finished`."""

    step: int
    cause: Literal["killed", "oom", "timeout", "error"]
    detail: str
    environment: Mapping[str, Any] | None = None


Outcome = Finished | Died


class _SilentError(Exception):
    """The server has not answered in time."""


class Launch:
    """A launch server as a context manager; leaving it ends the server and whatever the server runs.

    `modules` are imported before the first job, and then `optional` ones, so that no job has to: they are left out where they
    cannot be imported, start threads or touch a GPU. Raises WorkerError if the server does not start.
    """

    def __init__(
        self, modules: Sequence[str], optional: Sequence[str] = (), *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._modules = [*modules, *(("--", *optional) if optional else ())]
        self._environment = dict(environment or {})
        self._closed = False
        self._running = threading.RLock()

    def __enter__(self) -> Launch:
        self.start()
        self.wait_until_ready()
        return self

    def start(self) -> None:
        """Start the server without waiting for its imports."""
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
        # compile in the child itself: no pool of compiler processes during a measurement
        inherited.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        descriptor = new_board()
        self._board = Board(descriptor)
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  closed by _close_files()
        self._process = subprocess.Popen(
            # without the working directory on the import path: a random.py there is not Python's
            guarded([sys.executable, "-P", str(_SERVER), str(descriptor), *self._modules]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            bufsize=0,
            env=inherited | self._environment,
            pass_fds=(descriptor,),
            start_new_session=True,  # Ctrl-C reaches only the parent, which ends the server
        )
        os.close(descriptor)

    def wait_until_ready(self) -> None:
        """Wait until the server has imported its modules."""
        try:
            if not self._line(math.inf):
                code = self._process.wait()
                raise WorkerError(
                    f"the measuring process stopped ({killed_by(code) or f'exit code {code}'}): {last_line(self._messages)}",
                    f"Try `{sys.executable} -c 'import torch'`; `mixbench doctor` shows what was found.",
                )
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, function: str, job: Mapping[str, Any], timeout: float) -> Outcome:
        """Call `function` ("module:name") as `name(job, announce)` in a new child, and sleep until it ends.

        A job that takes the server with it has died; another server is started for the next one.
        """
        with self._running:
            if not self._closed and self._process.poll() is not None:
                self._close_files()
                self.start()
                self.wait_until_ready()
            if self._closed:
                raise WorkerError(_ENDED)
            self._board.announce(0)
            request = json.dumps({"function": function, "job": job, "timeout": timeout})
            return self._ask(request.encode() + b"\n", timeout)

    def _ask(self, request: bytes, timeout: float) -> Outcome:
        assert self._process.stdin is not None
        try:
            # it ended, or another thread has closed this; the missing answer says what happened
            with contextlib.suppress(BrokenPipeError, ValueError):
                left = memoryview(request)
                while left:
                    left = left[self._process.stdin.write(left) :]
            answer = self._line(timeout)
        except _SilentError:
            end(self._process)
            return Died(self._board.step, "timeout", f"no progress for {timeout:g} s")
        return read_answer(answer) if answer else self._death()

    def _death(self) -> Died:
        """What is known of a server that ended while a job ran. Raises WorkerError if it was closed."""
        code = self._process.wait()
        if self._closed:
            raise WorkerError(_ENDED)
        killer = killed_by(code)
        named = f"by {killer}" if killer else f"with exit code {code}: {last_line(self._messages)}"
        return Died(self._board.step, "killed", f"the parent of the measuring process was ended, {named}")

    def _line(self, timeout: float) -> bytes:
        """The next line from the server; b"" if it has ended. Raises _SilentError if a deadline passes without one."""
        assert self._process.stdout is not None
        received = bytearray()
        while not received.endswith(b"\n"):  # it sends one line at a time
            left = None if timeout == math.inf else self._board.left(timeout) + _GRACE
            if left is not None and left <= 0:
                raise _SilentError
            if select.select([self._process.stdout], [], [], left)[0]:
                data = os.read(self._process.stdout.fileno(), _CHUNK)
                if not data:
                    return b""
                received += data
        return bytes(received)

    def close(self) -> None:
        """End the server and its child, from any thread; calling it again does nothing."""
        self._closed = True
        assert self._process.stdin is not None
        self._process.stdin.close()  # the server kills its child and ends
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_SECONDS_TO_END)
        while True:
            end(self._process)
            # a thread that waits for an answer sees the end; one that was just starting another server has done so
            if self._running.acquire(timeout=_POLL):
                break
        self._close_files()
        self._running.release()

    def _close_files(self) -> None:
        for file in (self._process.stdin, self._process.stdout, self._messages):
            assert file is not None
            file.close()


def read_answer(line: bytes) -> Outcome:
    """The outcome in an answer of the server. What a child sends is read strictly: nothing in it can harm the study."""
    try:
        answer = read_object(line)
        if answer["event"] == "died":
            return Died(answer["step"], answer["cause"], answer["detail"])
        if not isinstance(answer["result"], dict):
            raise ValueError(f"it is a {type(answer['result']).__name__}")
        return Finished(answer["result"])
    except ValueError as error:
        return Died(0, "error", f"the measuring process returned an invalid answer: {error}")


def last_line(output: IO[bytes]) -> str:
    """The last line that a process has written to a file, or words for none."""
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else "it printed nothing"
