"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("delta-net", {"heads": "1"}, 9, 6),
    ("delta-net", {"heads": "2"}, 130, 4),
]
