"""The parent's side of a launch server: start a fresh interpreter, hand it jobs one at a time, read what became of them."""

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
from typing import Any, Literal

from mixbench.errors import WorkerError

RETAINED_MEMORY = {
    # freed buffers stay with the process, as a caching GPU allocator keeps them; by default glibc returns them, and whether
    # the next call faults them in again depends on what ran before
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
}
MEASURING = RETAINED_MEMORY | {
    # one thread per core: the kernel may else put two on one core, where each operator waits for its time slices
    "OMP_PROC_BIND": "close",
    "OMP_PLACES": "cores",
}
"""Environment of measuring processes: how memory and threads are kept in place."""

FOREIGN_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", *MEASURING)

_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Finished:
    """The job's function returned `result`."""

    result: dict[str, Any]


@dataclass(frozen=True)
class Died:
    """The child ended without a result, after it had announced `step`."""

    step: int
    cause: Literal["killed", "oom", "timeout", "error"]
    detail: str


Outcome = Finished | Died


class Launch:
    """A launch server as a context manager; leaving it ends the server and whatever it runs.

    `modules` are imported before the first job. Raises WorkerError where the server does not start or stops answering.
    """

    def __init__(self, modules: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self._modules = modules
        self._environment = dict(environment or {})

    def __enter__(self) -> Launch:
        self.start()
        self.wait_until_ready()
        return self

    def start(self) -> None:
        """Start the server without waiting for its imports; the thread that starts it must outlive it."""
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
        # compiled in the child itself: no pool of compiler processes beside the measurement
        inherited.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115  close() ends it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mixbench.execution.server", *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            env=inherited | self._environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the server
        )

    def wait_until_ready(self) -> None:
        """Wait for the imports of a server that was started."""
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, function: str, job: Mapping[str, Any], timeout: float) -> Outcome:
        """Call `function` ("module:name") as `name(job, announce)` in a new child and wait for it, asleep."""
        assert self._process.stdin is not None
        request = json.dumps({"function": function, "job": job, "timeout": timeout})
        try:
            with contextlib.suppress(BrokenPipeError):  # the answer says what became of the server
                self._process.stdin.write(request.encode() + b"\n")
                self._process.stdin.flush()
            answer = self._answer()
        except ValueError as error:  # another thread closed the files, or what came is no JSON
            raise WorkerError("the measuring process was ended, or broke the protocol") from error
        if answer["event"] == "finished":
            return Finished(answer["result"])
        return Died(answer["step"], answer["cause"], answer["detail"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._messages.seek(0)
            said = self._messages.read().decode(errors="replace").strip().splitlines()
            last = said[-1] if said else "it said nothing"
            raise WorkerError(
                f"the measuring process stopped (exit code {self._process.returncode}): {last}",
                f"Try `{sys.executable} -c 'import torch'`; `mixbench doctor` shows what was found.",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the server and its child; safe to call twice."""
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


def run_alone(function: str, job: Mapping[str, Any], *, threads: int, timeout: float) -> dict[str, Any]:
    """Run one job in a fresh process of its own: `name(job)` of "module:name". Raises WorkerError where it fails."""
    work = {"function": function, "job": job, "threads": threads}
    with Launch(["mixbench.worker.speed"], environment=MEASURING) as launch:
        outcome = launch.run("mixbench.worker.speed:run_alone", work, timeout)
    if isinstance(outcome, Died):
        raise WorkerError(f"{function} failed: {outcome.detail}")
    return outcome.result
