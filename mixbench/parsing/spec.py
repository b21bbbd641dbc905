"""Parse ranges of sizes, sizes that depend on the shape, and mixer strings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mixbench.errors import RequestError, UnknownNameError, shortened

LARGEST_SIZE = 2**40
LONGEST_NAME = 200
"""Characters of a mixer's name: it stands in every row and label."""
LONGEST_MIXER = 8192
"""Characters of a mixer string: no path is longer than half of that."""
_LARGEST_SHARE = 2.0
_SYMBOLIC_SIZE = re.compile(r"(?:(?P<factor>[0-9]{1,6})\s*\*\s*)?(?P<base>width|tokens)(?:\s*/\s*(?P<divisor>[0-9]{1,6}))?")


def parse_sizes(text: str | int | Iterable[int], option: str) -> tuple[int, ...]:
    """`"64..512"` (doubling), `"64,128"`, a mix of both, an int or ints, as distinct positive ints in the order given.

    `option` is named in error messages. Raises RequestError.
    """
    if isinstance(text, int):
        text = str(text)
    elif not isinstance(text, str):
        text = ",".join(str(size) for size in text)
    sizes: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if dots:
            sizes.extend(_doubling(_size(first, option), _size(last, option), part, option))
        else:
            sizes.append(_size(part, option))
    return tuple(dict.fromkeys(sizes))


def parse_shares(text: str | float | Iterable[float], option: str) -> tuple[float, ...]:
    """Parts of a data set: shares up to 1 (`"0.1,0.3,1.0"`), counts above 1, and doubling ranges of counts (`"250..4000"`).

    Raises RequestError.
    """
    if not isinstance(text, str):
        text = ",".join(map(str, text)) if isinstance(text, Iterable) else str(text)
    parts: list[float] = []
    for part in text.split(","):
        if re.fullmatch(r"\s*(0?\.[0-9]{1,9}|1(\.0{1,9})?)\s*", part) and float(part):
            parts.append(float(part))
        else:
            parts.extend(parse_sizes(part.removesuffix(".0"), option))
    return tuple(dict.fromkeys(parts))


def parse_learning_rates(given: str | float | Iterable[str | float] | None) -> dict[str, float | str]:
    """`1e-3`, `"auto"` for all mixers (under ""), `"hypermixer=3e-4"` for one; {} for None. Raises RequestError."""
    texts = [] if given is None else [str(given)] if isinstance(given, str | float | int) else map(str, given)
    rates: dict[str, float | str] = {}
    for text in (part.strip() for whole in texts for part in whole.split(",")):
        name, _, rate = text.rpartition("=")
        if rate.strip() == "auto":
            rates[name.strip()] = "auto"
            continue
        try:
            rates[name.strip()] = float(rate)
        except ValueError:
            raise RequestError(
                f"--learning-rate: {text!r} is not a learning rate", "Give 1e-3, auto, or one per mixer: attention=1e-3."
            ) from None
    return rates


def _size(text: str, option: str) -> int:
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,13}", text) or not 1 <= int(text) <= LARGEST_SIZE:
        raise RequestError(
            f"{option}: {text!r} is not a positive whole number",
            f"Give one size, a list or a doubling range: {option} 256, {option} 128,256 or {option} 64..4096.",
        )
    return int(text)


def _doubling(first: int, last: int, part: str, option: str) -> list[int]:
    if last < first:
        raise RequestError(f"{option}: the range {part.strip()!r} runs backwards", f"Write {option} {last}..{first}.")
    sizes = [first]
    while sizes[-1] * 2 <= last:
        sizes.append(sizes[-1] * 2)
    if sizes[-1] != last:
        reached = f"{first}..{sizes[-1]}" if len(sizes) > 1 else str(first)
        raise RequestError(
            f"{option}: doubling {first} does not reach {last} exactly",
            f"Write {option} {reached}, or {option} {reached},{last} to include {last}.",
        )
    return sizes


def parse_share(text: str | float, option: str, least: float = -math.inf) -> float:
    """`30%`, `30 %` or `0.3`. Raises RequestError, also for 30 without a percent sign, which would be 3000 %."""
    digits = str(text).strip()
    try:
        share = float(digits.removesuffix("%")) / (100 if digits.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if math.isnan(share) or (share >= _LARGEST_SHARE and not digits.endswith("%")):
        raise RequestError(f"{option}: {text!r} is not a share", "Write 30% or 0.3.")
    if share < least:
        raise RequestError(f"{option} is {text}; it must be at least {least:g}")
    return share


def parse_scores(text: str | float | Sequence[float], option: str) -> tuple[float, ...]:
    """`"0.5,0.3"`, a number or numbers as finite numbers; () for nothing. Raises RequestError."""
    text = str(text) if isinstance(text, float | int) else text
    parts = [part for part in text.split(",") if part.strip()] if isinstance(text, str) else text
    try:
        scores = tuple(map(float, parts))
    except ValueError:
        scores = (math.nan,)
    if not all(map(math.isfinite, scores)):
        raise RequestError(
            f"{option}: {text!r} is not a list of scores", f"Give numbers, separated by commas: {option} 0.5,0.3."
        )
    return scores


def split_names(text: str | Iterable[str]) -> tuple[str, ...]:
    """`"cpu,cuda"` or several names, as distinct names in the order given."""
    return tuple(dict.fromkeys(name.strip() for name in (text.split(",") if isinstance(text, str) else text)))


def parse_names(text: str | Iterable[str], known: Sequence[str], option: str) -> tuple[str, ...]:
    """`"inference,training"` or several names, as distinct members of `known` in the order given. Raises UnknownNameError."""
    names = split_names(text)
    for name in names:
        if name not in known:
            raise UnknownNameError("value", name, known, f"for {option}")
    return names


def parse_size_expression(text: str) -> int | str | None:
    """A size: a positive int, or text that depends on the shape (`2*width`, `tokens/2`, `3*width/2`); None if neither.

    Equal sizes give equal texts: ` 04 * width / 2` gives `2*width`.
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text) or None
    match = _SYMBOLIC_SIZE.fullmatch(text)
    if match is None:
        return None
    factor, divisor = int(match["factor"] or 1), int(match["divisor"] or 1)
    if not (factor and divisor):
        return None
    common = math.gcd(factor, divisor)
    times = f"{factor // common}*" if factor > common else ""
    over = f"/{divisor // common}" if divisor > common else ""
    return times + match["base"] + over


def resolve_size(value: int | str, tokens: int, width: int) -> int:
    """The number that a size stands for at a shape, rounded down, at least 1."""
    if isinstance(value, int):
        return value
    match = _SYMBOLIC_SIZE.fullmatch(value)
    if match is None:
        raise ValueError(f"not a size: {value!r}")
    base = tokens if match["base"] == "tokens" else width
    return max(1, int(match["factor"] or 1) * base // int(match["divisor"] or 1))


@dataclass(frozen=True)
class MixerSpec:
    """A mixer as the user named it: `name:key=value,…` or `path/to/file.py:ClassName:key=value,…`."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    file: str | None = None


def parse_mixer(text: str) -> MixerSpec:
    """Split a mixer string, without checking that the name and the options exist. Raises RequestError."""
    file = None
    rest = text.strip()
    path = re.match(r"(?P<file>.*?\.py)(?::(?P<rest>.*))?$", rest)
    if path:
        file, rest = path["file"], path["rest"] or ""
    name, _, options = rest.partition(":")
    shown = repr(shortened(text))
    for what, characters, most in (("it", len(text), LONGEST_MIXER), ("the name", len(name), LONGEST_NAME)):
        if characters > most:
            raise RequestError(f"--mixer {shown}: {what} has {characters} characters", f"At most {most} are allowed.")
    if not name.strip():
        hint = "Name the class after the file: path/to/file.py:ClassName." if file else "`mixbench list` shows the mixers."
        raise RequestError(f"--mixer {shown} does not name a {'class' if file else 'mixer'}", hint)
    pairs: dict[str, str] = {}
    for pair in filter(str.strip, options.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value):
            raise RequestError(
                f"--mixer {shown}: {shortened(pair.strip())!r} is not an option", "Options are key=value, separated by commas."
            )
        if key in pairs:
            raise RequestError(f"--mixer {shown} gives {shortened(key)!r} twice", "Give --mixer twice to compare two settings.")
        pairs[key] = value
    return MixerSpec(name.strip(), tuple(pairs.items()), file)
