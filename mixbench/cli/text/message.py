"""Messages to a user wrapped between words, but never inside a command or between an option and its value."""

from __future__ import annotations

import re
import textwrap

_WHOLE = re.compile(r"\bmixbench [a-z][^\n`]*?(?=[.,;:)]*(?:\s*$|[.,;:)] |`))|--[a-z][\w-]* [^-\s]\S*|\d %", re.MULTILINE)
"""What stays on one line: a command up to the end of its clause, an option with its value, a number with its unit."""
_GLUE = "\N{NO-BREAK SPACE}"


def fill_message(text: str, width: int, indent: str = "") -> str:
    """Lines of at most `width` characters where words and commands allow, each indented as its own line of the text is."""
    glued = _WHOLE.sub(lambda found: found[0].replace(" ", _GLUE), text)
    lines = []
    for line in glued.split("\n"):
        rest = line.lstrip()
        before = indent + line[: len(line) - len(rest)]
        filled = textwrap.wrap(
            rest, width, initial_indent=before, subsequent_indent=before, break_long_words=False, break_on_hyphens=False
        )
        lines += filled or [""]
    return "\n".join(lines).replace(_GLUE, " ")
