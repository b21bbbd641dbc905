"""What charts of speed.csv share: notes, titles, the order of lines, and a row per mixer where there is one size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mixbench.reports.charts.axes import Axis, log_axis
from mixbench.reports.charts.looks import Look, Looks
from mixbench.reports.charts.rows import BARS, rows_chart
from mixbench.reports.charts.traces import Point
from mixbench.reports.contents import Chart
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.words import sized

BANDS = "Bands: 95 % intervals of the median over launches; each dot is a launch"
ONE_LAUNCH = "One launch: no intervals"
HOLLOW = "Hollow markers: times that other work disturbed"
PALE = "Grey: the other mixers; point at one for its name"


def single(
    name: str,
    title: str,
    caption: Iterable[str],
    rows: Sequence[tuple[Look, Point]],
    axis: str,
    about: str,
    *,
    prefixed: bool = False,
    reference: tuple[float, str] | None = None,
) -> Chart:
    """Values at a single size: a row per mixer, the smallest first, and a line at the value that they are held against."""
    ordered = sorted(rows, key=lambda row: row[1].interval.point)

    def made(title: str, values: Iterable[float]) -> Axis:
        return log_axis(title, values, prefixed=prefixed)

    drawn = [(look, point.interval, point.text, point.hollow) for look, point in ordered]
    return rows_chart(name, title, caption, drawn, axis, about, made, reference=reference)


def as_rows(notes: Iterable[str]) -> Iterator[str]:
    """Notes on lines as those on a chart with a row per mixer, which has all names."""
    return (BARS if note == BANDS else note for note in notes if note != PALE)


def at_one(swept: str, size: int) -> str:
    """A single size in words."""
    return f"{swept} {size}" if swept in ("width", "context") else sized(size, "token")


def behind_first(
    lines: Mapping[tuple[str, str], Sequence[CellSummary]], looks: Looks
) -> list[tuple[tuple[str, str], Sequence[CellSummary]]]:
    """The lines of mixers, those in the background first."""
    return sorted(lines.items(), key=lambda line: not looks[line[0]].pale)


def mixer_of(cell: CellSummary) -> tuple[str, str]:
    """Name and config of the mixer of a cell."""
    return cell.mixer, cell.config


def place(swept: str) -> str:
    """How the place of a point is said, as plotly's template."""
    return f"{swept} %{{x}}"


def ends_of(sizes: Sequence[int]) -> tuple[float, float]:
    """Where a horizontal line begins and ends."""
    low, high = min(sizes), max(sizes)
    return (low, high) if low < high else (low / 2, high * 2)


def titled(title: str, words: Mapping[str, str]) -> str:
    """A title with what this chart differs in from others."""
    return " · ".join(filter(None, (title, *words.values())))
