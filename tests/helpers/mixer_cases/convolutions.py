"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("fnet", {}, 1, 9),
    ("fnet", {}, 9, 1),
    ("fnet", {}, 6, 2),
    ("fnet", {}, 5, 7),
    *[("fnet", {"norm": "none"}, tokens, width) for tokens, width in ((1, 9), (9, 1), (6, 2), (5, 7))],
    *[("depthwise-conv", {"kernel": kernel}, 5, 6) for kernel in ("1", "4", "11")],
    *[("depthwise-conv", {"kernel": kernel, "causal": "true"}, 5, 6) for kernel in ("1", "4", "11")],
    ("shift", {}, 5, 3),
    ("shift", {}, 5, 9),
    *[("long-conv", {"causal": causal}, tokens, 3) for causal in ("true", "false") for tokens in (1, 2, 9, 33)],
    *[("gfnet", {}, tokens, 3) for tokens in (1, 2, 9)],
    ("hyena", {}, 5, 6),
    ("hyena", {"order": "4"}, 9, 3),
    ("hyena", {}, 2, 6),
]
