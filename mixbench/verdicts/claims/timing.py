"""Commands that time mixers as in some rows: at their lengths, or from a length on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mixbench.verdicts.cost.commands import timing_command
from mixbench.verdicts.labels import MixerKey, context_of


def timed_again(rows: Sequence[Any], mixers: Sequence[MixerKey], **changes: Any) -> str:
    """The command that times mixers as in the newest rows, at all their lengths."""
    newest = max(rows, key=lambda row: row.measured_at)
    alike = [row for row in rows if context_of(row) == context_of(newest)]
    return timing_command(mixers, alike, sorted({row.tokens for row in alike}), **changes)


def lengths_from(start: int) -> list[int]:
    """The lengths that are proposed from one on."""
    return [start, 2 * start, 4 * start]
