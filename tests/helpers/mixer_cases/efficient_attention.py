"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("linear-attention", {"heads": "1"}, 5, 6),
    ("linear-attention", {"heads": "3"}, 5, 9),
    ("linear-attention", {"heads": "1", "causal": "true"}, 131, 6),
    ("synthesizer", {"heads": "1"}, 5, 6),
    ("synthesizer", {"kind": "random"}, 5, 8),
    ("synthesizer", {"kind": "random", "heads": "1"}, 7, 6),
    ("aft", {"kind": "full"}, 4, 6),
    ("aft", {"kind": "full"}, 7, 5),
    ("aft", {"causal": "true"}, 130, 6),
]
