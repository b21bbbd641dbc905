"""The ranges of a random search as users type them, and the values for each trial."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_sizes

TRAINING_OPTIONS = ("learning_rate", "dropout")
"""Training options that can be drawn, for all mixers alike; any other option belongs to a mixer."""
_FORMS = "Give learning_rate=1e-4..1e-2:log, dropout=0..0.5, hypermixer.hidden=64,128,256 or attention.heads=1..8."


@dataclass(frozen=True)
class Range:
    """The values that one option is drawn from: numbers from `low` to `high`, or `choices` as typed.

    `mixer` is "" for options that all mixers draw; `log` draws uniformly on the log scale.
    """

    option: str
    mixer: str = ""
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name as typed: hypermixer.hidden."""
        return f"{self.mixer}.{self.option}" if self.mixer else self.option

    @property
    def text(self) -> str:
        """The range in a unique spelling, so that ranges can be compared."""
        return ",".join(self.choices) or f"{self.low:g}..{self.high:g}{':log' if self.log else ''}"

    def value(self, share: float) -> float | str:
        """The value at `share` (0 to 1) of the range: a number, or a choice as typed."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)


@lru_cache(1024)  # mixers draw alike, trial by trial
def drawn_share(seed: int, trial: int, option: str) -> float:
    """The place of a trial's value in its range, uniform in 0 to 1: the same for every mixer and in every search."""
    return random.Random(f"{seed}/{trial}/{option}").random()


def parse_ranges(texts: Sequence[str], mixers: Iterable[str]) -> tuple[Range, ...]:
    """Ranges of training options and of these mixers' options, each option once. Raises RequestError."""
    known = set(mixers)
    ranges: dict[str, Range] = {}
    for text in texts:
        name, equals, given = (part.strip() for part in text.partition("="))
        mixer, dot, option = name.rpartition(".")
        if not (equals and given and option):
            raise RequestError(f"--range {text!r} is not a range", _FORMS)
        if dot and mixer not in known:
            raise RequestError(f"--range {text!r}: {mixer} is not one of the mixers", f"Name it: --mixer {mixer}. {_FORMS}")
        if not dot and option not in TRAINING_OPTIONS:
            raise RequestError(f"--range {text!r}: {option} is not a training option", _FORMS)
        if name in ranges:
            raise RequestError(f"--range gives {name} twice", "Give all its values at once: hypermixer.hidden=64,128.")
        ranges[name] = _mixer_range(option, mixer, given, text) if dot else _training_range(option, given, text)
    return tuple(ranges.values())


def _mixer_range(option: str, mixer: str, given: str, text: str) -> Range:
    if ".." in given:
        choices = tuple(map(str, parse_sizes(given, f"--range {text.partition('=')[0]}")))
    else:
        choices = tuple(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))
    if not choices:
        raise RequestError(f"--range {text!r} has no values", _FORMS)
    return Range(option, mixer, choices=choices)


def _training_range(option: str, given: str, text: str) -> Range:
    span, colon, scale = given.partition(":")
    if colon and scale.strip() != "log":
        raise RequestError(
            f"--range {text!r}: {scale!r} is not a scale", "The only scale is log: learning_rate=1e-4..1e-2:log."
        )
    low, dots, high = span.partition("..")
    try:
        first, last = float(low), float(high if dots else low)
    except ValueError:
        raise RequestError(f"--range {text!r}: {span!r} is not a range of numbers", _FORMS) from None
    if not (math.isfinite(first) and math.isfinite(last) and first <= last):
        raise RequestError(f"--range {text!r} runs backwards or is infinite", "Write the smaller end first: dropout=0..0.5.")
    if first < 0 or (colon and first <= 0) or (option == "learning_rate" and first <= 0):
        raise RequestError(
            f"--range {text!r} begins at {first:g}; it must not be negative, nor 0 for a log scale or a learning rate", _FORMS
        )
    if option == "dropout" and last >= 1:
        raise RequestError(f"--range {text!r}: dropout must be below 1", _FORMS)
    return Range(option, low=first, high=last, log=bool(colon))
