"""The text of `mixbench tune`: expected best scores by trials, alone and against the baseline, and trials needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Paragraph, Table, caption, fitted, heading, notes, printed
from mixbench.verdicts.learning.tune import Search
from mixbench.verdicts.learning.tune_tables import search_notes, search_tables, search_words

if TYPE_CHECKING:
    from rich.text import Text


def tuning_table(searches: Sequence[Search], width: int, terminal: bool) -> Text:
    """Tables per search, then how to read them; `width` and `terminal` as for `data_efficiency_table`."""
    return fitted((part for search in searches for part in _search(search)), width if terminal else None)


def _search(search: Search) -> Iterator[Paragraph | Table]:
    yield heading(search_words(search))
    for title, table in search_tables(search):
        yield from (caption(title), printed(table), BLANK)
    yield from notes(search_notes(search))
    yield BLANK
