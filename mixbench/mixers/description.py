"""The entry of a mixer in the table: its options, its abilities, its closed forms, and the class that it is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.parsing.canonical import canonical_json
from mixbench.parsing.claims import Causality
from mixbench.parsing.option import Option, Value, told, typed_options
from mixbench.parsing.spec import resolve_size

Config = Mapping[str, Value]
"""All options of one mixer, by name as typed on the command line; sizes may still depend on the shape."""


@dataclass(frozen=True)
class Mixer:
    """An entry of the table of mixers. `target` is `module:Class`, imported only when the mixer is built.

    `flops`, `params` and `constraint` take the arguments that the class is built with: `tokens`, `width` and its options.
    `flops` is the count of one forward pass over one sequence, and also takes `batch`, `device` (`cpu`, `cuda`) and `dtype`
    (`float32`, `bfloat16`, …) of the call; of what a call computes once, each sequence has its share. Forward and backward
    together take `training_factor` times as many when the input requires a gradient, or what `training_flops` returns for the
    same arguments. `constraint` returns what is wrong with the arguments, or None. `lacks` returns what the mixer with a config
    cannot do without and a device does not have, or None.

    `any_length` is false where a mixer is built for a number of tokens, and takes no more; `fixed_with` is the option, as
    typed, with which another mixer is.

    `state` says what a causal mixer keeps of earlier tokens, in numbers per sequence, with the symbols of docs/mixers.md; it
    then has the methods of `mixbench.mixers.decoding.Recurrent`. `free` names the option of kind size or count that changes
    the cost of the mixer but not its input and output. `traceable` is false where a kernel of torch processes the tokens that
    `torch.compile` leaves out of its graphs and `torch.func.vmap` refuses.
    """

    name: str
    summary: str
    paper: str
    target: str
    flops: Callable[..., float]
    params: Callable[..., int]
    options: tuple[Option, ...] = ()
    training_factor: int = 3
    honours_mask: bool = True
    any_length: bool = True
    fixed_with: str = ""
    always_causal: bool = False
    state: str = ""
    free: str = ""
    traceable: bool = True
    training_flops: Callable[..., float] | None = None
    constraint: Callable[..., str | None] = lambda **arguments: None
    lacks: Callable[[Config, str], str | None] = lambda config, device: None

    @property
    def before(self) -> dict[str, Value]:
        """Options that older rows and checkpoints may lack, with the values that applied then."""
        return {option.name: option.before for option in self.options if option.before is not None}

    @property
    def causality(self) -> Causality:
        """Whether a token can be kept from seeing those after it: by the option `causal`, always, or not at all."""
        if self.always_causal:
            return "always"
        return "option" if any(option.name == "causal" for option in self.options) else "no"

    def takes_any_length(self, config: Config) -> bool:
        """Whether the mixer takes more tokens than it was built for."""
        name, _, value = self.fixed_with.partition("=")
        return self.any_length and not (name and config[name] == value)

    @property
    def length(self) -> str:
        """The number of tokens that it takes: any, fixed, or option, where one of its options fixes it."""
        return "fixed" if not self.any_length else "option" if self.fixed_with else "any"

    def is_causal(self, config: Config) -> bool:
        """Whether a token sees only itself and those before it."""
        return self.always_causal or bool(config.get("causal", False))

    def has_steps(self, config: Config) -> bool:
        """Whether the mixer can decode, token by token."""
        return bool(self.state) and self.is_causal(config)

    def lacks_steps(self, config: Config) -> str:
        """Why the mixer cannot decode; empty if it can."""
        if self.has_steps(config):
            return ""
        if self.causality == "no":
            return "it is not causal, so it cannot decode"
        if not self.state:
            return "it has no recurrent form, so it cannot decode"
        return f"it is not causal unless asked: {self.name}:causal=true, or --causal"

    def canonical(self, config: Config) -> str:
        """The config as canonical JSON. Options that older rows lack are left out where they say what older rows mean."""
        return canonical_json(told(self.options, config))

    def config(self, given: Mapping[str, str]) -> dict[str, Value]:
        """All options, given and default. Raises RequestError for an unknown option or a value of the wrong type."""
        return typed_options(self.options, given, self.name)

    def arguments(self, config: Config, tokens: int, width: int) -> dict[str, Any]:
        """Keyword arguments of the class at a shape, sizes as numbers. Raises RequestError for a shape that it cannot have."""
        arguments = self._resolved(config, tokens, width)
        if fault := self.constraint(**arguments):
            raise RequestError(f"{self.name} at {tokens} tokens and width {width}: {fault}")
        return arguments

    def fault(self, config: Config, tokens: int, width: int) -> str | None:
        """What is wrong with a config at a shape, or None."""
        return self.constraint(**self._resolved(config, tokens, width))

    def _resolved(self, config: Config, tokens: int, width: int) -> dict[str, Any]:
        kinds = {option.name: option.kind for option in self.options}
        options: dict[str, Value] = {}
        for name, value in config.items():
            if kinds.get(name) == "size" and not isinstance(value, float):
                value = resolve_size(value, tokens, width)
            elif kinds.get(name) == "count" and isinstance(value, str):
                value = config[value]  # the same number as another option
            options[name.replace("-", "_")] = value
        return {"width": width, "tokens": tokens, **options}

    def completed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that the class was built with before it had some of its options, and what these were then."""
        then = {
            name: arguments.get(str(value), value)  # a count may be the same number as another option
            for name, value in self.before.items()
        }
        return {**{name.replace("-", "_"): value for name, value in then.items()}, **arguments}

    def closed_forms(
        self, config: Config, tokens: int, width: int, *, batch: int = 1, device: str = "cpu", dtype: str = "float32"
    ) -> dict[str, int]:
        """The values of closed forms at a shape: `params`, and the FLOPs of `batch` sequences as `inference` and `training`.

        A mixer may choose its form by the `batch`, the device and the dtype of a call. Raises RequestError for a shape that the
        mixer cannot have.
        """
        arguments = self.arguments(config, tokens, width)
        call = {**arguments, "batch": batch, "device": device, "dtype": dtype}
        flops = self.flops(**call)
        training = self.training_flops(**call) if self.training_flops else self.training_factor * flops
        return {"params": self.params(**arguments), "inference": round(batch * flops), "training": round(batch * training)}


@dataclass(frozen=True)
class Family:
    """Mixers that work alike, under a title."""

    title: str
    mixers: tuple[Mixer, ...]
