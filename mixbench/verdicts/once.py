"""Results that are found once for an object, however often they are asked for."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Object = TypeVar("Object")
Result = TypeVar("Result")


def once(function: Callable[[Object], Result]) -> Callable[[Object], Result]:
    """A function of an object that never changes; its result is kept as long as the object."""
    known: dict[int, Result] = {}

    @wraps(function)
    def found(given: Object) -> Result:
        place = id(given)
        if place not in known:
            known[place] = function(given)
            weakref.finalize(given, known.pop, place, None)
        return known[place]

    return found
