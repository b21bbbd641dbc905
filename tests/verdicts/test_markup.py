"""Whatever a label or a message holds, Markdown and LaTeX show it as it is."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from mixbench.verdicts.markup import latex, markdown_row

HOSTILE = r"""my_file|a&b%c#d$e~f^g{h}i\j"k`l<m>n--o 5·6≥7–8…é中"""


def test_markdown_shows_a_text_as_it_is() -> None:
    shown = MarkdownIt("commonmark").enable("table").parse(f"| a | b |\n| --- | --- |\n{markdown_row(HOSTILE, 'x')}")
    texts = [token.children for token in shown if token.type == "inline" and token.children]
    assert "".join(child.content for child in texts[2]) == HOSTILE


def test_latex_has_no_special_character_left() -> None:
    text = latex(HOSTILE)
    assert text == (
        r"my\_file\textbar{}a\&b\%c\#d\$e$\sim$f\textasciicircum{}g\{h\}i\textbackslash{}j''k\`{}l\textless{}m\textgreater{}n"
        r"-{}-o 5$\cdot$6$\geq$7--8\dots{}é(U+4E2D)"
    )
    assert not re.search(r"(?<!\\)[&%#_]", text)
    assert latex("two\nlines\x1b") == "two lines(U+001B)"
