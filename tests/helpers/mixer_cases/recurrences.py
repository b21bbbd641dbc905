"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("min-gru", {}, 3, 6),
    ("min-gru", {}, 64, 6),
    ("min-gru", {}, 33, 5),
    ("lstm", {}, 9, 5),
    ("retention", {"heads": "1"}, 5, 6),
    ("retention", {"chunk": "4"}, 12, 8),
    ("retention", {"chunk": "4", "heads": "2"}, 9, 8),
    ("retention", {"chunk": "1"}, 5, 8),
]
