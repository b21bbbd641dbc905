"""What the table says of a mixer: typed options, capabilities, closed forms, and where its module is built. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.parsing.option import Option, Value, typed_options
from mixbench.parsing.spec import resolve_size

Config = Mapping[str, Value]
"""Options of one mixer, all of them, by name as typed on the command line; sizes still symbolic."""


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
        return typed_options(self.options, given, self.name)

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
