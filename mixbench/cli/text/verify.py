"""The text of `mixbench verify`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

MARKS = {"pass": "ok", "fail": "FAIL", "skip": "-"}
_INDENT = 8 * " "


def verify_text(verdicts: Mapping[str, Sequence[Mapping[str, str]]], width: int | None) -> str:
    """A line per mixer and one per check: outcome, name and, where there is one, the reason.

    Lines wrap between words at `width`; None: they do not.
    """
    return "".join(f"{part}\n" for line in _lines(verdicts) for part in _wrapped(line, width))


def _lines(verdicts: Mapping[str, Sequence[Mapping[str, str]]]) -> Iterator[str]:
    for name, checks in verdicts.items():
        yield name
        for check in checks:
            detail = f"  {check['detail']}" if check["detail"] else ""
            yield f"  {MARKS[check['outcome']]:<5} {check['name']}{detail}"


def _wrapped(line: str, width: int | None) -> list[str]:
    if width is None or len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)
