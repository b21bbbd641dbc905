"""Text as Markdown, LaTeX and XML show it: whatever a label or an error message holds."""

from __future__ import annotations

import re

_LATEX = {
    **{character: f"\\{character}" for character in "{}$&#%_"},
    "\\": r"\textbackslash{}",
    "~": r"$\sim$",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\`{}",
    "–": "--",
    "—": "---",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "±": r"$\pm$",
    "→": r"$\to$",
    "…": r"\dots{}",
    "µ": r"$\mu$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
}
_LETTERS = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
"""Letters beyond ASCII that every font of pdfLaTeX has."""


def markdown(text: str) -> str:
    """Text that Markdown shows as it is, on one line, even in a table."""
    return re.sub(r"([\\|`*_~$\[\]<>])", r"\\\1", " ".join(printable(text).split())).replace("&", "&amp;")


def markdown_row(*texts: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(map(markdown, texts))} |"


def latex(text: str) -> str:
    """Text that LaTeX shows as it is, on one line, even in a table; letters that pdfLaTeX may lack are named by their code."""
    # two hyphens would become a dash
    return "-{}-".join(map(_in_latex, text.split("--")))


def _in_latex(text: str) -> str:
    return "".join(_LATEX.get(each) or (each if " " <= each <= "~" or each in _LETTERS else _named(each)) for each in text)


def _named(character: str) -> str:
    return " " if character.isspace() else f"(U+{ord(character):04X})"


def printable(text: str) -> str:
    """Text that XML can hold: control characters and halves of surrogate pairs as escapes."""
    return re.sub("[^\t\n\r -~\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", lambda found: ascii(found[0]).strip("'"), text)
