"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    (name, *case)
    for name in ("delta-net", "gated-delta-net", "kimi-delta", "rwkv7")
    for case in (({"heads": "1"}, 9, 6), ({"heads": "2"}, 130, 4))
]
