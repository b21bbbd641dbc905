"""Counts that a mixer declares by a method `flops(batch, tokens)`: whose method it is, and whether its answer is a count."""

from __future__ import annotations

import inspect
from numbers import Integral, Real
from typing import Any

from torch import Tensor, nn

from mixbench.model import Block, Model
from mixbench.worker.calls import ContractError
from mixbench.worker.measure.decoding import Decoding

LARGEST = 2**63
"""A count of FLOPs is below this, so that 64 bits hold it."""


class ForeignMethodError(ContractError):
    """A method `flops` that does not count the calls of its mixer: it takes something else, or belongs to another forward."""


def mixers_of(module: nn.Module) -> list[nn.Module]:
    """The mixers of a block or a model; any other module is the mixer itself. Parts of a mixer are none."""
    if type(module) is Block:
        return [module.mixer]
    if type(module) is Decoding:
        return mixers_of(module.layer)
    return [mixer for block in module.blocks for mixer in mixers_of(block)] if type(module) is Model else [module]


def declared_flops(mixer: nn.Module, *, batch: int, tokens: int, training: bool) -> int | None:
    """The FLOPs that a mixer declares for a call, in training times its `training_factor` (default 3); None without `flops`.

    Raises ForeignMethodError, and ContractError for an answer that is not a number from 0 to LARGEST.
    """
    try:
        method = getattr(mixer, "flops", None)
        if not callable(method) or isinstance(method, nn.Module):
            return None
        if fault := _fault_of(mixer, method):
            raise ForeignMethodError(fault)
        factor = getattr(mixer, "training_factor", 3) if training else 1
        asked = {"batch": batch, "tokens": tokens}
        by_place = [asked.pop(name) for name, one in _parameters(method).items() if one.kind is one.POSITIONAL_ONLY]
        flops = _number(method(*by_place, **asked), "flops(batch, tokens)")
        return round(_number(flops * _number(factor, "training_factor"), "flops(batch, tokens)"))
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"its flops(batch, tokens) raised {type(error).__name__}: {error}") from error


def _fault_of(mixer: nn.Module, method: Any) -> str:
    """Why a method `flops` does not count the calls of this mixer."""
    names = ", ".join(inspect.signature(method).parameters)
    if set(_parameters(method)) != {"batch", "tokens"}:
        return f"its flops({names}) is not flops(batch, tokens)"
    owner = next((kind for kind in type(mixer).__mro__ if "flops" in vars(kind)), type(mixer))
    inherited = getattr(owner, "forward", nn.Module.forward)
    if inherited not in (nn.Module.forward, type(mixer).forward):
        return f"it inherits flops from {owner.__name__}, but has a forward of its own"
    return ""


def _parameters(method: Any) -> dict[str, inspect.Parameter]:
    """The parameters that must be given, by name."""
    return {
        name: parameter
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        kind = Tensor if isinstance(value, Tensor) else type(value)
        raise ContractError(f"its {name} is {kind.__name__}, not a number")
    number = int(value) if isinstance(value, Integral) else float(value)
    if not 0 <= number < LARGEST:
        raise ContractError(f"its {name} is not a number from 0 to 2^63")
    return number
