"""The tables of `mixbench speed`: times by length, the other costs at the longest length, and a line per cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from mixbench.stats import Interval
from mixbench.verdicts.entries import DISTURBED, Entry, interval_text, signed
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import (
    HOST_BOUND_WORD,
    RATIO,
    EntryOf,
    Form,
    Forms,
    margin,
    metric_entries,
    point,
    share_entries,
    time_entry,
    timed,
    wall_entry,
)
from mixbench.verdicts.speed.growth import Growth
from mixbench.verdicts.speed.view import View, shown_entry
from mixbench.verdicts.table import Column, Table

MATCHED = "matched by"
THROUGHPUT = "tokens_per_s"


def times_table(view: View, form: Forms) -> Table:
    """Mixers × lengths, or all of every mixer where there is one length."""
    if len(view.lengths) == 1:
        return _table(view, form[1])
    labels = [f"{label}, ms" if view.relative and label == view.baseline else label for label in view.labels]
    *shorter, longest = view.lengths
    forms = {**dict.fromkeys(shorter, form[0]), longest: form[1]}
    columns = [
        Column(str(tokens), [shown_entry(view, cell, forms[tokens]) if cell else None for cell in view.at(tokens)])
        for tokens in view.lengths
    ]
    return Table(labels, [*columns, *_host_bound_column(view)])


def _host_bound_column(view: View) -> list[Column]:
    """Up to which length a mixer is host-bound, where any is."""
    ends = view.host_bound
    longest = {label: max(cell.tokens for cell in cells) for label, cells in ends.items()}
    texts = [Entry(f"to {longest[label]}", value=longest[label]) if label in ends else None for label in view.labels]
    return [Column(HOST_BOUND_WORD, texts, words=True)] if ends else []


def costs_table(view: View) -> Table:
    """Everything but the time that is judged, a line per mixer, at the longest length."""
    cells = view.at(view.lengths[-1])
    entries = [entry for metric, entry in metric_entries().items() if metric != THROUGHPUT]
    if view.on_device:
        entries = [wall_entry(point), *entries, *share_entries(bound=True)]
    columns = [Column(heading, [entry_of(cell) if cell else None for cell in cells]) for heading, entry_of in entries]
    columns = [*_known([*columns, _matched(cells)]), *_growth_columns(view), *_state_growth_column(view)]
    return Table(view.labels, columns, heading=f"at {view.lengths[-1]} tokens")


def _growth_columns(view: View) -> list[Column]:
    """How time grows; over which lengths stands in the heading, where they are the same for all."""
    growths = {growth.label: growth for growth in view.growths}
    if not growths:
        return []
    own = [growths.get(label) for label in view.labels]
    (first, *_, last), *others = dict.fromkeys(growth.lengths for growth in view.growths)
    title = "time grows as" if others else f"time grows as ({first}–{last})"
    exponents = Column(title, [_grown(growth) if growth else None for growth in own], words=True)
    return [exponents, _over(own)] if others else [exponents]


def _state_growth_column(view: View) -> list[Column]:
    """How the state grows with the context, where there is one: it is counted, so it has no interval."""
    exponents = view.state_exponents
    known = [exponents.get(label) for label in view.labels]
    texts = [None if own is None else Entry(f"N^{round(own, 2) + 0.0:.2f}", value=own) for own in known]
    return [Column("state grows as", texts, words=True)] if exponents else []


def _over(growths: Sequence[Growth | None]) -> Column:
    texts = [Entry(", ".join(map(str, growth.lengths)), style="dim") if growth else None for growth in growths]
    return Column("over tokens", texts, words=True)


def growth_table(growths: Sequence[Growth]) -> Table:
    """How time grows, with the lengths over which it does."""
    exponents = Column("time grows as", [_grown(growth) for growth in growths], words=True)
    return Table([growth.label for growth in growths], [exponents, _over(growths)])


def _grown(growth: Growth) -> Entry:
    exponent = growth.exponent
    return signed(Entry(*_exponent(exponent, "N"), value=exponent.point), *([DISTURBED] if growth.disturbed else []))


def exponent_text(interval: Interval, base: str = "N") -> str:
    """`N^1.98 (1.93–2.02)`."""
    return "".join(_exponent(interval, base))


def _exponent(interval: Interval, base: str) -> tuple[str, str]:
    point, bounds = interval_text(interval, lambda value: f"{round(value, 2) + 0.0:.2f}")
    return f"{base}^{point}", bounds


def long_table(view: View) -> Table:
    """A line per cell with all that was measured."""
    tokens = Column("tokens", [Entry(str(cell.tokens), value=cell.tokens) for cell in view.cells])
    return _table(view, interval_text, first=tokens)


def _table(view: View, form: Form, first: Column | None = None) -> Table:
    cells = view.cells
    reasons = {
        row: ": ".join(filter(None, (cell.status, cell.detail))) for row, cell in enumerate(cells) if cell.status != "ok"
    }
    columns = [
        Column(heading, [entry(cell) for cell in cells]) for heading, entry in _every_entry(view, form, first is not None)
    ]
    return Table([cell.label for cell in cells], _known([*columns, _matched(cells)]), first=first, instead=reasons)


def _matched(cells: Sequence[CellSummary | None]) -> Column:
    """The sizes with which mixers were matched to the baseline."""
    return Column(MATCHED, [Entry(cell.matched) if cell and cell.matched else None for cell in cells], words=True)


def _known(columns: Sequence[Column]) -> list[Column]:
    """The columns that have a value in at least one row."""
    return [column for column in columns if any(column.entries)]


def _every_entry(view: View, form: Form, details: bool) -> Iterator[tuple[str, EntryOf]]:
    """Heading and entries of every column: times, the metrics that have a heading, what comes from several rows beside some."""
    beside: dict[str, list[tuple[str, EntryOf]]] = {
        THROUGHPUT: [(RATIO, partial(_ratio, baseline=view.baseline, form=form))],
        "flops": share_entries(view.on_device or details),
    }
    yield time_entry(view.on_device, form)
    if view.on_device:
        yield wall_entry(margin)
    for metric, (heading, entry) in metric_entries().items():
        yield heading, entry
        yield from beside.get(metric, [])


def _ratio(cell: CellSummary, baseline: str | None, form: Form) -> Entry | None:
    return Entry("1", value=1.0) if cell.ratio and cell.label == baseline else timed(cell, RATIO, form)
