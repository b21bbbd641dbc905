"""The text of `mixbench verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MARKS = {"pass": "ok", "fail": "FAIL", "skip": "-"}


def verify_text(verdicts: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    """A line per mixer and one per check: outcome, name and, where there is one, the reason."""
    lines: list[str] = []
    for name, checks in verdicts.items():
        lines.append(name)
        for check in checks:
            detail = f"  {check['detail']}" if check["detail"] else ""
            lines.append(f"  {MARKS[check['outcome']]:<5} {check['name']}{detail}")
    return "".join(f"{line}\n" for line in lines)
