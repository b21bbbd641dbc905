"""Further cases of the mixers of this family: name, options, tokens, width."""

from __future__ import annotations

CASES: list[tuple[str, dict[str, str], int, int]] = [
    ("attention", {"heads": "1"}, 5, 6),
    ("attention", {"heads": "3"}, 5, 9),
    ("attention", {"kv-heads": "2"}, 5, 8),
    ("attention", {"heads": "6", "kv-heads": "3", "causal": "true", "rotary": "true"}, 9, 24),
    ("attention", {"kv-heads": "1", "rotary": "true"}, 5, 16),
    ("sliding-window", {"window": "2"}, 5, 8),
    ("sliding-window", {"window": "2", "heads": "1"}, 83, 4),
    ("sliding-window", {"window": "2", "heads": "2", "causal": "true"}, 35, 4),
    ("sliding-window", {"window": "33", "heads": "1", "causal": "true"}, 60, 3),
    ("sliding-window", {"window": "33", "heads": "2"}, 96, 4),
    ("differential-attention", {"heads": "1"}, 5, 6),
    ("differential-attention", {"heads": "3", "causal": "true"}, 5, 12),
    ("latent-attention", {"heads": "1", "latent": "1"}, 5, 6),
    ("latent-attention", {"heads": "3", "latent": "7", "causal": "true"}, 5, 9),
]
