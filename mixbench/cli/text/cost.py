"""The text of `mixbench cost`: three factors and their product by target score, a sentence per mixer, and the sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Paragraph, Table, caption, fitted, heading, notes, printed
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.tables import cost_notes, sentence, target_tables

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.api.cost import CostOutcome


def cost_table(outcome: CostOutcome, width: int, terminal: bool) -> Text:
    """Tables per task and target score, sentences and sources; `width` and `terminal` as for `data_efficiency_table`."""
    return fitted((part for cost in outcome.costs for part in _cost(cost, outcome)), width if terminal else None)


def _cost(cost: TaskCost, outcome: CostOutcome) -> Iterator[Paragraph | Table]:
    from mixbench.parsing.command import with_folder

    yield heading(f"Cost of reaching a score on {cost.subject.words}")
    for target in cost.targets:
        for title, table in target_tables(cost, target):
            yield from (caption(title), printed(table), BLANK)
    yield from (Paragraph(sentence(cost, label)) for label in cost.mixers)
    yield BLANK
    yield from notes(_notes(cost, outcome))
    for lack in cost.lacks:
        if lack.reason:
            yield from notes([f"{', '.join(lack.mixers)} {'are' if len(lack.mixers) > 1 else 'is'} left out: {lack.reason}."])
            continue
        them = "them" if len(lack.mixers) > 1 else "it"
        yield from notes([f"{lack.words}. To include {them}:"])
        yield Paragraph(f"  {with_folder(lack.command, outcome.folder)}", "dim", wraps=False)
        yield from notes(filter(None, [lack.blanks]))
    yield BLANK


def _notes(cost: TaskCost, outcome: CostOutcome) -> Iterator[str]:
    """How to read the numbers, and the rows that they came from."""
    yield from cost_notes(cost)
    if outcome.mixed:
        yield "The tables come from different environments: not all factors are of the same versions of mixbench and torch."
    yield from outcome.machines.notes
