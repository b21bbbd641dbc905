"""The launch server: a fresh interpreter that imports modules once and forks an isolated child process for each job.

    python -m mixbench.execution.server MODULE [MODULE …]

Requests and answers are JSON lines on standard input and output. For the request `{"function": "module:name", "job": {…},
"timeout": seconds}`, the child calls `name(job, announce)`, and the answer is one of

- `{"event": "finished", "result": {…}}`
- `{"event": "died", "step": announced step, "cause": killed | oom | timeout | error, "detail": one line}`

The server only imports and never runs an operation: a child forked after a parallel operation hangs at its first one. What
children print goes to a file that is read only when one dies. A child that announces no step for `timeout` seconds is killed.
Server and child die with their parents.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import mmap
import os
import select
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

_ANNOUNCEMENT = struct.Struct("qd")  # step, time.monotonic() of the announcement
_PR_SET_PDEATHSIG = 1

Announce = Callable[[int], None]


def main() -> None:
    """Serve jobs until standard input closes."""
    die_with_parent(os.getppid())
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for module in sys.argv[1:]:
        importlib.import_module(module)
    print(json.dumps({"event": "ready"}), file=answers, flush=True)
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115  unbuffered: select must see all that is unread
    while line := requests.readline():
        print(json.dumps(_serve(json.loads(line))), file=answers, flush=True)


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) to kill this process when `parent` dies; on other systems a closed pipe ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    shared = mmap.mmap(-1, _ANNOUNCEMENT.size)
    _announce(shared, 0)
    read_end, write_end = os.pipe()
    oom_kills = _oom_kills()
    with tempfile.TemporaryFile() as output:
        server = os.getpid()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            _run_child(request, shared, write_end, output, server)
        os.close(write_end)
        answer, timed_out = _await(child, read_end, shared, request["timeout"])
        _, wait_status = os.waitpid(child, 0)
        if answer is not None and os.waitstatus_to_exitcode(wait_status) == 0:
            return answer
        step, _ = _ANNOUNCEMENT.unpack(shared[:])
        cause, detail = _cause(wait_status, timed_out, request["timeout"], _oom_kills() > oom_kills)
        last = "" if timed_out else _last_line(output)
        return {"event": "died", "step": step, "cause": cause, "detail": f"{detail}: {last}" if last else detail}


def _run_child(request: dict[str, Any], shared: mmap.mmap, write_end: int, output: IO[bytes], server: int) -> None:
    code = 1
    try:
        die_with_parent(server)
        os.setpgid(0, 0)
        _die_first()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        module, _, name = request["function"].partition(":")
        function = getattr(importlib.import_module(module), name)
        result = function(request["job"], lambda step: _announce(shared, step))
        with os.fdopen(write_end, "w") as answer:
            json.dump({"event": "finished", "result": result}, answer)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _announce(shared: mmap.mmap, step: int) -> None:
    shared[:] = _ANNOUNCEMENT.pack(step, time.monotonic())


def _die_first() -> None:
    """If memory runs out, let the kernel kill this process, not the one that runs the study."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _await(child: int, pipe: int, shared: mmap.mmap, timeout: float) -> tuple[dict[str, Any] | None, bool]:
    """Read the child's answer, and whether it timed out; the server sleeps in between and wakes only at a deadline."""
    received = bytearray()
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while True:
            _, announced = _ANNOUNCEMENT.unpack(shared[:])
            left = announced + timeout - time.monotonic()
            if left <= 0:
                _kill(child)
                return None, True
            ready, _, _ = select.select([stream, sys.stdin], [], [], left)
            if sys.stdin in ready:  # nothing is sent during a job, so the parent has died
                _kill(child)
                os._exit(1)
            if stream in ready:
                chunk = stream.read(1 << 20)
                if not chunk:
                    return (json.loads(received) if received else None), False
                received += chunk


def _kill(child: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)


def _cause(wait_status: int, timed_out: bool, timeout: float, out_of_memory: bool) -> tuple[str, str]:
    code = os.waitstatus_to_exitcode(wait_status)
    if timed_out:
        return "timeout", f"no progress for {timeout:g} s"
    if code >= 0:
        return "error", f"the measuring process exited with code {code}"
    name = signal.Signals(-code).name
    if name == "SIGKILL" and out_of_memory:
        return "oom", "the kernel killed the measuring process: out of memory"
    return "killed", f"the measuring process was killed by {name}"


def _oom_kills() -> int:
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _last_line(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 4096))
    lines = output.read().decode(errors="replace").replace("\0", "").split("\n")
    messages = [line.strip() for line in lines if line.strip() and not line.startswith("USDT:")]
    return messages[-1][:300] if messages else ""


if __name__ == "__main__":
    main()
