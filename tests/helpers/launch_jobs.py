"""Jobs for test_launch.py, run in children of a launch server."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

Job = Mapping[str, Any]
Announce = Callable[[int], None]


def echo(job: Job, announce: Announce) -> dict[str, Any]:
    return {"text": job["text"], "pid": os.getpid()}


def kill_itself(job: Job, announce: Announce) -> dict[str, Any]:
    announce(job["step"])
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def segfault(job: Job, announce: Announce) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(10)
    return {}


def raise_error(job: Job, announce: Announce) -> dict[str, Any]:
    raise ValueError("planted")


def sleep(job: Job, announce: Announce) -> dict[str, Any]:
    for step in range(job["steps"]):
        announce(step)
        time.sleep(job["seconds"])
    return {}


def print_noise(job: Job, announce: Announce) -> dict[str, Any]:
    print("noise on standard output")
    os.write(1, b"noise on descriptor 1\n")
    print("noise on standard error", file=sys.stderr)
    return {"done": True}


def report_server(job: Job, announce: Announce) -> dict[str, Any]:
    Path(job["file"]).write_text(json.dumps([os.getppid()]))
    return {}


def variables(job: Job, announce: Announce) -> dict[str, Any]:
    return {name: os.environ.get(name) for name in job["names"]}


def kill_server(job: Job, announce: Announce) -> dict[str, Any]:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(10)
    return {}


def one_of(job: Job, announce: Announce) -> dict[str, Any]:
    """What the job names: a job of another kind."""
    return dict(globals()[job["function"]](job, announce))


def imported(job: Job, announce: Announce) -> dict[str, Any]:
    """Those of the named modules that the server had imported."""
    return {"imported": [name for name in job["names"] if name in sys.modules]}


def of_server(job: Job, announce: Announce) -> dict[str, Any]:
    """The threads and the open files of the server."""
    server = psutil.Process(os.getppid())
    return {"threads": server.num_threads(), "files": [file.path for file in server.open_files()]}


def package(job: Job, announce: Announce) -> dict[str, Any]:
    """Where mixbench comes from, in this process and in one that it spawns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return {"own": place_of_mixbench(), "spawned": pool.apply(place_of_mixbench)}


def place_of_mixbench() -> str:
    return str(importlib.import_module("mixbench.errors").__file__)
