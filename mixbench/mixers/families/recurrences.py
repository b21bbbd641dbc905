"""Recurrences."""

from __future__ import annotations

from mixbench.mixers.description import Family, Mixer

FAMILY = Family(
    "Recurrences",
    (
        Mixer(
            name="min-gru",
            summary="h ← (1 − z) h + z g(h̃), gates from the token alone, as a parallel scan",
            paper="Were RNNs All We Needed?, arXiv 2410.01201",
            target="mixbench.mixers.min_gru:MinGRU",
            flops=lambda tokens, width, **_: 4 * tokens * width**2,
            params=lambda width, **_: 2 * width**2 + 2 * width,
            always_causal=True,
            state="d",
        ),
        Mixer(
            name="lstm",
            summary="gates from the token and the output before it: torch's LSTM, which takes tokens one by one",
            paper="Long Short-Term Memory, Neural Computation 9(8), 1997",
            target="mixbench.mixers.lstm:LSTM",
            flops=lambda tokens, width, **_: 16 * tokens * width**2,
            params=lambda width, **_: 8 * width**2 + 8 * width,
            always_causal=True,
            state="2·d",
            traceable=False,
        ),
    ),
)
