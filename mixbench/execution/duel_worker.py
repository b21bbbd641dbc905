"""The process of one side of a duel as the parent knows it: it is started, asked for something, and ended."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mixbench.errors import RequestError, WorkerError
from mixbench.execution.launch import FOREIGN_SETTINGS, PACKAGE, RETAINED_MEMORY, last_line
from mixbench.execution.processes import end, guarded, killed_by
from mixbench.execution.version import Version, check_modules
from mixbench.parsing.canonical import read_object

WORKER = PACKAGE / "worker" / "duel.py"
_NO_TRACES = {"PYTHONDONTWRITEBYTECODE": "1"}
"""The user's sources stay as they are: no __pycache__ is left among them."""
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0


class FaultError(Exception):
    """A worker could not do what it was asked for."""

    def __init__(self, worker: Worker, message: str) -> None:
        super().__init__(message)
        self.worker = worker


class DeadError(FaultError):
    """A worker ended, or was ended because it hung or wrote what is no answer."""


@dataclass
class Worker:
    """A fresh process with the Python and the modules of a version.

    Raises WorkerError if it cannot be started, RequestError if it has no place for what it prints.
    """

    version: Version
    timeout: float
    process: subprocess.Popen[bytes] = field(init=False)
    changed: bool = field(init=False, default=False)
    """Whether a mixer has changed what others share with it: settings, or functions of torch or Python."""

    @property
    def usable(self) -> bool:
        """Whether it can measure other mixers."""
        return self.process.poll() is None and not self.changed

    def __post_init__(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
        pythonpath = os.pathsep.join(self.version.pythonpath)  # the guard keeps the user's
        try:
            self._messages = tempfile.TemporaryFile()  # noqa: SIM115  closed by close()
        except OSError as error:
            hint = "Set TMPDIR to a folder on a disk with free space."
            raise RequestError(f"no temporary file can be made: {error.strerror or error}", hint) from error
        try:
            self.process = subprocess.Popen(
                guarded([self.version.python, str(WORKER), *self.version.last], PYTHONPATH=pythonpath),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._messages,
                bufsize=0,
                cwd=self.version.folder,
                env=inherited | RETAINED_MEMORY | _NO_TRACES,
                start_new_session=True,  # Ctrl-C reaches only the parent, which ends the guard
            )
        except OSError as error:
            self._messages.close()
            cause = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
            raise WorkerError(f"{self.version.name} cannot be measured: {cause}") from error
        self._received = b""
        self._answered = False

    def wait_until_ready(self) -> None:
        """Sleep until it can be asked. Raises WorkerError."""
        with _in_preparation(self.version):
            self.answer()

    def prepare(self, **settings: Any) -> None:
        """Set what must be equal on both sides. Raises WorkerError if that fails, RequestError if it lacks the device."""
        version = self.version
        tree = dataclasses.asdict(version.tree) if version.tree else {}
        with _in_preparation(version):
            prepared = self.ask("prepare", path=version.path, package=PACKAGE, tree=tree, **settings)
        if reason := prepared.get("lacking_device"):
            raise RequestError(f"{version.name} cannot be measured: {reason}", "Measure on the CPU: --device cpu.")

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The answer to a request. Raises FaultError, and RequestError if the version used code that is not its own."""
        token = os.urandom(8).hex()
        self._send(do, token=token, **request)
        answer = self.answer()
        if answer.pop("token", None) != token:
            self.end()
            raise DeadError(self, "other output was mixed into its answers")
        self.changed |= bool(answer.get("changed"))
        check_modules(self.version, answer)
        if "fault" in answer:
            raise FaultError(self, answer["fault"])
        return answer

    def _send(self, do: str, **request: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer says what happened
            self.process.stdin.write(json.dumps({"do": do, **request}, default=str).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        """The next answer; sleeps until it comes. Raises DeadError."""
        assert self.process.stdout is not None
        timeout = self.timeout if self._answered else max(self.timeout, _SECONDS_TO_START)
        deadline = time.monotonic() + timeout
        while b"\n" not in self._received:
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.end()
                raise DeadError(self, f"no answer for {timeout:g} s")
            chunk = self.process.stdout.read(1 << 16)
            if not chunk:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=_SECONDS_TO_END)
                self.end()
                code = self.process.returncode
                how = killed_by(code) or f"exit code {code}"
                raise DeadError(self, f"the process ended ({how}): {last_line(self._messages)}")
            self._received += chunk
        self._answered = True
        line, _, self._received = self._received.partition(b"\n")
        try:
            return read_object(line)
        except ValueError as error:
            self.end()
            raise DeadError(self, f"it returned an invalid answer: {error}") from error

    def end(self) -> None:
        """End the process."""
        end(self.process)

    def close(self) -> None:
        """End the process, and free what belongs to it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.end()
        self.process.stdout.close()
        self._messages.close()


@contextlib.contextmanager
def _in_preparation(version: Version) -> Iterator[None]:
    """Raise WorkerError if a worker fails before it can measure."""
    try:
        yield
    except DeadError as death:
        hint = f"It needs torch: try `{version.python} -c 'import torch'`."
        raise WorkerError(f"{version.name} cannot be measured: {death}", hint) from death
    except FaultError as fault:
        raise WorkerError(f"{version.name} cannot be measured: {fault}") from fault
