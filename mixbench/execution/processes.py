"""Processes that end for certain: whatever a command starts ends with it, and it ends with the process that started it.

    PYTHON mixbench/execution/processes.py PARENT [VARIABLE=VALUE …] -- COMMAND [ARGUMENT …]

The guard: it runs a command in a session of its own, with these environment variables, and ends with its exit code, 128 + N for
signal N. Before, it ends all processes that the command has left behind. It does so, too, on SIGTERM and (Linux) when the
process PARENT dies.

On Linux, a process whose parent dies becomes a child of the guard. So changing the session or the process group, forking
twice or killing the parent lets none escape. Elsewhere those are found that still have their parent.

It is run by its path, and on Linux without installed packages, so that it starts at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SECONDS_TO_KILL = 5.0
_POLL = 0.002


def guarded(command: Sequence[str], **variables: str) -> list[str]:
    """The command line that runs `command` under a guard, which must be started by this process.

    The command gets these environment variables besides those of the guard.
    """
    options = ("-I", "-S") if sys.platform == "linux" else ("-P",)
    settings = (f"{name}={value}" for name, value in variables.items())
    return [sys.executable, *options, __file__, str(os.getpid()), *settings, "--", *command]


def killed_by(code: int) -> str:
    """The signal that killed a command, or its guard, from the exit code of the guard; "" if the command ended by itself."""
    signum = -code if code < 0 else code - 128
    return signal_name(signum) if 0 < signum < signal.NSIG else ""


def end(guard: subprocess.Popen[Any]) -> None:
    """End a guard, with its command and whatever that has started. Its exit code is then known."""
    guard.terminate()
    try:
        guard.wait(timeout=2 * _SECONDS_TO_KILL)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def signal_name(signum: int) -> str:
    """SIGKILL for 9; some signals have no name."""
    try:
        return signal.Signals(signum).name
    except ValueError:
        return f"signal {signum}"


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Ask the kernel (Linux) to send this process a signal when `parent` dies, or the thread that started it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent (Linux) of every process below this one whose parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_children(patience: float = 0.0, group: int | None = None) -> dict[int, int]:
    """Wait until this process has no children, for `patience` seconds, then kill all that are below it.

    A process group is killed first: at once, however many there are and however fast they multiply. Returns the wait statuses
    of the children by their ids. One that cannot be killed is given up after five seconds.
    """
    statuses: dict[int, int] = {}
    begun = time.monotonic()
    while patience and _has_children(statuses) and time.monotonic() < begun + patience:
        time.sleep(_POLL)
    if group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    begun = time.monotonic()
    while _has_children(statuses) and time.monotonic() < begun + _SECONDS_TO_KILL:
        _kill_below()
        time.sleep(_POLL)
    return statuses


def _has_children(statuses: dict[int, int]) -> bool:
    """Whether there are children; the statuses of those that have ended are added to `statuses`."""
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return True
            statuses[child] = status
    return False


def _kill_below() -> None:
    """Kill every process below this one; they are stopped first, so that none can start others meanwhile."""
    stopped: set[int] = set()
    while found := _below() - stopped:
        _send(found, signal.SIGSTOP)
        stopped |= found
    _send(stopped, signal.SIGKILL)


def _below() -> set[int]:
    """All processes below this one."""
    if sys.platform != "linux":
        import psutil

        return {process.pid for process in psutil.Process().children(recursive=True)}
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as status:
            parent = int(status.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found: set[int] = set()
    level = children.get(os.getpid(), [])
    while level:
        found.update(level)
        level = [child for process in level for child in children.get(process, []) if child not in found]
    return found


def _send(processes: set[int], signum: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signum)


def main() -> None:
    """Run the command line that follows the id of the parent and the environment variables."""
    start = sys.argv.index("--")
    parent, command = int(sys.argv[1]), sys.argv[start + 1 :]
    variables = dict(setting.split("=", 1) for setting in sys.argv[2:start])

    def leave_if_orphaned(signum: int, frame: object) -> None:
        if os.getppid() != parent:  # else only the thread has ended that started this process
            _leave(signal.SIGTERM, frame)

    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, leave_if_orphaned)
    adopt_orphans()
    die_with_parent(parent, signal.SIGHUP)
    code = 128 + signal.SIGTERM
    try:
        code = _run(command, variables)
    finally:
        _ignore_signals()
        end_children()
        os._exit(code)


def _leave(signum: int, frame: object) -> None:
    _ignore_signals()
    raise SystemExit


def _ignore_signals() -> None:
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def _run(command: list[str], variables: dict[str, str]) -> int:
    guard = os.getpid()
    started = os.fork()
    if not started:
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        os.setsid()
        die_with_parent(guard)
        try:
            os.execvpe(command[0], command, os.environ | variables)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(127)
    while True:
        ended, status = os.wait()
        if ended == started:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
