"""Count cells: what is found once per cell in passes that are never timed, many cells per process where it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mixbench.execution import Died, Finished
from mixbench.studies.batches import MOST, batches, settle
from mixbench.studies.outcomes import Outcome, failure_of
from mixbench.studies.progress import Progress, Step
from mixbench.studies.speed_plan import PlannedCell, describe
from mixbench.studies.speed_steps import counting, foreseeing

Ask = Callable[[str, Mapping[str, Any]], Finished | Died]
"""Makes a child call a function of `mixbench.worker.counting` with a job."""

_Item = tuple[int, PlannedCell]


def count_cells(cells: Sequence[PlannedCell], ask: Ask, progress: Progress) -> Iterator[tuple[PlannedCell, Outcome]]:
    """Each cell with the values that are found once, or with how it failed."""
    for batch in batches(cells):
        items = list(enumerate(batch))
        foreseen: dict[int, Outcome] = {}
        progress.doing(f"counting {_words(batch)}")
        for (place, cell), outcome in settle(items, lambda items: ask("foresee", _job(items)), _target):
            known = _known(outcome)
            if known.get("status", "ok") == "ok":
                foreseen[place] = known
            else:
                yield cell, known
        progress.done(foreseeing(batch))

        def count(items: Sequence[_Item], foreseen: Mapping[int, Outcome] = foreseen) -> Finished | Died:
            return ask("count", _job(items) | {"foreseen": [foreseen[place] for place, _ in items]})

        for part in _parts(items):
            progress.doing(f"counting {_words([cell for _, cell in part])}")
            for (_, cell), outcome in settle([item for item in part if item[0] in foreseen], count, _target):
                yield cell, failure_of(outcome) if isinstance(outcome, Died) else outcome
            progress.done(counting([cell for _, cell in part]))


def counting_steps(cells: Sequence[PlannedCell]) -> Iterator[Step]:
    """What counting these cells takes."""
    for batch in batches(cells):
        yield foreseeing(batch)
        yield from (counting([cell for _, cell in part]) for part in _parts(list(enumerate(batch))))


def _parts(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """What one process counts: on the CPU a single cell, as the growth of a fresh process is measured there."""
    size = 1 if items[0][1].keys["device"] == "cpu" else MOST
    return (items[start : start + size] for start in range(0, len(items), size))


def _known(outcome: Outcome | Died) -> Outcome:
    """What was foreseen of a cell; nothing where its process died of something that tensors without values may cause."""
    if isinstance(outcome, Died):
        return failure_of(outcome) if outcome.cause in ("timeout", "oom") else {}
    return outcome


def _job(items: Sequence[_Item]) -> dict[str, Any]:
    cells = [cell for _, cell in items]
    return {"cells": [cell.job for cell in cells], "threads": cells[0].keys["threads"]}


def _target(item: _Item) -> str:
    return str(item[1].job["target"])


def _words(cells: Sequence[PlannedCell]) -> str:
    return f"{cells[0].label}, {describe(cells[0])}" if len(cells) == 1 else f"{len(cells)} cells, {cells[0].keys['mode']}"
