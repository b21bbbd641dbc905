"""What becomes of the work of a process that failed, or whose answer does not have the form that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mixbench.errors import one_line
from mixbench.execution import Died

Outcome = Mapping[str, Any]

UNUSABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
"""What is raised when rows are made of an answer that does not have its form."""


def failure_of(outcome: Died) -> Outcome:
    """Status and detail where the process died."""
    return {"status": outcome.cause, "detail": one_line(outcome.detail)}


def unusable(error: Exception) -> Outcome:
    """Status and detail where no rows can be made of the answer."""
    return {"status": "error", "detail": one_line(f"the measuring process returned an invalid answer: {error}")}
