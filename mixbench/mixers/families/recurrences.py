"""Recurrences and state space models."""

from __future__ import annotations

from typing import Any

from mixbench.mixers.costs.decayed_sums import CHUNK, decayed_sums_flops, once_flops
from mixbench.mixers.costs.delta_rule import convolution_flops
from mixbench.mixers.costs.gated_sums import RANK, gated_sums_flops
from mixbench.mixers.costs.s4d import s4d_flops, s4d_training_flops
from mixbench.mixers.description import Family, Mixer
from mixbench.mixers.families.common import HEADS, even_heads_divide, heads_divide
from mixbench.parsing.option import Option, Value


def _retention_flops(*, tokens: int, width: int, heads: int, chunk: int, device: str, **_: Value) -> int:
    """Where the chunk C divides N tokens, 10Nd² + 4NCd + 4Nd·dh + 2(N/C)²d·dh; else as many tokens as whole chunks hold."""
    size = width // heads
    sizes: dict[str, int] = {"heads": heads, "features": size, "channels": size, "chunk": chunk}
    return 10 * tokens * width**2 + decayed_sums_flops(tokens, **sizes, device=device, carry_at_once=True)


def _retention_training_flops(*, tokens: int, width: int, heads: int, chunk: int, **call: Any) -> int:
    """The decays are fixed, so the product that makes the states before all chunks has one gradient, not two."""
    size = width // heads
    forward = _retention_flops(tokens=tokens, width=width, heads=heads, chunk=chunk, **call)
    return 3 * forward - heads * once_flops(tokens, size, size, chunk)


def _gated_linear_attention_flops(*, tokens: int, width: int, heads: int, **_: Value) -> int:
    size = width // heads
    projections = 2 * tokens * (width * (4 * width + RANK) + RANK * (width // 2))
    return projections + heads * gated_sums_flops(tokens, features=size // 2, channels=size)


def _mamba2_sizes(*, width: int, expand: int, state: int, head: int, **_: Value) -> tuple[int, int, int]:
    """Inner channels, heads, and channels that the convolution sees."""
    inner = expand * width
    return inner, inner // min(head, inner), inner + 2 * state


def _mamba2_flops(*, tokens: int, width: int, state: int, conv: int, device: str, **sizes: Any) -> int:
    inner, heads, seen = _mamba2_sizes(width=width, state=state, **sizes)
    projections = 2 * tokens * width * (inner + seen + heads + inner)
    sums = decayed_sums_flops(tokens, heads=heads, features=state, channels=inner // heads, device=device, groups=1)
    return projections + convolution_flops(tokens, seen, conv) + sums


def _mamba2_params(*, width: int, conv: int, **sizes: Any) -> int:
    inner, heads, seen = _mamba2_sizes(width=width, **sizes)
    return width * (inner + seen + heads + inner) + seen * (conv + 1) + 3 * heads + inner


def _head_divides(*, width: int, expand: int, head: int, **_: Value) -> str | None:
    inner = expand * width
    return f"head {head} does not divide {inner} inner channels" if inner % min(head, inner) else None


def _mlstm_flops(*, tokens: int, width: int, heads: int, device: str, **_: Value) -> int:
    """One channel more than the values have sums the weights."""
    size = width // heads
    projections = 2 * tokens * width * (5 * width + 2 * heads)
    return projections + decayed_sums_flops(tokens, heads=heads, features=size, channels=size + 1, device=device)


FAMILY = Family(
    "Recurrences and state space models",
    (
        Mixer(
            name="min-gru",
            summary="h ← (1 − z) h + z g(h̃) with gates from the current token alone, computed by a parallel scan",
            paper="Were RNNs All We Needed?, arXiv 2410.01201",
            target="mixbench.mixers.min_gru:MinGRU",
            flops=lambda tokens, width, **_: 4 * tokens * width**2,
            params=lambda width, **_: 2 * width**2 + 2 * width,
            always_causal=True,
            state="d",
        ),
        Mixer(
            name="lstm",
            summary="torch.nn.LSTM: gates depend on the previous output, so tokens are processed one after another",
            paper="Long Short-Term Memory, Neural Computation 9(8), 1997",
            target="mixbench.mixers.lstm:LSTM",
            flops=lambda tokens, width, **_: 16 * tokens * width**2,
            params=lambda width, **_: 8 * width**2 + 8 * width,
            always_causal=True,
            state="2·d",
            traceable=False,
        ),
        Mixer(
            name="s4d",
            summary="diagonal state space model h ← exp(ΔA) h + x, computed as an FFT convolution; followed by GELU and GLU",
            paper="On the Parameterization and Initialization of Diagonal State Space Models, arXiv 2206.11893",
            target="mixbench.mixers.s4d:S4D",
            options=(
                Option(
                    "state",
                    "size",
                    64,
                    "complex state size per channel; conjugate halves are not stored",
                ),
            ),
            flops=s4d_flops,
            training_flops=s4d_training_flops,
            params=lambda width, state, **_: 2 * width**2 + 4 * width + 2 * width * state,
            constraint=lambda state, **_: f"state {state} is odd; it must be even" if state % 2 else None,
            always_causal=True,
            state="d·state/2 complex",
            free="state",
        ),
        Mixer(
            name="retention",
            summary="linear attention S ← γS + kᵀv with a fixed decay per head; gated output",
            paper="Retentive Network, arXiv 2307.08621",
            target="mixbench.mixers.retention:Retention",
            options=(
                HEADS,
                Option("chunk", "count", CHUNK, "tokens per chunk of the parallel form: same result, different cost"),
            ),
            flops=_retention_flops,
            params=lambda width, **_: 5 * width**2 + 7 * width,
            training_flops=_retention_training_flops,
            always_causal=True,
            state="H·dh·dh",
            constraint=even_heads_divide,
        ),
        Mixer(
            name="gated-linear-attention",
            summary="linear attention S ← diag(α)S + kᵀv with a data-dependent decay per channel; gated output",
            paper="Gated Linear Attention, arXiv 2312.06635",
            target="mixbench.mixers.gated_linear_attention:GatedLinearAttention",
            options=(HEADS,),
            flops=_gated_linear_attention_flops,
            params=lambda width, heads, **_: 4 * width**2 + width * RANK + width // 2 * (RANK + 1) + width // heads,
            always_causal=True,
            state="H·(dh/2)·dh",
            constraint=even_heads_divide,
        ),
        Mixer(
            name="mamba2",
            summary="selective state space model S ← exp(ΔA)S + ΔBᵀx; short convolution, gated output",
            paper="Transformers are SSMs, arXiv 2405.21060",
            target="mixbench.mixers.mamba2:Mamba2",
            options=(
                Option("expand", "count", 2, "inner width relative to the width"),
                Option("state", "count", 64, "state size: channels of B and C"),
                Option("head", "count", 64, "inner channels per head; one head if there are fewer"),
                Option("conv", "count", 4, "kernel size of the short convolution"),
            ),
            flops=_mamba2_flops,
            params=_mamba2_params,
            always_causal=True,
            state="expand·d·state + (conv − 1)·(expand·d + 2·state)",
            free="state",
            constraint=_head_divides,
        ),
        Mixer(
            name="mlstm",
            summary="matrix memory C ← fC + ikvᵀ with an exponential input gate; its normalised readout is gated",
            paper="xLSTM, arXiv 2405.04517",
            target="mixbench.mixers.mlstm:MLSTM",
            options=(HEADS,),
            flops=_mlstm_flops,
            params=lambda width, heads, **_: 5 * width**2 + 7 * width + 2 * heads * (width + 1),
            always_causal=True,
            state="H·(dh·dh + dh + 1)",
            constraint=heads_divide,
        ),
    ),
)
