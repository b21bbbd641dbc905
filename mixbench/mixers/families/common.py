"""Options, constraints and closed forms that entries of several families share."""

from __future__ import annotations

from mixbench.parsing.option import Option, Value

HEADS = Option("heads", "count", 4, "parallel groups of channels")
CAUSAL = Option("causal", "flag", False, "each token sees only itself and earlier tokens")


def heads_divide(*, width: int, heads: int, hidden: int | None = None, **_: Value) -> str | None:
    """What is wrong if the heads do not divide the width, or the hidden size where there is one."""
    if width % heads:
        return f"{heads} heads do not divide the width"
    return f"{heads} heads do not divide hidden {hidden}" if hidden and hidden % heads else None


def even_heads_divide(*, width: int, heads: int, **_: Value) -> str | None:
    """The same for heads that are split in halves or in pairs of channels."""
    if fault := heads_divide(width=width, heads=heads):
        return fault
    return f"it needs an even number of channels per head, not {width // heads}" if width // heads % 2 else None


def projection_params(*, width: int, **_: Value) -> int:
    """Weights and biases that make queries, keys, values and the output of attention."""
    return 4 * width**2 + 4 * width
