"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("mean-pooling", {"causal": "true"}, 32, 5),
    ("mean-pooling", {"causal": "true"}, 33, 5),
    ("summary-mixing", {}, 5, 3),
    ("summary-mixing", {"causal": "true"}, 70, 3),
    ("shared-vector", {"hidden": "5"}, 3, 7),
    ("pool-former", {"window": "1"}, 5, 6),
    ("pool-former", {"window": "5"}, 7, 3),
    ("pool-former", {"window": "9"}, 4, 3),
]
