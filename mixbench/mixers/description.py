"""The entry of a mixer in the table: its options, its abilities, its closed forms, and the class that it is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.parsing.option import Option, Value, typed_options
from mixbench.parsing.spec import resolve_size

Config = Mapping[str, Value]
"""All options of one mixer, by name as typed on the command line; sizes may still depend on the shape."""


@dataclass(frozen=True)
class Mixer:
    """An entry of the table of mixers. `target` is `module:Class`, imported only when the mixer is built.

    `flops`, `params` and `constraint` take the arguments that the class is built with: `tokens`, `width` and its options.
    `flops` is the count of one forward pass over one sequence, and also takes `batch`, `device` (`cpu`, `cuda`) and `dtype`
    (`float32`, `bfloat16`, …) of the call; forward and backward together take `training_factor` times as many when the input
    requires a gradient. `constraint` returns what is wrong with the arguments, or None. `lacks` returns what the mixer with a
    config cannot do without and a device does not have, or None.
    """

    name: str
    summary: str
    paper: str
    target: str
    flops: Callable[..., int]
    params: Callable[..., int]
    options: tuple[Option, ...] = ()
    training_factor: int = 3
    honours_mask: bool = True
    any_length: bool = True
    constraint: Callable[..., str | None] = lambda **arguments: None
    lacks: Callable[[Config, str], str | None] = lambda config, device: None

    @property
    def before(self) -> dict[str, Value]:
        """Options that older rows and checkpoints may lack, with the values that applied then."""
        return {option.name: option.before for option in self.options if option.before is not None}

    def config(self, given: Mapping[str, str]) -> dict[str, Value]:
        """All options, given and default. Raises RequestError for an unknown option or a value of the wrong type."""
        return typed_options(self.options, given, self.name)

    def arguments(self, config: Config, tokens: int, width: int) -> dict[str, Any]:
        """Keyword arguments of the class at a shape, sizes as numbers. Raises RequestError for a shape that it cannot have."""
        sizes = {option.name for option in self.options if option.kind == "size"}
        options = {
            name.replace("-", "_"): resolve_size(value, tokens, width) if name in sizes else value
            for name, value in config.items()
        }
        arguments = {"width": width, "tokens": tokens, **options}
        if fault := self.constraint(**arguments):
            raise RequestError(f"{self.name} at {tokens} tokens and width {width}: {fault}")
        return arguments

    def closed_forms(
        self, config: Config, tokens: int, width: int, *, batch: int = 1, device: str = "cpu", dtype: str = "float32"
    ) -> dict[str, int]:
        """The values of the closed forms at a shape: `params`, and the FLOPs of one sequence as `inference` and `training`.

        A mixer may choose its form by the `batch`, the device and the dtype of a call. Raises RequestError for a shape that the
        mixer cannot have.
        """
        arguments = self.arguments(config, tokens, width)
        flops = self.flops(**arguments, batch=batch, device=device, dtype=dtype)
        return {"params": self.params(**arguments), "inference": flops, "training": self.training_factor * flops}
