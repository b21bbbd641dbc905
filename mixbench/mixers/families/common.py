"""Options and constraints that entries of several families share."""

from __future__ import annotations

from mixbench.parsing.option import Option, Value

HEADS = Option("heads", "count", 4, "parallel groups of channels")
CAUSAL = Option("causal", "flag", False, "a token sees itself and those before it")


def heads_divide(*, width: int, heads: int, hidden: int | None = None, **_: Value) -> str | None:
    """What is wrong if the heads do not divide the width, or the hidden size where there is one."""
    if width % heads:
        return f"{heads} heads do not divide the width"
    return f"{heads} heads do not divide hidden {hidden}" if hidden and hidden % heads else None
