"""What `detail` says of a row that is ok: a count is only a lower bound, or unknown; the calls change what they should not."""

from __future__ import annotations

from collections.abc import Iterable

SEPARATOR = "; "
"""Between the remarks of `detail`."""
CHANGES_INPUT = "it changes its input in place"
HOLDS_MORE = "it holds more memory after every call"
REMEMBERS = "it does less work for an input that it has seen before"
BACKWARD = "gradients come from backward(), because the code does not support torch.autograd.grad"
BREAKS = "it fails its contract"
"""How the remark begins on a mixer that is measured all the same."""
ALONE = "measured alone, because"
CHANGED = "it changed "
OF_A_PROCESS = (ALONE, CHANGED)
"""How the remarks begin that hold for one process only."""
_SPECIAL = (CHANGES_INPUT, HOLDS_MORE, REMEMBERS, BACKWARD, BREAKS, *OF_A_PROCESS)
_LOWER_BOUND = "is a lower bound"
_UNKNOWN = "is unknown"


def lower_bound(metric: str, unseen: Iterable[str]) -> str:
    """The remark on a count that lacks the products which these operators, or other work, may hide."""
    return f"{metric} {_LOWER_BOUND}: it leaves out {', '.join(unseen)}"


def unknown(metric: str, reason: str) -> str:
    """The remark on a count that could not be taken."""
    return f"{metric} {_UNKNOWN}: {_in_one(reason)}"


def remark(metric: str, text: str) -> str:
    """The remark on how a metric was found, or on why it is missing; `notes_in` finds it."""
    return f"{metric}: {_in_one(text)}"


def one_by_one(reason: str) -> str:
    """The remark on a run on a GPU whose steps Python launched one by one."""
    return remark("train_seconds", f"its steps ran one by one, not as a CUDA graph: {reason}")


def breaks(fault: str) -> str:
    """The remark on a mixer that fails a check of its contract."""
    return f"{BREAKS}: {_in_one(fault)}"


def alone(reason: str) -> str:
    """The remark on a cell that has a process of its own."""
    return f"{ALONE} {_in_one(reason)}"


def bound_in(detail: str, metric: str) -> str:
    """The remark that a metric is only a lower bound; empty where it is exact or not a count of operators."""
    return _first(detail, f"{metric} {_LOWER_BOUND}")


def unknown_in(detail: str, metric: str) -> str:
    """The remark that a count could not be taken; empty where it was."""
    return _first(detail, f"{metric} {_UNKNOWN}")


def notes_in(detail: str, metric: str) -> list[str]:
    """The remarks on how a metric was found."""
    return [remark for remark in detail.split(SEPARATOR) if remark.startswith(f"{metric}: ")]


def special_in(detail: str) -> list[str]:
    """The remarks on what is special about a mixer's calls, or about the process in which it was measured."""
    return [remark for remark in detail.split(SEPARATOR) if remark.startswith(_SPECIAL)]


def _in_one(text: str) -> str:
    """A text that stays one remark among others."""
    return text.replace(SEPARATOR, ", ")


def _first(detail: str, beginning: str) -> str:
    return next((remark for remark in detail.split(SEPARATOR) if remark.startswith(beginning)), "")
