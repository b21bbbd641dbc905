"""The arrangement of panels by what they differ in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

QUANTITY = "quantity"
"""The words of a panel that the label of its axis repeats."""


@dataclass(frozen=True)
class Place:
    """Where a panel stands: its row and column, its title, and what its row has in common."""

    row: int
    column: int
    title: str = ""
    side: str = ""


def arrange(panels: Sequence[Mapping[str, str]], most: int, most_in_line: int) -> list[Place]:
    """Places for panels by their words: rows and columns where two fields vary, else lines of at most `most_in_line`.

    In a grid, the last fields that fit next to each other are the columns, the fields before them the rows.
    """
    varying = [name for name in dict.fromkeys(field for words in panels for field in words) if _varies(panels, name)]
    for split in range(1, len(varying)):
        sides, titles = (
            [tuple(words.get(name, "") for name in names) for words in panels] for names in (varying[:split], varying[split:])
        )
        rows, columns = list(dict.fromkeys(sides)), list(dict.fromkeys(titles))
        empty = len(rows) * len(columns) - len(panels)
        if 1 < len(columns) <= most and len(rows) > 1 and empty < min(len(rows), len(columns)):
            top = {
                title: min(rows.index(side) for side, there in zip(sides, titles, strict=True) if there == title)
                for title in columns
            }
            return [
                Place(
                    rows.index(side),
                    columns.index(title),
                    _joined(words, varying[split:]) if rows.index(side) == top[title] else "",
                    _joined(words, [name for name in varying[:split] if name != QUANTITY]),
                )
                for side, title, words in zip(sides, titles, panels, strict=True)
            ]
    lines = math.ceil(len(panels) / most_in_line)
    columns_in_line = math.ceil(len(panels) / lines) if panels else 1
    return [Place(*divmod(place, columns_in_line), _joined(words, varying)) for place, words in enumerate(panels)]


def _varies(panels: Sequence[Mapping[str, str]], name: str) -> bool:
    return len({words.get(name) for words in panels}) > 1


def _joined(words: Mapping[str, str], names: Sequence[str]) -> str:
    return " · ".join(words[name] for name in names if words.get(name))
