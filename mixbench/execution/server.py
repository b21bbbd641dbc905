"""The launch server: a fresh interpreter that imports modules once and forks an isolated child process for each job.

    python -P mixbench/execution/server.py BOARD [MODULE …] [-- OPTIONAL …]

It is run by its path, so that it belongs to the same package as its parent, wherever that was found: on PYTHONPATH, in the
working directory, or where a script put it.

It also runs without the OPTIONAL modules; if one leaves the process unfit for forks, the server starts again without them.

Requests and answers are JSON lines on standard input and output. For the request `{"function": "module:name", "job": {…},
"timeout": seconds}`, the child calls `name(job, announce)`, and the answer is one of

- `{"event": "finished", "result": {…}}`
- `{"event": "died", "step": announced step, "cause": killed | oom | timeout | error, "detail": one line}`

The server only imports and never runs an operation: a child forked after a parallel operation hangs at its first one. What
children print is read only when one dies. A child that announces no step on the board, whose descriptor is BOARD, for `timeout`
seconds is killed. When a job has ended, so have all processes that it started.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NoReturn

if __name__ in ("__main__", "__mp_main__"):  # the latter in a process that a mixer spawns
    _spec = spec_from_file_location("mixbench", Path(__file__).parents[1] / "__init__.py")
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["mixbench"] = module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["mixbench"])

from mixbench.execution.announcements import Board
from mixbench.execution.answers import COPIED, FINISHED, RAISED, UNSENT, Receiver, Sender
from mixbench.execution.child import run_job
from mixbench.execution.preloading import preload, replace_process
from mixbench.execution.processes import adopt_orphans, die_with_parent, end_children, signal_name

_PATIENCE = 0.5
"""Seconds for helpers of a job that has finished, such as multiprocessing's, to end by themselves."""
_CHUNK = 1 << 16
_CHUNKS = 64
"""As much is read at a time: who prints without end must not keep the server from seeing a deadline."""
_TAIL = 4096


def main() -> None:
    """Serve jobs until standard input closes."""
    adopt_orphans()
    shared = int(sys.argv[1])
    modules, optional = _split(sys.argv[2:])
    environment, copy = dict(os.environ), os.dup(shared)
    board = Board.hidden(shared)
    answers = os.dup(1)
    os.dup2(2, 1)
    for module in modules:
        importlib.import_module(module)

    def start_again() -> NoReturn:
        end_children()
        replace_process(_split(sys.orig_argv)[0], environment, {1: answers, shared: copy})

    preload(optional, start_again)
    os.close(copy)
    wake, *private = _wake_at_death_of_child()
    private += [wake, answers]
    _send(answers, b'{"event": "ready"}')
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  unbuffered: select must see all that is unread
    while line := requests.readline():
        _send(answers, _Job(json.loads(line), board, wake).carry_out(private))
    os._exit(0)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before "--" and what after it."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def _send(descriptor: int, line: bytes) -> None:
    left = memoryview(line + b"\n")
    while left:
        left = left[os.write(descriptor, left) :]


def _wake_at_death_of_child() -> tuple[int, int]:
    """The ends of a pipe that can be read when a child has ended, so that `select` wakes up."""
    wake, write_end = os.pipe()
    for descriptor in (wake, write_end):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda signum, frame: None)
    return wake, write_end


class _Job:
    """A job in a child of its own."""

    def __init__(self, request: dict[str, Any], board: Board, wake: int) -> None:
        self._request = request
        self._timeout: float = request["timeout"]
        self._board = board
        self._wake = wake
        self._printed = bytearray()

    def carry_out(self, private: list[int]) -> bytes:
        """Run the job to its end and return the answer; the child gets none of the `private` descriptors."""
        self._board.announce(0)
        oom_kills = _oom_kills()
        token = os.urandom(16).hex().encode()
        (answers, answers_in), (output, output_in) = os.pipe(), os.pipe()
        server = os.getpid()
        child = os.fork()
        if not child:
            try:
                _isolate(server, output_in, [*private, answers, output, output_in])
                run_job(self._request["function"], self._request["job"], self._board, Sender(answers_in, token))
            finally:
                os._exit(UNSENT)
        os.close(answers_in)
        os.close(output_in)
        for descriptor in (answers, output):
            os.set_blocking(descriptor, False)
        try:
            message, fault = self._await(child, answers, output, Receiver(token))
            step = self._board.step
            status = end_children(_PATIENCE if message else 0.0, child).get(child, signal.SIGKILL)
            self._read(output)
        finally:
            os.close(answers)
            os.close(output)
        kind, content = message or (b"", b"")
        if kind == FINISHED:
            return b'{"event": "finished", "result": ' + content + b"}"
        if kind == RAISED:
            cause, detail = "error", json.loads(content)
        elif kind == COPIED:
            cause, detail = "error", "it called os.fork, and the child process returned, too"
        elif fault:
            cause, detail = fault
        else:
            cause, detail = _cause(status, _oom_kills() > oom_kills)
            detail = ": ".join(filter(None, (detail, self._last_line())))
        return json.dumps({"event": "died", "step": step, "cause": cause, "detail": detail}).encode()

    def _await(
        self, child: int, answers: int, output: int, receiver: Receiver
    ) -> tuple[tuple[bytes, bytes] | None, tuple[str, str] | None]:
        """The child's message if it sends one before it ends, and why it was given up, if it was.

        The server sleeps in between. It wakes at a deadline, when something is printed, and when a child ends.
        """
        watched = [answers, output]
        while True:
            left = self._board.left(self._timeout)
            if left <= 0:
                return None, ("timeout", f"no progress for {self._timeout:g} s")
            ready, _, _ = select.select([*watched, 0, self._wake], [], [], left)
            if 0 in ready:  # nothing is sent during a job, so the parent has died
                end_children(group=child)
                os._exit(1)
            # before the pipe is read, so that nothing that the child has sent is missed
            ended = self._wake in ready and _has_ended(child, self._wake)
            if output in ready and not self._read(output):
                watched.remove(output)
            if answers in watched:
                try:
                    message, is_open = _receive(answers, receiver)
                except ValueError as error:
                    return None, ("error", str(error))
                if message:
                    return message, None
                if not is_open:
                    watched.remove(answers)
            if ended:
                return None, None

    def _read(self, output: int) -> bool:
        """Keep the end of what was printed; returns False if nothing more can come."""
        for data in _available(output):
            if not data:
                return False
            self._printed = (self._printed + data)[-_TAIL:]
        return True

    def _last_line(self) -> str:
        lines = self._printed.decode(errors="replace").replace("\0", "").split("\n")
        messages = [line.strip() for line in lines if line.strip() and not line.startswith("USDT:")]
        return messages[-1][:300] if messages else ""


def _isolate(server: int, output: int, foreign: list[int]) -> None:
    """Make a fork a process of its own that dies with the server and shares no descriptor with it."""
    die_with_parent(server)
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # if memory runs out, the kernel kills it, not the study
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for descriptor in foreign:
        os.close(descriptor)


def _has_ended(child: int, wake: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        os.read(wake, _CHUNK)
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _receive(answers: int, receiver: Receiver) -> tuple[tuple[bytes, bytes] | None, bool]:
    """The first message in the pipe, if it is whole, and whether more can come."""
    for data in _available(answers):
        if not data:
            return None, False
        if message := receiver.feed(data):
            return message, True
    return None, True


def _available(descriptor: int) -> Iterator[bytes]:
    """What is in a pipe that does not block, or much of it; b"" at its end."""
    with contextlib.suppress(BlockingIOError):
        for _ in range(_CHUNKS):
            data = os.read(descriptor, _CHUNK)
            yield data
            if not data:
                return


def _cause(wait_status: int, out_of_memory: bool) -> tuple[str, str]:
    code = os.waitstatus_to_exitcode(wait_status)
    if code == UNSENT:
        return "error", "the measuring process closed the pipe for its answer"
    if code >= 0:
        return "error", f"the measuring process exited with code {code}"
    name = signal_name(-code)
    if name == "SIGKILL" and out_of_memory:
        return "oom", "the kernel killed the measuring process: out of memory"
    return "killed", f"the measuring process was killed by {name}"


def _oom_kills() -> int:
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


if __name__ == "__main__":
    main()
