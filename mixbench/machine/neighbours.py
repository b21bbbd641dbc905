"""Other processes on this machine: who uses how much of its cores."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from mixbench.machine.facts import affinity, attempt, cpu_quota

BUSY = 0.2
"""Cores that other processes must use together to disturb a measurement."""
_TOLD = 0.05
_LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Neighbour:
    """A process, or all those that cannot be seen from here (`pid` is None), and how many cores it keeps busy."""

    pid: int | None
    command: str
    cores: float


def neighbours(seconds: float = 0.3, wait: Callable[[float], None] = time.sleep) -> list[Neighbour]:
    """Watch for so long who uses the cores besides this process and its children; the busiest first.

    Empty if all together keep fewer than BUSY cores busy.
    """
    own = {os.getpid()} | {child.pid for child in attempt(lambda: psutil.Process().children(recursive=True)) or ()}
    # each clock is read after the processes, of which there may be thousands, so that all windows are equally long
    before, busy, start = _cpu_seconds(), busy_seconds(), time.perf_counter()
    wait(seconds)
    after, busy_after, passed = _cpu_seconds(), busy_seconds(), time.perf_counter() - start
    used = {pid: (now - before.get(pid, now)) / passed for pid, now in after.items()}
    found = [Neighbour(pid, _command(pid), cores) for pid, cores in used.items() if pid not in own and cores >= _TOLD]
    if busy is not None and busy_after is not None and _is_whole():
        hidden = (busy_after - busy) / passed - sum(used.values())
        found += [Neighbour(None, "processes that cannot be seen from here", hidden)] if hidden >= _TOLD else []
    if sum(neighbour.cores for neighbour in found) < BUSY:
        return []
    return sorted(found, key=lambda neighbour: -neighbour.cores)


def _is_whole() -> bool:
    """Whether this process may use every core: else hidden work may be on cores that it has no share in."""
    usable = affinity()
    return cpu_quota() is None and (usable is None or len(usable) == os.cpu_count())


def in_words(found: Sequence[Neighbour], cores: int | None) -> str:
    """Who keeps how many of this machine's cores busy, if it is known how many there are."""
    named = [
        f"{neighbour.command if neighbour.pid is None else f'`{neighbour.command}` (process {neighbour.pid})'}"
        f" {neighbour.cores:.2f}"
        for neighbour in found[:3]
    ]
    of = f" of {cores}" if cores else ""
    return f"other work keeps {sum(n.cores for n in found):.1f}{of} cores busy: {', '.join(named)}"


def warning(found: Sequence[Neighbour], threads: int) -> str:
    """One line on what neighbours do to times that are measured with so many threads, and what to do about it."""
    usable = len(affinity() or ()) or os.cpu_count() or 1
    free = usable - math.ceil(sum(neighbour.cores for neighbour in found) - BUSY)
    leave = f", or leave cores free for it: --threads {free}" if 0 < free < threads else ""
    return f"BUSY MACHINE: {in_words(found, usable)}. Times will be too long, and ratios can be wrong. Stop it first{leave}."


def busy_seconds() -> float | None:
    """CPU time that everything on this machine has used since it started; None if it is not told."""
    times = attempt(psutil.cpu_times)
    return None if times is None else sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq"))


class OthersOnCores:
    """Watches, from when it is made, how many cores are kept busy by others than this process."""

    def __init__(self) -> None:
        self._start = self._now()

    def cores(self) -> float | None:
        """The mean since then."""
        if None in (begin := self._start) or None in (end := self._now()):
            return None
        wall, busy, own = (after - before for before, after in zip(begin, end, strict=True))  # type: ignore[operator]
        return max(0.0, (busy - own) / wall) if wall > 0 else None

    @staticmethod
    def _now() -> tuple[float | None, ...]:
        return time.perf_counter(), busy_seconds(), time.process_time()


def _cpu_seconds() -> dict[int, float]:
    """CPU time of every process that can be seen."""
    found = {}
    for process in attempt(lambda: list(psutil.process_iter())) or ():
        if times := attempt(process.cpu_times):
            found[process.pid] = times.user + times.system
    return found


def _command(pid: int) -> str:
    """The command of a process as one short text."""
    words = attempt(lambda: psutil.Process(pid).cmdline()) or [attempt(lambda: psutil.Process(pid).name()) or "?"]
    text = " ".join(" ".join([os.path.basename(words[0]), *words[1:]]).split())
    return text if len(text) <= _LONGEST_COMMAND else f"{text[: _LONGEST_COMMAND - 1]}…"
