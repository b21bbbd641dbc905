"""Figures of many cells are drawn in other processes; what fails there is drawn in this one."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from mixbench.errors import StorageError
from mixbench.plots import side_by_side as drawing
from mixbench.plots.side_by_side import MUCH, side_by_side

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "physical_cores", lambda: 2)


def drawn(place: int) -> tuple[int, int]:
    return place, os.getpid()


def test_much_is_drawn_in_other_processes_in_the_order_that_was_asked_for() -> None:
    found = side_by_side([partial(drawn, place) for place in range(5)], MUCH)
    assert [place for place, _ in found] == [0, 1, 2, 3, 4]
    assert os.getpid() not in {process for _, process in found}


def test_little_is_drawn_in_this_process() -> None:
    assert side_by_side([partial(drawn, place) for place in range(2)], MUCH - 1) == [(0, os.getpid()), (1, os.getpid())]


def test_an_error_is_raised_here_as_it_is() -> None:
    def full() -> int:
        raise StorageError("cannot write the figure", "Make room.")

    with pytest.raises(StorageError, match="cannot write the figure") as caught:
        side_by_side([partial(drawn, 0), full], MUCH)
    assert caught.value.hint == "Make room."


def test_what_a_killed_process_was_to_draw_is_drawn_here() -> None:
    def once(place: int) -> int:
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        return place

    own = os.getpid()
    assert side_by_side([partial(once, place) for place in range(3)], MUCH) == [0, 1, 2]
