"""Cells that one process settles one after the other.

A cell that fails there, hangs, dies or changes what the others share is tried again in a process of its own; the others are
kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

from mixbench.execution import Died, Finished
from mixbench.studies.outcomes import UNUSABLE, Outcome, unusable
from mixbench.studies.speed_plan import PlannedCell

MOST = 16
"""Cells of one process: those before one that dies are settled again."""
_OWN = "mixbench."

Item = TypeVar("Item")
Ask = Callable[[Sequence[Item]], Finished | Died]


def batches(cells: Sequence[PlannedCell], most: int = MOST) -> list[list[PlannedCell]]:
    """The cells in batches, in the order of the plan; code of users has batches of its own."""
    alike: dict[Hashable, list[PlannedCell]] = {}
    for cell in cells:
        target = cell.job["target"]
        alike.setdefault((cell.keys["device"], cell.keys["mode"], "" if target.startswith(_OWN) else target), []).append(cell)
    return [own[start : start + most] for own in alike.values() for start in range(0, len(own), most)]


def settle(
    items: Sequence[Item], ask: Ask[Item], kin: Callable[[Item], Hashable] = lambda item: item
) -> Iterator[tuple[Item, Outcome | Died]]:
    """Each item with its outcome, or with the death of the process that had it alone.

    `ask` has a process settle some items: its result has the outcomes of the first of them as `found`, and only those that are
    ok if there are several. Where one hangs, all its `kin` are tried alone: the time to wait for each passes only once.
    """
    waiting = deque([list(items)] if items else [])
    while waiting:
        company = waiting.popleft()
        answer = ask(company)
        if len(company) == 1:
            yield company[0], _judged(answer)
            continue
        found = [] if isinstance(answer, Died) else _found(answer, len(company))
        yield from zip(company, found, strict=False)
        place = answer.step if isinstance(answer, Died) and 0 <= answer.step < len(company) else len(found)
        if place == len(company):
            continue
        hung = isinstance(answer, Died) and answer.cause == "timeout"
        others = [*company[len(found) : place], *company[place + 1 :]]
        apart = [item for item in others if hung and kin(item) == kin(company[place])]
        rest = [item for item in others if all(item is not other for other in apart)]
        waiting.extend([item] for item in (company[place], *apart))
        waiting.extend([rest] if rest else [])


def _found(answer: Finished, most: int) -> list[Outcome]:
    found: Any = answer.result.get("found")
    usable = isinstance(found, list) and len(found) <= most and all(isinstance(outcome, dict) for outcome in found)
    return list(found) if usable else []


def _judged(answer: Finished | Died) -> Outcome | Died:
    if isinstance(answer, Died):
        return answer
    try:
        (outcome,) = _found(answer, 1)
    except UNUSABLE as error:
        return unusable(error)
    return outcome
