"""Mixers that installed packages offer by name."""

from __future__ import annotations

from collections import defaultdict
from importlib.metadata import EntryPoint, entry_points

from mixbench.errors import RequestError
from mixbench.mixers import MIXERS
from mixbench.parsing.spec import MixerSpec, parse_mixer

PLUGIN_GROUP = "mixbench.mixers"
"""Entry-point group in which installed packages offer mixers: `name = "module:ClassName"`."""
ALL = "all"
"""Names every built-in mixer."""


def plugins() -> dict[str, list[EntryPoint]]:
    """What packages offer by name, each target once: several if packages disagree on what the name means."""
    offers: dict[str, dict[str, EntryPoint]] = defaultdict(dict)
    for point in entry_points(group=PLUGIN_GROUP):
        offers[point.name].setdefault(point.value, point)
    return {name: [*points.values()] for name, points in offers.items()}


def why_unusable(name: str, offers: list[EntryPoint]) -> str:
    """Why `--mixer NAME` does not lead to a plug-in; empty if it does."""
    if name in MIXERS:
        return "a built-in mixer has this name"
    if name == ALL:
        return f"--mixer {ALL} names every built-in mixer"
    if len(offers) > 1:
        return f"installed packages disagree: {' and '.join(sorted(point.value for point in offers))}"
    try:
        nameable = parse_mixer(name) == MixerSpec(name, (), None)
    except RequestError:
        nameable = False
    return "" if nameable else "--mixer cannot name it: use letters, digits, - and _"
