"""One shape of a speed study on a node of a cluster: it is measured in a folder for a while, and its rows are told at once."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal

from mixbench.errors import MixbenchError, one_line
from mixbench.execution.cargo import Unpacked
from mixbench.execution.launch import Finished
from mixbench.execution.ray_node import SCRATCH, drop_leftovers
from mixbench.execution.ray_nodes import Unfit
from mixbench.machine.environment import physical_cores
from mixbench.parsing.sources import MOVED
from mixbench.studies.progress import Silent
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_plan import cells_of
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_worker import Worker
from mixbench.tables.columns import Row, RowType
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow


@dataclass(frozen=True)
class Portion:
    """What a node is to measure: a request for one shape, with as many threads as it has cores if `own_threads`.

    `rows` of speed.csv and of launches.csv were measured before in an environment like that of the node.
    """

    request: SpeedRequest
    own_threads: bool
    rows: Sequence[SpeedRow] = ()
    launches: Sequence[LaunchRow] = ()


@dataclass(frozen=True)
class News:
    """What is told of a portion: how many `threads` it uses, what is `doing`, a `remark`, new `rows`, or `changed` ones."""

    kind: Literal["threads", "doing", "remark", "rows", "changed"]
    content: Any


Tell = Callable[[News], None]


class SpeedNode:
    """Measures portions on its node: an actor of Ray."""

    def __init__(self, worker: Worker, unpacked: Unpacked) -> None:
        self._worker = worker
        os.environ[MOVED] = json.dumps(dict(unpacked.code))  # launch servers inherit it
        drop_leftovers()

    def start(self) -> str:
        """Nothing has to be started: why that failed."""
        return ""

    def run(self, portion: Portion) -> Iterator[News | Finished | Unfit]:
        """Measure a portion; yields what is told of it, then that it is finished, or why it cannot be measured here."""
        told: SimpleQueue[News | Finished | Unfit | BaseException] = SimpleQueue()

        def measure() -> None:
            try:
                measure_portion(portion, told.put, self._worker)
                told.put(Finished({}))
            except MixbenchError as error:
                told.put(Unfit(one_line(error)))
            except BaseException as error:
                told.put(error)

        Thread(target=measure, daemon=True).start()
        while True:
            news = told.get()
            if isinstance(news, BaseException):
                raise news
            yield news
            if not isinstance(news, News):
                break
        self._worker = replace(self._worker, watch=list)  # who else uses this node has been said


def measure_portion(portion: Portion, tell: Tell, worker: Worker) -> None:
    """Measure what is missing of a portion. Raises MixbenchError."""
    threads = physical_cores() if portion.own_threads else portion.request.threads
    tell(News("threads", threads))
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH}{os.getpid()}-") as place:
        known = ResultsFolder(place)
        with known.writing():
            known.append(portion.launches)
            known.append(portion.rows)
        request = replace(portion.request, threads=threads)
        run_speed(request, _Telling(place, tell), _Reported(tell), cells=list(cells_of(request)), worker=worker)


class _Telling(ResultsFolder):
    """A results folder that tells what is written to it."""

    def __init__(self, path: Path | str, tell: Tell) -> None:
        super().__init__(path)
        self._tell = tell

    def append(self, rows: Sequence[Row]) -> None:
        super().append(rows)
        if rows:
            self._tell(News("rows", tuple(rows)))

    def change(self, row_type: type[RowType], changed: Callable[[RowType], RowType]) -> None:
        before = self.read(row_type)
        super().change(row_type, changed)
        self._tell(News("changed", tuple(new for old, new in zip(before, self.read(row_type), strict=True) if new != old)))


class _Reported(Silent):
    """A progress that tells what is done, and what the user should know."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def doing(self, text: str) -> None:
        self._tell(News("doing", text))

    def remark(self, text: str) -> None:
        self._tell(News("remark", text))


def only(request: SpeedRequest, shape: Iterable[int]) -> SpeedRequest:
    """The part of a request with one number of tokens, width and batch."""
    tokens, width, batch = shape
    return replace(request, tokens=(tokens,), width=(width,), batch=(batch,))
