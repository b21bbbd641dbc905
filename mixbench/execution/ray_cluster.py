"""Ray itself: connecting to a cluster, and what its messages mean."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from mixbench.errors import RequestError, one_line
from mixbench.execution import ray_look
from mixbench.machine.environment import VERSION_KEYS

_ANSWER = 10.0
"""Seconds that an address has to answer."""
_START = "Start one with `ray start --head`, and add machines with `ray start --address ADDRESS`."
_TOKEN = "If it asks for a token, set RAY_AUTH_MODE=token. On a machine of the cluster, --engine ray finds it and its token."
_SETTINGS = b"\x04"
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)
"""How a client of gRPC begins: the preface of HTTP/2, and a frame of empty settings. The server begins with one, too."""


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """In which of VERSION_KEYS a node differs from the driver, with both versions; "" if in none."""
    found = [name for name in VERSION_KEYS if there.get(name) != here.get(name)]
    return "; ".join(f"{_CALLED.get(name, name)} {_version(there, name)} there, {_version(here, name)} here" for name in found)


def _version(environment: Mapping[str, Any], name: str) -> str:
    return environment.get(name) or ("as installed" if name == "sources" else "none")


_CALLED = {"sources": "the code of mixbench"}


def reason_of(error: Exception) -> str:
    """What a failure of Ray tells, in a line."""
    import ray

    if isinstance(error, ray.exceptions.RayTaskError):
        return one_line(error.cause if getattr(error, "cause", None) else error)[:200]
    text = " ".join(str(error).split())
    for sign, words in _SIGNS.items():
        if sign in text:
            return words
    return f"{type(error).__name__}: {text}"[:200]


_SIGNS = {
    "node has died": "its node was lost",
    "node failure": "its node was lost",
    "node was terminated": "its node was lost",
    "out-of-memory": "Ray ended its process: the node was short of memory",
    "memory pressure": "Ray ended its process: the node was short of memory",
    "worker process has died": "its process ended",
    "worker died": "its process ended",
}
"""What messages of Ray mean, by a part of them."""


def connect(address: str, cpus: int) -> bool:
    """Connect to the cluster at an address; with "" to that of this machine, or else start one here with so many CPUs.

    Returns whether the connection is this study's own. Raises RequestError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of a change to come
    import ray

    if ray.is_initialized():
        return False
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL, "include_dashboard": False}
    address = address or os.environ.get("RAY_ADDRESS", "")
    started_here = address == "local"  # Ray's own word
    if address not in ("", "auto", "local"):
        _require_answer(address)
    try:
        if not started_here:
            with _unheard(), _still_ending():
                ray.init(address=address or "auto", **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address:
            raise RequestError(f"cannot use the Ray cluster at {address}: {one_line(error)}", _TOKEN) from error
        started_here = True
    if started_here:
        os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")  # the kernel ends the job that takes too much, not its slot
        with _unheard(), _still_ending():
            ray.init(address="local", num_cpus=cpus, **quiet)
    ray.cloudpickle.register_pickle_by_value(ray_look)
    with suppress(AttributeError):  # no setting keeps Ray from printing pages of its own logs where a process was lost
        ray._private.worker.print_to_stdstream = lambda *data, **options: None
    return True


@contextmanager
def _unheard() -> Iterator[None]:
    """Drop what the process writes to standard error meanwhile: Ray, before it has a log file. Errors are raised besides."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _still_ending() -> Iterator[None]:
    """Keep what SIGTERM does: Ray would have it end the process without a word."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _require_answer(address: str) -> None:
    """Raise RequestError where nothing answers, or no server of gRPC: Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    try:
        if "/" in host:
            raise ValueError(address)
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":
                return
            connection.sendall(_GREETING)
            kind = connection.recv(4)[3:]
    except ValueError:
        raise RequestError(f"--engine: {address!r} is not an address of a Ray cluster", "Give HOST:PORT.") from None
    except OSError as error:
        raise RequestError(f"no Ray cluster answers at {address}: {error.strerror or error}", _START) from error
    if kind != _SETTINGS:
        raise RequestError(f"what answers at {address} is not a Ray cluster", _START)
