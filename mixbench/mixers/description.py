"""What the table says of a mixer: typed options, capabilities, closed forms, and where its module is built. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mixbench.errors import RequestError, UnknownNameError
from mixbench.spec import parse_size_expression, resolve_size

Value = int | bool | str
Config = Mapping[str, Value]
"""Options of one mixer, all of them, by name as typed on the command line; sizes still symbolic."""


@dataclass(frozen=True)
class Option:
    """A typed option of a mixer. `default` is a value as `parse` returns it."""

    name: str
    kind: Literal["count", "size", "flag", "choice"]
    default: Value
    meaning: str
    choices: tuple[str, ...] = ()

    def parse(self, text: str, mixer: str) -> Value:
        """The typed value of `text`. Raises RequestError."""
        if self.kind == "count" and text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text):
            return int(text)
        if self.kind == "size" and (size := parse_size_expression(text)) is not None:
            return size
        if self.kind == "flag" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if self.kind == "choice":
            if text in self.choices:
                return text
            raise UnknownNameError("value", text, self.choices, f"for option {self.name!r} of {mixer}")
        raise RequestError(f"option {self.name!r} of {mixer} cannot be {text!r}", f"It is {self.expected}.")

    @property
    def expected(self) -> str:
        """What can be typed, in words."""
        return {
            "count": "a positive whole number",
            "size": "a positive whole number, or depends on the shape: 2*width, tokens/2",
            "flag": "true or false",
            "choice": " | ".join(self.choices),
        }[self.kind]


@dataclass(frozen=True)
class Resolved:
    """The numbers that closed forms need: N, d and the options with every size resolved at that shape."""

    tokens: int
    width: int
    options: Mapping[str, Value]

    def size(self, name: str) -> int:
        """An option that is a number."""
        return int(self.options[name])


@dataclass(frozen=True)
class Mixer:
    """One line of the table. `target` is `module:Class`, imported only when the module is built.

    `flops` is the closed form of one forward pass of one sequence, `training_factor` what forward and backward need
    relative to it when the input requires a gradient; `params` is the parameter count. `constraint` returns what is
    wrong with a shape or None.
    """

    name: str
    summary: str
    paper: str
    target: str
    flops: Callable[[Resolved], int]
    params: Callable[[Resolved], int]
    options: tuple[Option, ...] = ()
    training_factor: int = 3
    honours_mask: bool = True
    any_length: bool = True
    half_on_cpu: bool = True
    constraint: Callable[[Resolved], str | None] = lambda shape: None

    def config(self, given: Mapping[str, str]) -> dict[str, Value]:
        """All options, given and default. Raises RequestError for an unknown option or a value of the wrong type."""
        known = {option.name: option for option in self.options}
        for name in given:
            if name not in known:
                raise UnknownNameError("option", name, known, f"of {self.name}")
        return {
            name: option.parse(given[name], self.name) if name in given else option.default for name, option in known.items()
        }

    def resolve(self, config: Config, tokens: int, width: int) -> Resolved:
        """The options at a shape, sizes as numbers."""
        sizes = {option.name for option in self.options if option.kind == "size"}
        options = {
            name: resolve_size(value, tokens, width) if name in sizes and not isinstance(value, bool) else value
            for name, value in config.items()
        }
        return Resolved(tokens, width, options)

    def arguments(self, config: Config, tokens: int, width: int) -> dict[str, Any]:
        """Keyword arguments of the module's class at a shape. Raises RequestError where the shape is not possible."""
        resolved = self.resolve(config, tokens, width)
        if fault := self.constraint(resolved):
            raise RequestError(f"{self.name} at {tokens} tokens and width {width}: {fault}")
        options = {name.replace("-", "_"): value for name, value in resolved.options.items()}
        return {"width": width, "tokens": tokens, **options}
