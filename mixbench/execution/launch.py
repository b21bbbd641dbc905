"""The parent's side of a launch server: start a fresh interpreter, hand it jobs one at a time, read their outcomes."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Literal

from mixbench.errors import WorkerError

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

_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Finished:
    """The job's function returned, with `result`."""

    result: dict[str, Any]


@dataclass(frozen=True)
class Died:
    """The child ended without a result; `step` is the last one it announced."""

    step: int
    cause: Literal["killed", "oom", "timeout", "error"]
    detail: str


Outcome = Finished | Died


class Launch:
    """A launch server as a context manager; leaving it ends the server and whatever the server runs.

    `modules` are imported before the first job. Raises WorkerError if the server does not start or stops answering.
    """

    def __init__(self, modules: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self._modules = modules
        self._environment = dict(environment or {})

    def __enter__(self) -> Launch:
        self.start()
        self.wait_until_ready()
        return self

    def start(self) -> None:
        """Start the server without waiting for its imports. The thread that starts it must outlive it."""
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
        # compile in the child itself: no pool of compiler processes during a measurement
        inherited.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mixbench.execution.server", *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env=inherited | self._environment,
            start_new_session=True,  # Ctrl-C reaches only the parent, which ends the server
        )

    def wait_until_ready(self) -> None:
        """Wait until the server has imported its modules."""
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, function: str, job: Mapping[str, Any], timeout: float) -> Outcome:
        """Call `function` ("module:name") as `name(job, announce)` in a new child, and sleep until it ends."""
        assert self._process.stdin is not None
        request = json.dumps({"function": function, "job": job, "timeout": timeout})
        try:
            with contextlib.suppress(BrokenPipeError):  # the missing answer says what happened
                self._process.stdin.write(request.encode() + b"\n")
                self._process.stdin.flush()
            answer = self._answer()
        except ValueError as error:  # another thread closed the files, or the answer is not JSON
            raise WorkerError("the measuring process was ended, or gave an answer that cannot be read") from error
        if answer["event"] == "finished":
            return Finished(answer["result"])
        return Died(answer["step"], answer["cause"], answer["detail"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise WorkerError(
                f"the measuring process stopped (exit code {self._process.returncode}): {last_line(self._messages)}",
                f"Try `{sys.executable} -c 'import torch'`; `mixbench doctor` shows what was found.",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the server and its child; calling it again does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # the server kills its child and ends
        try:
            self._process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._messages.close()


def last_line(output: IO[bytes]) -> str:
    """The last line that a process has written to a file, or words for none."""
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return " ".join(lines[-1].split())[:300] if lines else "it printed nothing"


def run_alone(function: str, job: Mapping[str, Any], *, threads: int, timeout: float) -> dict[str, Any]:
    """Run one job in a process of its own: `name(job)` for the function "module:name". Raises WorkerError if it fails."""
    work = {"function": function, "job": job, "threads": threads}
    with Launch(["mixbench.worker.speed"], environment=MEASURING) as launch:
        outcome = launch.run("mixbench.worker.speed:run_alone", work, timeout)
    if isinstance(outcome, Died):
        raise WorkerError(f"{function} failed: {outcome.detail}")
    return outcome.result
