"""Typed options after a name on the command line: `hypermixer:heads=4`, `listops:depth=3`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mixbench.errors import RequestError, UnknownNameError, shortened
from mixbench.parsing.spec import parse_size_expression

Value = int | float | bool | str


@dataclass(frozen=True)
class Option:
    """A typed option of a mixer or a task. `default` is typed as `parse` returns it; a count may name another option.

    `before` is the value that describes what ran before there was this option; None if that was the default.
    """

    name: str
    kind: Literal["count", "size", "number", "flag", "choice"]
    default: Value
    meaning: str
    choices: tuple[str, ...] = ()
    before: Value | None = None

    def parse(self, text: str, owner: str) -> Value:
        """The typed value of `text`. Raises RequestError."""
        if self.kind == "count" and text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text):
            return int(text)
        if self.kind == "count" and isinstance(self.default, str) and text == self.default:
            return text
        if self.kind == "size" and (size := parse_size_expression(text)) is not None:
            return size
        if self.kind == "number" and (number := positive_number(text)) is not None:
            return number
        if self.kind == "flag" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if self.kind == "choice":
            if text in self.choices:
                return text
            raise UnknownNameError("value", text, self.choices, f"for option {self.name!r} of {owner}")
        raise RequestError(f"option {self.name!r} of {owner} cannot be {shortened(text)!r}", f"It is {self.expected}.")

    @property
    def expected(self) -> str:
        """The accepted values, in words."""
        return {
            "count": f"a positive whole number{f', or {self.default}' if isinstance(self.default, str) else ''}",
            "size": "a positive whole number, or a size that depends on the shape: 2*width, tokens/2",
            "number": "a number above 0",
            "flag": "true or false",
            "choice": " | ".join(self.choices),
        }[self.kind]


def typed_options(options: Sequence[Option], given: Mapping[str, str], owner: str) -> dict[str, Value]:
    """All options, given or default. Raises RequestError for an unknown option or a value of the wrong type."""
    known = {option.name: option for option in options}
    for name in given:
        if name not in known:
            raise UnknownNameError("option", name, known, f"of {owner}")
    return {name: option.parse(given[name], owner) if name in given else option.default for name, option in known.items()}


def told(options: Sequence[Option], values: Mapping[str, Value]) -> dict[str, Value]:
    """The values of all options, without those that older rows lack where they say what these rows mean."""
    return {
        option.name: values[option.name]
        for option in options
        if option.before is None or not values[option.name] == option.before == option.default
    }


def positive_number(text: str) -> float | None:
    """The number above 0 that a text says; None if it says none."""
    try:
        number = float(text) if text.isascii() else 0.0
    except ValueError:
        return None
    return number if 0 < number < math.inf else None
