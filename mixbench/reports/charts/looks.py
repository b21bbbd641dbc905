"""The look of every mixer on a page: one colour, marker and dash in all charts, those of the figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mixbench.plots.style import LineStyle, line_styles
from mixbench.verdicts.labels import MixerKey, mixer_labels

INK = "#000000"
"""The colour that is that of the text on a dark page."""
PALE = "#999999"
SYMBOLS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "*": "star",
    "h": "hexagon",
    "d": "diamond-tall",
    "8": "octagon",
    "None": "circle",
}
"""Markers of matplotlib by the names that plotly has for them."""
HOLLOW = "-open"
"""Behind the name of a symbol: only its outline."""
_POINTS = 1.5
"""Pixels of a line, which the lengths of its dashes are multiples of."""


@dataclass(frozen=True)
class Look:
    """How a mixer is drawn, and its label, which groups what belongs to it."""

    label: str
    color: str
    symbol: str
    dash: str
    pale: bool = False
    """Whether it is one of many in the background."""


@dataclass(frozen=True)
class Looks:
    """The looks of all mixers of a page."""

    by_mixer: Mapping[MixerKey, Look]

    def __getitem__(self, mixer: MixerKey) -> Look:
        return self.by_mixer[mixer]

    def records(self) -> dict[str, dict[str, str]]:
        """By label, as a page has them: those in the background last."""
        every = sorted(self.by_mixer.values(), key=lambda look: look.pale)
        return {look.label: {"color": look.color, "symbol": look.symbol, "dash": look.dash} for look in every}


def looks_of(mixers: Iterable[MixerKey], standing_out: Collection[MixerKey]) -> Looks:
    """A look for each mixer; those that do not stand out are in the background."""
    labels = mixer_labels(mixers)
    styles = line_styles(labels, {labels[mixer] for mixer in standing_out})
    return Looks({mixer: _look(label, styles[label]) for mixer, label in labels.items()})


def _look(label: str, style: LineStyle) -> Look:
    lengths = ",".join(f"{_POINTS * length:g}px" for length in style.line[1])
    return Look(label, style.color, SYMBOLS[style.marker], lengths or "solid", style.pale)


def faint(color: str, opacity: float) -> str:
    """A colour such as `#d55e00` that lets through what is behind it."""
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def grouped(look: Look) -> dict[str, Any]:
    """What makes a trace belong to a mixer."""
    return {"name": literal(look.label), "legendgroup": look.label}


def literal(text: str) -> str:
    """A text that plotly shows as it is: it reads some HTML in names, hover texts and titles."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def shown(text: str) -> str:
    """What `literal` text looks like."""
    return text.replace("<br>", "\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
