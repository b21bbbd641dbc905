"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("linear-attention", {"heads": "1"}, 5, 6),
    ("linear-attention", {"heads": "3"}, 5, 9),
    ("linear-attention", {"heads": "1", "causal": "true"}, 67, 6),
    ("performer", {"heads": "1", "features": "5"}, 5, 6),
    ("performer", {"heads": "1", "features": "7", "causal": "true"}, 67, 3),
    ("cosformer", {"heads": "1"}, 5, 6),
    ("linformer", {"heads": "1", "rank": "3"}, 5, 6),
    ("nystromformer", {"heads": "1", "landmarks": "3"}, 7, 6),
    ("nystromformer", {"heads": "2", "landmarks": "4"}, 8, 6),
    ("based", {"heads": "1", "features": "3", "window": "9"}, 67, 6),
    ("synthesizer", {"heads": "1"}, 5, 6),
    ("synthesizer", {"kind": "random"}, 5, 8),
    ("synthesizer", {"kind": "random", "heads": "1"}, 7, 6),
    ("aft", {"kind": "full"}, 4, 6),
    ("aft", {"kind": "full"}, 7, 5),
    ("aft", {"causal": "true"}, 130, 6),
]
