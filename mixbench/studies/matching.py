"""Give mixers the parameters or the FLOPs of a baseline, by scaling the free size of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mixbench.errors import RequestError
from mixbench.mixers.choice import ChosenMixer

MATCHES = ("width", "params", "flops")
"""What mixers have in common: the width alone, or also their cost."""
CLOSE = 0.02
"""A cost this near to that of the baseline counts as equal."""
_LARGEST = 2**20
_NEIGHBOURS = 256
_WORDS = {"params": "parameters", "flops": "FLOPs"}
_FORM = {"params": "params", "flops": "inference"}


def check_baseline(baseline: ChosenMixer | None, by: str) -> None:
    """Raises RequestError for a baseline that nothing can be matched to."""
    if baseline is not None and baseline.entry is None and by != MATCHES[0]:
        raise RequestError(
            f"--match {by}: the baseline {baseline.label} has no closed form of its {_WORDS[by]}",
            "Choose a built-in mixer with --baseline.",
        )


def match(
    mixer: ChosenMixer, baseline: ChosenMixer | None, by: str, tokens: int, width: int, **call: Any
) -> tuple[ChosenMixer, str]:
    """The mixer with the free size that brings its parameters or forward FLOPs (`by`) closest to those of `baseline`.

    `call` is what FLOPs may depend on besides, as for `Mixer.closed_forms`. The text says what was changed and, unless the
    costs are within CLOSE, how they differ. Raises RequestError for a shape that one of both cannot have.
    """
    if baseline is None or by == MATCHES[0] or (mixer.name, mixer.config) == (baseline.name, baseline.config):
        return mixer, ""

    def cost_of(chosen: ChosenMixer) -> int:
        forms = chosen.closed_forms(tokens, width, **call)
        assert forms is not None
        return forms[_FORM[by]]

    if mixer.entry is None:
        return mixer, f"no closed form of its {_WORDS[by]}"
    goal, free = cost_of(baseline), mixer.entry.free
    if not free:
        return mixer, ", ".join(filter(None, ("no free size", _difference(cost_of(mixer), goal, by))))
    usual = mixer.arguments(tokens, width)[free.replace("-", "_")]
    anything = replace(mixer, entry=replace(mixer.entry, constraint=lambda **_: None))
    size = _closest(lambda size: cost_of(_resized(anything, free, size)), goal)
    fitting = list(_allowed(mixer, free, size, tokens, width))
    chosen = min(fitting, key=lambda size: abs(cost_of(_resized(mixer, free, size)) - goal), default=usual)
    resized = _resized(mixer, free, chosen)
    changed = f"{free}={chosen}" + (f" ({usual})" if chosen != usual else "")
    return resized, ", ".join(filter(None, (changed, _difference(cost_of(resized), goal, by))))


def _resized(mixer: ChosenMixer, option: str, size: int) -> ChosenMixer:
    return replace(mixer, options={**mixer.options, option: size})


def _closest(cost: Callable[[int], int], goal: int) -> int:
    """The size at which a growing cost is closest to the goal."""
    low, high = 1, _LARGEST
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if cost(middle) < goal else (low, middle)
    return min((max(1, low - 1), low), key=lambda size: abs(cost(size) - goal))


def _allowed(mixer: ChosenMixer, option: str, size: int, tokens: int, width: int) -> Iterator[int]:
    """The size and its neighbours, as far as the mixer can have them."""
    for near in range(max(1, size - _NEIGHBOURS), size + _NEIGHBOURS + 1):
        try:
            _resized(mixer, option, near).arguments(tokens, width)
        except RequestError:
            continue
        yield near


def _difference(cost: int, goal: int, by: str) -> str:
    if abs(cost - goal) <= CLOSE * goal:
        return ""
    if not cost or not goal:
        return f"{cost:,} {_WORDS[by]}"
    if not goal / 10 < cost < 2 * goal:
        return f"{cost / goal:.3g} times the {_WORDS[by]}"
    percent = abs(100 * (cost / goal - 1))
    return f"{percent:.{0 if percent >= 10 else 1}f} % {'more' if cost > goal else 'fewer'} {_WORDS[by]}"
