"""Where the jobs of a study run: the slots of every study of training are opened here, in whatever engine was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

from mixbench.errors import RequestError
from mixbench.execution.cargo import Cargo
from mixbench.execution.launch import Outcome
from mixbench.execution.slots import Slots

LOCAL = "local"
RAY = "ray"
_KNOWN = "Give local, ray, or ray:ADDRESS such as ray:10.0.0.1:6379."


class Opened(Protocol):
    """Slots that are ready for jobs."""

    @property
    def at_once(self) -> int:
        """How many jobs run at a time; it may change while they run."""

    def run(
        self,
        function: str,
        jobs: Sequence[Mapping[str, Any]],
        timeout: float,
        started: Callable[[int], None] = lambda index: None,
    ) -> Iterator[tuple[int, Outcome]]:
        """As `Slots.run`. A job is looked up when it starts."""

    def running(self, left: int) -> str:
        """What runs now, in words, where `left` jobs are not finished."""


class Engine(Protocol):
    """Where jobs run."""

    @property
    def at_once(self) -> int:
        """How many jobs will run at a time, as far as is known before slots are opened."""

    @property
    def elsewhere(self) -> bool:
        """Whether jobs run on other machines: outcomes then bring the environment of theirs, and the files they wrote."""

    def open(
        self, modules: Sequence[str], optional: Sequence[str], most: int, cargo: Cargo, say: Callable[[str], None]
    ) -> AbstractContextManager[Opened]:
        """Slots with the modules imported as by `Launch`, `most` of them at most; `say` gets remarks. Raises WorkerError."""


@dataclass(frozen=True)
class Local:
    """Processes of this machine, one for each of `environments`."""

    environments: Sequence[Mapping[str, str]]
    elsewhere: bool = False

    @property
    def at_once(self) -> int:
        """How many jobs run at a time."""
        return len(self.environments)

    def open(
        self, modules: Sequence[str], optional: Sequence[str], most: int, cargo: Cargo, say: Callable[[str], None]
    ) -> Slots:
        """Slots of this machine, which reads and writes the files where they are."""
        return Slots(modules, self.environments[:most], optional)


def ray_address(engine: str, *, planning: bool = False) -> str | None:
    """The address in `ray:ADDRESS`, "" where there is none; None for this machine's own processes, and for `planning`.

    Raises RequestError for another engine and for an empty address, and where Ray is needed and not installed.
    """
    name, colon, address = engine.strip().partition(":")
    if engine.strip() == LOCAL:
        return None
    if name == RAY and colon and not address:
        raise RequestError(f"--engine: {engine.strip()!r} has no address", _KNOWN)
    if name != RAY:
        raise RequestError(f"--engine: {engine!r} is not an engine", _KNOWN)
    if "://" in engine:
        raise RequestError(
            f"--engine: {engine.strip()} is the address of a Ray client",
            "Start mixbench on a machine of the cluster, by `ray job submit` for example, with --engine ray.",
        )
    if planning:
        return None
    if find_spec("ray") is None:
        raise RequestError("--engine ray needs Ray, which is not installed", "Install it: pip install 'mixbench[ray]'")
    return address
