"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("mlp-mixer", {"hidden": "5"}, 3, 7),
    ("gmlp", {"hidden": "6"}, 3, 7),
    ("hypermixer", {"hidden": "5"}, 3, 7),
    ("hypermixer", {"hidden": "9", "tied": "true", "grouping": "as-written"}, 7, 5),
    ("hypermixer", {"hidden": "9", "tied": "true", "bias": "true", "grouping": "regrouped"}, 7, 5),
    ("hypermixer", {"hidden": "6", "heads": "3", "bias": "true", "grouping": "as-written"}, 4, 9),
    ("hypermixer", {"hidden": "6", "heads": "3", "bias": "true", "grouping": "regrouped"}, 4, 9),
    ("hypermixer", {"heads": "2", "tied": "true", "bias": "true", "positions": "learned"}, 5, 6),
    ("hypermixer", {"positions": "none"}, 5, 6),
    ("hypermixer", {"scale": "false"}, 5, 6),
    ("hypermixer", {"positions": "none", "scale": "false", "layer-norm": "false", "grouping": "regrouped"}, 5, 6),
    *[("monarch", {}, tokens, 3) for tokens in (2, 9, 10)],
]
