"""Cells that share a process: a guilty one loses only itself, whatever it does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mixbench.execution import Died, Finished
from mixbench.studies.batches import MOST, batches, settle
from mixbench.studies.speed_plan import PlannedCell

OK = {"status": "ok"}
FAILED = {"status": "error", "detail": "planted"}


class Process:
    """Settles letters in order, as a child does: `x` dies, `h` hangs, `f` fails; the capital ones only in company, as `D`."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def __call__(self, company: Sequence[str]) -> Finished | Died:
        self.jobs.append("".join(company))
        found = []
        for place, item in enumerate(company):
            guilty = item if len(company) > 1 or item.islower() else "a"
            if guilty in "xX":
                return Died(place, "killed", "planted")
            if guilty in "hH":
                return Died(place, "timeout", "planted")
            if guilty in "fFD" and len(company) > 1:
                break
            found.append(FAILED if guilty == "f" else OK)
        return Finished({"found": found})


def settled(items: str, kin: dict[str, str] | None = None) -> tuple[dict[str, object], list[str]]:
    process = Process()
    found = list(settle(items, process, lambda item: (kin or {}).get(item, item)))
    assert sorted(item for item, _ in found) == sorted(items)
    return dict(found), process.jobs


@pytest.mark.parametrize(
    ("guilty", "judged"),
    [
        ("x", Died(0, "killed", "planted")),
        ("h", Died(0, "timeout", "planted")),
        ("f", FAILED),
        ("X", OK),
        ("H", OK),
        ("F", OK),
        ("D", OK),
    ],
)
@pytest.mark.parametrize("items", ["{}bc", "b{}c", "bc{}"])
def test_a_guilty_cell_is_tried_alone_before_it_is_judged_and_the_others_are_settled(
    items: str, guilty: str, judged: object
) -> None:
    found, jobs = settled(items.format(guilty))
    assert found == {guilty: judged, "b": OK, "c": OK}
    assert guilty in jobs
    assert len(jobs) <= 3


def test_what_was_found_before_a_cell_that_fails_is_kept() -> None:
    assert settled("abfcd")[1] == ["abfcd", "f", "cd"]


def test_what_a_process_that_died_had_found_is_found_again_together() -> None:
    assert settled("abxcd")[1] == ["abxcd", "x", "abcd"]


def test_several_guilty_cells_lose_only_themselves() -> None:
    found, _ = settled("axbfchd")
    assert {item for item, outcome in found.items() if outcome == OK} == set("abcd")


def test_where_one_hangs_its_kin_wait_alone_so_that_each_timeout_passes_once() -> None:
    found, jobs = settled("ahbHc", kin={"H": "h"})
    assert jobs == ["ahbHc", "h", "H", "abc"]
    assert found["H"] == OK


@pytest.mark.parametrize("answer", [{}, {"found": None}, {"found": []}, {"found": [OK] * 4}, {"found": ["ok"]}])
def test_an_answer_that_cannot_be_used_is_an_error_of_each_cell(answer: dict[str, object]) -> None:
    found = list(settle("abc", lambda company: Finished(answer)))
    assert sorted(item for item, _ in found) == ["a", "b", "c"]
    for _, outcome in found:
        assert isinstance(outcome, dict)
        assert outcome["status"] == "error"
        assert outcome["detail"].startswith("the measuring process returned an invalid answer")


def cells(*targets: str, device: str = "cpu", mode: str = "inference") -> list[PlannedCell]:
    return [PlannedCell({"device": device, "mode": mode}, {"target": target}, target) for target in targets]


def test_code_of_users_has_batches_of_its_own_and_none_is_too_long() -> None:
    own = "mixbench.mixers.fnet:FNet"
    plan = [*cells(own, "mine.py:A@1", own, "mine.py:A@1"), *cells(own, "mine.py:B@1", mode="training")]
    assert [[cell.label for cell in batch] for batch in batches(plan)] == [
        [own, own],
        ["mine.py:A@1", "mine.py:A@1"],
        [own],
        ["mine.py:B@1"],
    ]
    assert [len(batch) for batch in batches(cells(*[own] * (2 * MOST + 1)))] == [MOST, MOST, 1]
