"""The forecast of --plan, and what a shard has done, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mixbench.cli.text.layout import Column, Part, Table, fitted, heading
from mixbench.studies.progress import duration
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.api.scale import Forecast
    from mixbench.api.scale import Part as ShardPart


def plan_table(expected: Forecast, width: int | None) -> Text:
    """What there is to do, then a line per shard."""
    return fitted(plan_parts(expected), width)


def plan_parts(expected: Forecast) -> Iterator[Part]:
    """The same as parts of a text."""
    cells = counted(expected.cells, expected.cell)
    beside = f", {expected.at_once} at a time" if expected.at_once > 1 else ""
    yield heading(f"{expected.study}: {cells} in {counted(expected.units, 'unit')}, about {duration(expected.seconds)}{beside}")
    if expected.own is None:
        return
    count = len(expected.shards)
    yield Table(
        [f"{shard.shard}/{count}" for shard in expected.shards],
        [
            Column(f"{expected.cell}s", [Entry(f"{shard.cells:,}") for shard in expected.shards]),
            Column("units", [Entry(f"{shard.units:,}") for shard in expected.shards]),
            Column("expected", [Entry(duration(shard.seconds)) for shard in expected.shards]),
        ],
        heading="shard",
    )
    yield heading(f"The longest shard takes {expected.balance:.2f} times the mean.")


def plan_remarks(expected: Forecast) -> Iterator[str]:
    """Where the times come from, how many shards can be even, and what comes next."""
    yield "Times are predicted from operations and steps: they show how shards compare, not how fast this machine is."
    count, even = len(expected.shards), expected.even
    if empty := sum(not shard.units for shard in expected.shards):
        units = counted(expected.units, "unit")
        yield f"{empty} of {count} shards {'is' if empty == 1 else 'are'} empty: the plan has {units}."
    if expected.own is None:
        yield even.limit
        suggested = f" --plan --shard 1/{even.suggested}" if even.suggested > 1 else ""
        yield f"Next: {expected.command}{suggested}"
    else:
        yield from even.advice or [even.limit]
        yield f"Next: {expected.command} --shard 1/{count}, and so on to {count}/{count}, on any machines"


def shard_line(part: ShardPart[Any]) -> Text:
    """What a shard has, in one line."""
    from rich.text import Text

    assert part.shard is not None
    if not part.cells:
        return Text(f"{part.shard.words}: empty, nothing to do: the plan has fewer units than shards")
    cells = counted(part.cells, part.work.cell)
    return Text(f"{part.shard.words}: {cells}, {counted(len(part.rows), 'row')} in {part.folder / part.work.table}.csv")
