"""Jobs in parallel: a launch server per slot, each with a thread in the parent that sleeps while the slot's child works."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from mixbench.errors import WorkerError
from mixbench.execution.launch import MEASURING, RETAINED_MEMORY, Died, Launch, Outcome


class Slots:
    """Launch servers as a context manager, one for each of `environments`; leaving it ends them and their jobs.

    `modules` and `optional` ones are imported as by `Launch`. Raises WorkerError if a server does not start.
    """

    def __init__(self, modules: Sequence[str], environments: Sequence[Mapping[str, str]], optional: Sequence[str] = ()) -> None:
        self._modules = modules
        self._optional = optional
        self._environments = environments
        self._closing = False
        self._stack = ExitStack()

    @property
    def at_once(self) -> int:
        """How many jobs run at a time."""
        return len(self._environments)

    def running(self, left: int) -> str:
        """What runs now, where `left` jobs are not finished."""
        return f"{min(self.at_once, left)} running"

    def __enter__(self) -> Slots:
        self._launches = [Launch(self._modules, self._optional, environment=environment) for environment in self._environments]
        try:
            for launch in self._launches:
                launch.start()
                self._stack.callback(launch.close)
            for launch in self._launches:
                launch.wait_until_ready()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._closing = True
        self._stack.close()

    def run(
        self,
        function: str,
        jobs: Sequence[Mapping[str, Any]],
        timeout: float,
        started: Callable[[int], None] = lambda index: None,
    ) -> Iterator[tuple[int, Outcome]]:
        """Call `function` for each job, starting them in order, and yield the index and outcome of each as it ends.

        A job that ends its server is the only one lost. `started` is called from the slots' threads. Raises WorkerError if no
        server can be kept running.
        """
        waiting = deque(range(len(jobs)))
        reports: SimpleQueue[tuple[int, Outcome] | WorkerError | None] = SimpleQueue()

        def work(launch: Launch) -> None:
            while waiting and not self._closing:
                try:
                    index = waiting.popleft()
                except IndexError:  # another slot took the last job
                    return
                started(index)
                reports.put((index, launch.run(function, jobs[index], timeout)))

        def work_and_report(launch: Launch) -> None:
            fault = None
            try:
                work(launch)
            except WorkerError as error:
                fault = None if self._closing else error
            finally:
                reports.put(fault)

        for launch in self._launches:
            threading.Thread(target=work_and_report, args=(launch,), daemon=True).start()
        open_slots, unfinished, fault = len(self._launches), len(jobs), None
        while open_slots:
            report = reports.get()
            if isinstance(report, tuple):
                unfinished -= 1
                yield report
            else:
                open_slots, fault = open_slots - 1, report or fault
        if unfinished:
            raise fault or WorkerError(f"{unfinished} jobs were never run")


def run_each(
    function: str,
    jobs: Iterable[Mapping[str, Any]],
    *,
    threads: int,
    timeout: float,
    modules: Sequence[str] = (),
    at_once: int = 1,
) -> Iterator[Outcome]:
    """Run each job in a process of its own, `at_once` of them at a time: `name(job)` for the function "module:name".

    The outcomes come in the order of the jobs; `modules` are imported once before.
    """
    work = [{"function": function, "job": job, "threads": threads} for job in jobs]
    # several processes whose threads are bound would all be bound to the first core
    environments = [MEASURING] if at_once == 1 else [RETAINED_MEMORY] * max(1, min(at_once, len(work)))
    with Slots(["mixbench.worker.speed", *modules], environments) as slots:
        ended: dict[int, Outcome] = {}
        place = 0
        for index, outcome in slots.run("mixbench.worker.speed:run_alone", work, timeout):
            ended[index] = outcome
            while place in ended:
                yield ended.pop(place)
                place += 1


def run_alone(function: str, job: Mapping[str, Any], *, threads: int, timeout: float) -> dict[str, Any]:
    """Run one job as in `run_each`. Raises WorkerError if it fails."""
    (outcome,) = run_each(function, [job], threads=threads, timeout=timeout)
    if isinstance(outcome, Died):
        raise WorkerError(f"{function} failed: {outcome.detail}")
    return outcome.result
