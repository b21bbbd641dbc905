"""The parent's side of a duel: two fresh worker processes that take turns, so that any disturbance affects both alike."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import random
import select
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil

from mixbench.errors import RequestError, WorkerError
from mixbench.execution.launch import FOREIGN_SETTINGS, PACKAGE, RETAINED_MEMORY, last_line
from mixbench.execution.processes import end, guarded, killed_by
from mixbench.execution.version import Version, check_modules, lacks
from mixbench.machine.facts import affinity, core_of
from mixbench.parsing.canonical import read_object

WORKER = PACKAGE / "worker" / "duel.py"
BLOCK = 0.008
"""Seconds per block: short compared with the machine's drift, long compared with two clock reads and two messages."""
ROUNDS = 24
FEWEST_ROUNDS = 12
_LONGEST_BLOCK = 4 * BLOCK
"""Both sides make equally many calls per block, unless the blocks of the slower one would become longer than this."""
_NO_TRACES = {"PYTHONDONTWRITEBYTECODE": "1"}
"""The user's sources stay as they are: no __pycache__ is left among them."""
_SECONDS_PER_CELL = 0.8
_AS_IDLE = 5.0
"""Percent of a CPU: one tick of the kernel's clock in the time that is watched."""
_SECONDS_TO_START = 60.0
_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Contest:
    """One comparison: the workload of each side, and the share of extra work added to each."""

    workloads: tuple[Mapping[str, Any], Mapping[str, Any]]
    extra: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Timed:
    """The times of one contest in one pair of processes: seconds per call of each side, and log ratios of head to base."""

    log_ratio: float
    """The median over rounds of the ratio of CPU times, or of device times on a GPU."""
    wall_log_ratio: float
    seconds: tuple[float, float]
    rounds: int
    built: tuple[Mapping[str, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Fault:
    """Why a contest could not be timed; `sides` says for base and head whether it failed.

    One is `lost` whose process ended or gave no answer although its first calls had succeeded.
    """

    sides: tuple[bool, bool]
    detail: str
    lost: bool = False


class _FaultError(Exception):
    """A worker could not do what it was asked for."""

    def __init__(self, worker: _Worker, message: str) -> None:
        super().__init__(message)
        self.worker = worker


class _DeadError(_FaultError):
    """A worker ended, or was ended because it hung or wrote what is no answer."""


@dataclass
class _Worker:
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

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """The answer to a request. Raises _FaultError, and RequestError if the version used code that is not its own."""
        token = os.urandom(8).hex()
        self._send(do, token=token, **request)
        answer = self.answer()
        if answer.pop("token", None) != token:
            self.end()
            raise _DeadError(self, "other output was mixed into its answers")
        self.changed |= bool(answer.get("changed"))
        check_modules(self.version, answer)
        if "fault" in answer:
            raise _FaultError(self, answer["fault"])
        return answer

    def _send(self, do: str, **request: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer says what happened
            self.process.stdin.write(json.dumps({"do": do, **request}, default=str).encode() + b"\n")

    def answer(self) -> dict[str, Any]:
        """The next answer; sleeps until it comes. Raises _DeadError."""
        assert self.process.stdout is not None
        timeout = self.timeout if self._answered else max(self.timeout, _SECONDS_TO_START)
        deadline = time.monotonic() + timeout
        while b"\n" not in self._received:
            if not select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self.end()
                raise _DeadError(self, f"no answer for {timeout:g} s")
            chunk = self.process.stdout.read(1 << 16)
            if not chunk:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=_SECONDS_TO_END)
                self.end()
                code = self.process.returncode
                how = killed_by(code) or f"exit code {code}"
                raise _DeadError(self, f"the process ended ({how}): {last_line(self._messages)}")
            self._received += chunk
        self._answered = True
        line, _, self._received = self._received.partition(b"\n")
        try:
            return read_object(line)
        except ValueError as error:
            self.end()
            raise _DeadError(self, f"it returned an invalid answer: {error}") from error

    def end(self) -> None:
        end(self.process)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.end()
        self.process.stdout.close()
        self._messages.close()


def run_pair(
    versions: tuple[Version, Version],
    contests: Mapping[int, Contest],
    *,
    device: str,
    timeout: float,
    order: random.Random,
    announce: Callable[[int], None] = lambda number: None,
) -> dict[int, Timed | Fault]:
    """Measure every contest once in a fresh pair of processes, in a random order. Raises WorkerError, RequestError.

    Both processes are pinned to the core that is idlest at that moment, and take turns timing blocks: A B B A in each round.
    A contest that ends a process becomes a Fault. The contests after it are measured in a new pair, as they are after one that
    changes what mixers share in a process.
    """
    waiting = order.sample(list(contests), len(contests))
    outcome: dict[int, Timed | Fault] = {}
    while waiting:
        workers: list[_Worker] = []
        try:
            for version in versions:
                workers.append(_Worker(version, timeout))
            for worker in workers:
                with _in_preparation(worker.version):
                    worker.answer()
            core = _idlest_core() if device == "cpu" else None  # now that the workers themselves are idle
            for worker in workers:
                _prepare(worker, core=core, device=device)
            while waiting:
                number = waiting.pop()
                announce(number)
                outcome[number] = _contest(workers, number, contests[number], order)
                if not all(worker.usable for worker in workers):
                    break
        finally:
            for worker in workers:
                worker.close()
    return outcome


@contextlib.contextmanager
def _in_preparation(version: Version) -> Iterator[None]:
    """Raise WorkerError if a worker fails before it can measure."""
    try:
        yield
    except _DeadError as death:
        hint = f"It needs torch: try `{version.python} -c 'import torch'`."
        raise WorkerError(f"{version.name} cannot be measured: {death}", hint) from death
    except _FaultError as fault:
        raise WorkerError(f"{version.name} cannot be measured: {fault}") from fault


def _prepare(worker: _Worker, **settings: Any) -> None:
    """Raise WorkerError if a worker cannot be prepared, RequestError if it lacks the device."""
    version = worker.version
    tree = dataclasses.asdict(version.tree) if version.tree else {}
    with _in_preparation(version):
        prepared = worker.ask("prepare", path=version.path, package=PACKAGE, tree=tree, **settings)
    if reason := prepared.get("lacking_device"):
        raise RequestError(f"{version.name} cannot be measured: {reason}", "Measure on the CPU: --device cpu.")


def _contest(workers: Sequence[_Worker], number: int, contest: Contest, order: random.Random) -> Timed | Fault:
    built: list[dict[str, Any]] = [{}, {}]
    faults, lost = ["", ""], False
    first = order.randrange(2)  # the side built first gets other memory addresses
    for side in (first, 1 - first):
        worker, workload = workers[side], contest.workloads[side]
        faults[side] = lacks(worker.version, workload)
        try:
            if not faults[side]:
                built[side] = worker.ask("build", number=number, workload=dict(workload), extra=contest.extra[side])
                built[side] |= worker.ask("warm_up", number=number)
        except _FaultError as fault:
            faults[side] = _in_words(fault)
    if not any(faults):
        try:
            timed = _rounds(workers, number, built)
        except _FaultError as fault:
            lost = isinstance(fault, _DeadError)
            faults[workers.index(fault.worker)] = _in_words(fault)
        for side, worker in enumerate(workers):
            try:
                if not faults[side]:
                    worker.ask("finish", number=number)
            except _FaultError as fault:
                faults[side] = _in_words(fault)
    if any(faults):
        _discard(workers, number)
        return Fault((bool(faults[0]), bool(faults[1])), "; ".join(dict.fromkeys(filter(None, faults))), lost)
    return timed


def _discard(workers: Sequence[_Worker], number: int) -> None:
    """Free the memory of a workload for those after it."""
    with contextlib.suppress(_FaultError):  # a pair of which one has ended measures nothing more
        for worker in workers:
            worker.ask("discard", number=number)


def _in_words(fault: _FaultError) -> str:
    """A fault with files as the user knows them, not where the tree of a version is at the moment."""
    tree = fault.worker.version.tree
    return str(fault).replace(f"{tree.root}{os.sep}", "") if tree else str(fault)


def _rounds(workers: Sequence[_Worker], number: int, built: list[dict[str, Any]]) -> Timed:
    latencies = [side["latency"] for side in built]
    most = _calls_in(BLOCK, min(latencies))
    repeats = [min(most, _calls_in(_LONGEST_BLOCK, latency)) for latency in latencies]
    seconds_per_round = 2 * sum(calls * latency for calls, latency in zip(repeats, latencies, strict=True))
    rounds = max(FEWEST_ROUNDS, min(ROUNDS, int(_SECONDS_PER_CELL / seconds_per_round)))
    blocks: list[list[dict[str, Any]]] = []
    for _ in range(rounds):
        blocks.append([workers[side].ask("block", number=number, repeats=repeats[side]) for side in (0, 1, 1, 0)])
    clock = "device" if "device" in blocks[0][0] else "cpu"
    calls = math.log(repeats[0] / repeats[1])

    def log_ratio(clock: str) -> float:
        return calls + median(math.log((b1[clock] + b2[clock]) / (a1[clock] + a2[clock])) for a1, b1, b2, a2 in blocks)

    base, head = (
        median(timed[place][clock] for timed in blocks for place in places) / repeats[side]
        for side, places in enumerate(((0, 3), (1, 2)))
    )
    return Timed(log_ratio(clock), log_ratio("wall"), (base, head), rounds, (built[0], built[1]))


def _calls_in(seconds: float, latency: float) -> int:
    return max(1, math.ceil(seconds / latency))


def _idlest_core() -> int | None:
    """A CPU whose physical core is least busy, over a fifth of a second, of those that this process may use; None if unknown.

    Of several that are equally idle, one is taken at random, so that duels at the same time rarely share a core.
    """
    busy = dict(enumerate(psutil.cpu_percent(interval=0.2, percpu=True)))
    usable = [cpu for cpu in affinity() or () if cpu in busy]
    load: defaultdict[str, float] = defaultdict(float)
    for cpu, percent in busy.items():
        load[core_of(cpu)] += percent
    loads = {cpu: load[core_of(cpu)] for cpu in usable}
    return random.choice([cpu for cpu in usable if loads[cpu] <= min(loads.values()) + _AS_IDLE]) if usable else None
