"""Contents as one HTML file: it loads nothing, and is readable without scripts. The files of its form are in `page_parts`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError
from mixbench.reports.charts.symbols import outline
from mixbench.reports.contents import Chart, Contents, Download, Section, Table
from mixbench.reports.packing import packed, packed_json
from mixbench.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

_PARTS = Path(__file__).parent / "page_parts"
_STYLES = ("style.css", "tables.css", "print.css")
_SCRIPTS = ("colours.js", "store.js", "mixers.js", "charts.js", "tables.js", "start.js")
_MOST_STATIC = 400_000
"""Characters of static figures that a page has as they are. Those of further figures are compressed, for print alone."""
_WIDE, _GAP, _WRAPPED = 100, 3, 12
"""Tables that are wider, in letters with a gap for each column, are printed across: numbers do not wrap, words do."""
_PROSE, _LONG = 36, 160
"""Longer entries of tables are lines of text that need some width, or most of that of a narrow window."""
_TOGETHER = re.compile(r"(?<=\d) (?=\d{3}(?!\d))|(?<=[≤≥<>±]) (?=\d)|(?<=\d) (?=%)")
"""Spaces within a number, at which a line must not end."""
_VERDICT = re.compile(r"(Supported|Contradicted|Undecided): ")
"""What the sentence on a claim begins with."""
_NEEDED = ("jinja2", "plotly")


@dataclass(frozen=True)
class _Column:
    """A column of a table: whether it holds numbers, by which it is then sorted."""

    heading: str
    numeric: bool


def require_packages() -> None:
    """Raise RequestError if the packages of the extra `report` are missing."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise RequestError(f"a report needs {' and '.join(missing)}", "Install it with: pip install 'mixbench[report]'.")


def page_of(contents: Contents) -> str:
    """The page as text. Raises RequestError if the packages of the extra `report` are missing."""
    require_packages()
    from plotly.offline import get_plotlyjs

    charts = [chart for section in contents.sections for chart in section.charts]
    downloads = [download for section in contents.sections for download in section.downloads]
    inline = _inline(charts)
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=contents,
            styles=_joined(_STYLES),
            scripts=_joined(_SCRIPTS),
            plotly=packed(get_plotlyjs()) if charts else "",
            inline=inline,
            statics=packed_json({chart.name: chart.svg for chart in charts if chart.name not in inline}),
            charts=packed_json({chart.name: {"traces": chart.traces, "layout": chart.layout} for chart in charts}),
            downloads=packed_json({download.file: download.text for download in downloads}),
            version=__version__,
        )
    )


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals |= {"columns": _columns, "outline": outline}
    made.globals |= {"size": _size, "is_wide": _is_wide, "prose": _PROSE, "long": _LONG, "answers_below": _answers_below}
    made.filters |= {"together": _together, "verdict": _verdict}
    return made


def _joined(names: Sequence[str]) -> Any:
    """Files that are part of the program, for the page as they are."""
    from markupsafe import Markup

    return Markup("\n".join((_PARTS / name).read_text(encoding="utf-8") for name in names))


def _inline(charts: Sequence[Chart]) -> set[str]:
    """The first figures, whose static forms the page has room for."""
    ends = accumulate(len(chart.svg) for chart in charts)
    return {chart.name for chart, end in zip(charts, ends, strict=True) if end <= _MOST_STATIC and chart.svg}


def _columns(table: Table) -> list[_Column]:
    return [
        _Column(heading, any(place < len(row) and row[place].value is not None for row in table.rows))
        for place, heading in enumerate(table.headings)
    ]


def _is_wide(table: Table) -> bool:
    headings = [max(heading.split(), key=len, default="") for heading in table.headings]
    lines = [headings, *([cell.text for cell in row] for row in table.rows)]
    longest = [max(len(line[place]) for line in lines if place < len(line)) for place in range(len(table.headings))]
    taken = [
        letters if column.numeric else min(letters, _WRAPPED) for letters, column in zip(longest, _columns(table), strict=True)
    ]
    return sum(letters + _GAP for letters in taken) > _WIDE


def _answers_below(page: Contents, section: Section) -> list[str]:
    """The sentences that a section begins with: those that the top of the page has directly above are not repeated."""
    if len(page.sections) > 1 and section is not page.sections[0]:
        return [*section.answers]
    return [answer for answer in section.answers if answer not in page.answers]


def _together(text: str) -> str:
    return _TOGETHER.sub("\N{NO-BREAK SPACE}", text)


def _verdict(answer: str) -> tuple[str, str]:
    """The verdict on a claim that a sentence begins with, if any, and the rest."""
    found = _VERDICT.match(answer)
    return (found[0], answer[found.end() :]) if found else ("", answer)


def _size(download: Download) -> str:
    count = len(download.text.encode(errors="replace"))
    return f"{count / 1000:,.0f} kB" if count >= 1000 else f"{count} bytes"
