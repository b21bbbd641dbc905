"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("min-gru", {}, 3, 6),
    ("min-gru", {}, 64, 6),
    ("min-gru", {}, 33, 5),
    ("lstm", {}, 9, 5),
    ("s4d", {"state": "2"}, 17, 3),
    ("s4d", {"state": "6"}, 5, 6),
    ("retention", {"heads": "1"}, 5, 6),
    ("retention", {"chunk": "4"}, 12, 8),
    ("retention", {"chunk": "4", "heads": "2"}, 9, 8),
    ("retention", {"chunk": "1"}, 5, 8),
    ("gated-linear-attention", {"heads": "1"}, 5, 6),
    ("gated-linear-attention", {"heads": "2"}, 70, 8),
    ("mamba2", {"state": "3", "head": "4"}, 9, 6),
    ("mamba2", {"expand": "1", "state": "5", "head": "2", "conv": "3"}, 70, 4),
    ("mamba2", {"conv": "1", "state": "1", "head": "1"}, 5, 2),
    ("mlstm", {"heads": "1"}, 5, 6),
    ("mlstm", {"heads": "3"}, 70, 9),
]
