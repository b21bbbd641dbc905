"""Whether rows of a table are sound and written as mixbench writes them, judged from the texts of whole columns.

Distinct texts are judged once, numbers of which all differ together: many times faster than a row object for each line. What
is not certain is for `reading` to judge, which says what is wrong with which line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import NoneType

from mixbench.tables.columns import LARGEST, Row, columns, complete, from_record, kinds, read_value, to_text
from mixbench.tables.rows import SCHEMA

Texts = Sequence[str]
_MOST_KNOWN = 50_000
"""Texts of a column that are remembered."""


class SoundColumns:
    """Judges the rows of a table by column, and remembers the texts that it has seen."""

    def __init__(self, row_type: type[Row]) -> None:
        self.row_type = row_type
        self.names = list(columns(row_type))
        self._known: dict[str, set[str]] = {name: set() for name in self.names}
        self._agreeing: set[tuple[str, ...]] = set()
        self._refining = [name for name, column in columns(row_type).items() if column.refines]

    def are_sound(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether every one of some rows, each with a text for every column, is certain to be sound."""
        with suppress(ValueError):
            by_column = dict(zip(self.names, zip(*rows, strict=True), strict=True))
            return all(self._is_sound(name, texts) for name, texts in by_column.items()) and self._agree(by_column, rows)
        return False

    def _is_sound(self, name: str, texts: Texts) -> bool:
        if float in kinds(self.row_type, name):
            return self._are_numbers(name, texts)
        known = self._known[name]
        for text in set(texts) - known:
            value = read_value(self.row_type, name, text)
            if to_text(value) != text:
                return False
            if len(known) < _MOST_KNOWN:
                known.add(text)
        return name != "schema" or all(int(text) <= SCHEMA for text in set(texts))

    def _are_numbers(self, name: str, texts: Texts) -> bool:
        numbers = [float(text) for text in texts if text]
        if len(numbers) < len(texts) and NoneType not in kinds(self.row_type, name):
            return False
        if not numbers:
            return True
        least, most = min(numbers), max(numbers)
        positive = columns(self.row_type)[name].positive
        # a sum shows a NaN, which a minimum may not
        return math.isfinite(sum(numbers)) and least >= -LARGEST and most <= LARGEST and not (positive and least <= 0)

    def _agree(self, by_column: Mapping[str, Texts], rows: Sequence[Sequence[str]]) -> bool:
        """Whether the columns of each row agree with each other."""
        for name in self._refining:
            older = columns(self.row_type)[name].refines.older  # type: ignore[union-attr]
            for pair in set(zip(by_column[older], by_column[name], strict=True)) - self._agreeing:
                if not pair[1]:
                    return False
                complete(self.row_type, {older: read_value(self.row_type, older, pair[0]), name: pair[1]})
                self._agreeing.add(pair)
        for place, status in enumerate(by_column.get("status", ())):
            if status != "ok":
                from_record(self.row_type, dict(zip(self.names, rows[place], strict=True)))
        return True
