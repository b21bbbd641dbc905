"""The options of a claim: names, kinds and defaults, and the typed value of what a file gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mixbench.errors import RequestError, UnknownNameError
from mixbench.mixers.choice import choose_mixer
from mixbench.parsing.option import positive_number
from mixbench.parsing.spec import parse_mixer, parse_names, parse_scores, parse_sizes

Kind = Literal["mixer", "mixers", "text", "choice", "count", "number", "margin", "scores"]


@dataclass(frozen=True)
class ClaimOption:
    """An option of a rule. Its value is a text as typed on the command line, or a number or a list of the file."""

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    """The typed value; None stands for what `meaning` says."""
    choices: tuple[str, ...] = ()
    required: bool = False

    def parse(self, given: Any, *, installed: bool = True) -> Any:
        """The typed value. Raises RequestError.

        Without `installed`, a mixer need not be there: its rows are judged, nothing of it runs.
        """
        if self.kind in ("mixer", "mixers"):
            return _MIXERS[self.kind](given, self.name, installed)
        if self.kind == "choice":
            (chosen, *others) = parse_names(_text(given, self.name), self.choices, self.name)
            if others:
                raise RequestError(f"{self.name} is one of {', '.join(self.choices)}, not several")
            return chosen
        return _PARSERS[self.kind](given, self.name)


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str) or not given.strip():
        raise RequestError(f"{name}: {given!r} is not a text", f'Write {name} = "…".')
    return given.strip()


def _mixer(given: Any, name: str, installed: bool) -> str:
    """A mixer string. One of a file, or of a package that is not installed here, may still have rows."""
    text = _text(given, name)
    spec = parse_mixer(text)
    if spec.file is None and installed:
        choose_mixer(text)
    return text


def _mixers(given: Any, name: str, installed: bool) -> tuple[str, ...]:
    if not isinstance(given, str | list | tuple) or not given:
        raise RequestError(f"{name}: {given!r} is not a list of mixers", f'Write {name} = ["mlp-mixer", "gmlp"].')
    texts = [given] if isinstance(given, str) else given
    return tuple(dict.fromkeys(_mixer(text, name, installed) for text in texts))


def _count(given: Any, name: str) -> int:
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise RequestError(f"{name}: {given!r} is not a positive whole number")
    size, *others = parse_sizes(given, name)
    if others:
        raise RequestError(f"{name}: {given!r} is more than one number", f"Write {name} = {size}.")
    return size


def _number(given: Any, name: str) -> float:
    number = None if isinstance(given, bool) else positive_number(str(given))
    if number is None:
        raise RequestError(f"{name}: {given!r} is not a number above 0")
    return number


def _margin(given: Any, name: str) -> float:
    """A number from 0 on, or per cent of 1: `0.02` or `2%`."""
    digits = str(given).strip()
    try:
        margin = float(digits.removesuffix("%")) / (100 if digits.endswith("%") else 1)
    except ValueError:
        margin = math.nan
    if isinstance(given, bool) or not 0 <= margin < math.inf:
        raise RequestError(f"{name}: {given!r} is not a margin", f'Write {name} = 0.02 or {name} = "2%".')
    return margin


def _scores(given: Any, name: str) -> tuple[float, ...]:
    fault = RequestError(f"{name}: {given!r} is not a list of scores", f"Write {name} = 0.5 or {name} = [0.5, 0.3].")
    if isinstance(given, bool) or not isinstance(given, str | int | float | list | tuple):
        raise fault
    try:
        scores = parse_scores(given, name)
    except TypeError:
        raise fault from None
    if not scores:
        raise fault
    return tuple(dict.fromkeys(scores))


_PARSERS: Mapping[Kind, Callable[[Any, str], Any]] = {
    "text": _text,
    "count": _count,
    "number": _number,
    "margin": _margin,
    "scores": _scores,
}
_MIXERS: Mapping[Kind, Callable[[Any, str, bool], Any]] = {"mixer": _mixer, "mixers": _mixers}


def typed(
    options: Sequence[ClaimOption], given: Mapping[str, Any], owner: str, *, installed: bool = True
) -> tuple[dict[str, Any], list[tuple[str, RequestError]]]:
    """The values of all options, given or default, and the faults of those that are wrong, each with the key."""
    known = {option.name: option for option in options}
    values = {option.name: option.default for option in options}
    faults: list[tuple[str, RequestError]] = []
    for name, value in given.items():
        try:
            if name not in known:
                raise UnknownNameError("option", name, known, f"of {owner}")
            values[name] = known[name].parse(value, installed=installed)
        except RequestError as error:
            faults.append((name, error))
    faults += [
        (name, RequestError(f"{owner} needs {name}", f"{name}: {option.meaning}."))
        for name, option in known.items()
        if option.required and name not in given
    ]
    return values, faults
