"""Whether a mixer comes near the best rates of its device and, where it does not, whether torch.compile makes it faster."""

from __future__ import annotations

from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.words import number

NAME = "comes near a best rate of the device"
_NOTICEABLE = 1.05
"""Times the speed from which one way of calling is named the faster one."""


def judge(eager: CellSummary, compiled: CellSummary | None = None) -> dict[str, str]:
    """A check as `mixbench.verify` returns it: pass where memory or products bound the mixer, else skip.

    `compiled` is the same mixer compiled, where that was tried.
    """
    if eager.time_ms is None:
        return not_timed(eager.detail if eager.status != "ok" else "it gives the device nothing to do")
    shape = f"({eager.context.batch}, {eager.tokens}, {eager.context.width}) in {eager.context.dtype}"
    found = f"{number(eager.time_ms.point)} ms at {shape}: {_shares(eager)}"
    if eager.bound_by in ("memory", "compute"):
        return _check("pass", f"{found}: bound by {eager.bound_by}")
    return _check("skip", f"{found}; {_advice(eager.time_ms.point, compiled)}" if compiled else found)


def not_timed(reason: str) -> dict[str, str]:
    """The check of a mixer that was not timed."""
    return _check("skip", f"not timed: {reason}")


def _check(outcome: str, detail: str) -> dict[str, str]:
    return {"name": NAME, "outcome": outcome, "detail": detail}


def _shares(cell: CellSummary) -> str:
    shares = ((cell.share_of_peak, "FLOP/s"), (cell.share_of_bandwidth, "bandwidth"))
    known = [f"{number(100 * share)} % of the {name}" for share, name in shares if share is not None]
    return ", ".join(known) or "shares of the best rates are unknown"


def _advice(eager_ms: float, compiled: CellSummary) -> str:
    if compiled.time_ms is None:
        return f"torch.compile fails: {compiled.detail}"
    gain = eager_ms / compiled.time_ms.point
    if gain >= _NOTICEABLE:
        return f"torch.compile is {gain:.2f} times as fast; use --execution compiled"
    if gain <= 1 / _NOTICEABLE:
        return f"torch.compile takes {1 / gain:.2f} times as long; use --execution eager"
    return "torch.compile makes no difference"
