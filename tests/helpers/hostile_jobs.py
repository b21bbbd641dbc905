"""Jobs that attack the process that runs them, the one that started it or the way of their answer; none needs torch.

Processes that they leave behind have the job's mark in their command line.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

Job = Mapping[str, Any]
Announce = Callable[[int], None]

_PR_SET_PDEATHSIG = 1


def honest(job: Job, announce: Announce) -> dict[str, Any]:
    return {"answer": 42}


def loop() -> NoReturn:
    while True:
        time.sleep(0.01)


def stay(*options: str) -> None:
    """Start a process that stays."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *options], start_new_session=True)


def leave_a_daemon(job: Job, announce: Announce) -> dict[str, Any]:
    """Fork twice, with a session of its own between and an empty environment at the end."""
    if not os.fork():
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if not os.fork():
            os.chdir("/")
            os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", job["mark"]], {})
        os._exit(0)
    os.wait()
    return {"answer": 42}


def leave_a_daemon_and_loop(job: Job, announce: Announce) -> dict[str, Any]:
    leave_a_daemon(job, announce)
    loop()


def leave_children(job: Job, announce: Announce) -> dict[str, Any]:
    for _ in range(3):
        stay(job["mark"])
    return {"answer": 42}


def loop_without_descriptors(job: Job, announce: Announce) -> dict[str, Any]:
    os.closerange(0, 4096)
    loop()


def return_without_descriptors(job: Job, announce: Announce) -> dict[str, Any]:
    os.closerange(0, 4096)
    return {}


def reopen_descriptors(job: Job, announce: Announce) -> dict[str, Any]:
    """Files of the user take the place of the pipe; the answer must not go into them."""
    os.closerange(0, 4096)
    for _ in range(32):
        os.open(job["file"], os.O_WRONLY | os.O_CREAT)
    return {"answer": 42}


def loop_deaf(job: Job, announce: Announce) -> dict[str, Any]:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    loop()


def stop_itself(job: Job, announce: Announce) -> dict[str, Any]:
    announce(5)
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def stop_server(job: Job, announce: Announce) -> dict[str, Any]:
    announce(6)
    os.kill(os.getppid(), signal.SIGSTOP)
    loop()


def kill_server(job: Job, announce: Announce) -> dict[str, Any]:
    """It leaves a daemon and would outlive the server."""
    announce(7)
    leave_a_daemon(job, announce)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0)
    os.kill(os.getppid(), signal.SIGKILL)
    loop()


def kill_group_of_server(job: Job, announce: Announce) -> dict[str, Any]:
    os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)
    loop()


def kill_own_group(job: Job, announce: Announce) -> dict[str, Any]:
    os.killpg(0, signal.SIGKILL)
    return {}


def die_of_a_nameless_signal(job: Job, announce: Announce) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
    return {}


def exit_at_once(job: Job, announce: Announce) -> dict[str, Any]:
    os._exit(0)


def exit_politely(job: Job, announce: Announce) -> dict[str, Any]:
    sys.exit(0)


def raise_interrupt(job: Job, announce: Announce) -> dict[str, Any]:
    raise KeyboardInterrupt


def raise_unspeakable(job: Job, announce: Announce) -> dict[str, Any]:
    class UnspeakableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    raise UnspeakableError


def return_twice(job: Job, announce: Announce) -> dict[str, Any]:
    announce(8)
    os.fork()
    announce(8)
    return {"answer": os.getpid()}


def return_from_a_daemon(job: Job, announce: Announce) -> dict[str, Any]:
    """The original ends, its copy goes on."""
    if os.fork():
        os._exit(0)
    return {"answer": 42}


def write_to_every_descriptor(job: Job, announce: Announce) -> dict[str, Any]:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b'{"event": "finished", "result": {}}\n' * 100)
        except OSError:
            continue
    return {"answer": 42}


def print_much(job: Job, announce: Announce) -> dict[str, Any]:
    for _ in range(100):
        print("x" * (1 << 20))
        os.write(2, b"\xff\0" * (1 << 19))
    return {"answer": 42}


def print_without_end(job: Job, announce: Announce) -> dict[str, Any]:
    while True:
        os.write(1, b"y\n" * (1 << 15))


def forbid_files(job: Job, announce: Announce) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    return {"answer": 42}


def break_the_library(job: Job, announce: Announce) -> dict[str, Any]:
    def broken(*values: object, **named: object) -> NoReturn:
        raise RuntimeError("broken")

    for module, names in {
        os: ("write", "fstat", "_exit", "getpid", "fdopen", "read"),
        json: ("dump", "dumps", "JSONEncoder"),
        time: ("monotonic", "time"),
        sys: ("_getframe", "settrace"),
    }.items():
        for name in names:
            setattr(module, name, broken)
    __builtins__["open"] = __builtins__["print"] = broken
    sys.modules.clear()
    announce(3)
    return {"answer": 42}


def answer_not_a_number(job: Job, announce: Announce) -> dict[str, Any]:
    return {"answer": float("nan")}


def answer_beyond_all_numbers(job: Job, announce: Announce) -> dict[str, Any]:
    return {"answer": 10**400}


def answer_nested(job: Job, announce: Announce) -> dict[str, Any]:
    answer: Any = []
    for _ in range(500):
        answer = [answer]
    return {"answer": answer}


def answer_no_object(job: Job, announce: Announce) -> Any:
    return [1]


def answer_of_objects(job: Job, announce: Announce) -> dict[str, Any]:
    return {"answer": object()}
