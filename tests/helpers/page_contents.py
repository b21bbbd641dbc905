"""Contents of a page as the sections make them, with names of mixers that try to be markup."""

from __future__ import annotations

from html import escape

from mixbench.reports.contents import Cell, Chart, Contents, Download, Section, Table

HOSTILE = (
    "mine.py:<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    """<!--"'`${alert(3)}%{x}&lt;&amp;""",
    "مرحبا‮abc",
    "🦊\u2028$x$",
)
MIXERS = ("attention", "fnet", *HOSTILE)
COLOURS = ("#000000", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#332288", "#7f7f7f")
LOOK = {"symbol": "square", "dash": "5px,2px"}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="150" fill="currentColor"><text y="20">static</text></svg>'
LATENCIES = (3.0, 20.0, None, 100.0, 0.5, 7.0, 1.0)


def chart(name: str) -> Chart:
    traces = [
        {
            "type": "scatter",
            "x": [64, 128],
            "y": [place + 1.0, place + 2.0],
            "name": escape(mixer, quote=False),
            "legendgroup": mixer,
            "line": {"color": colour},
            "hovertemplate": "%{fullData.name}: %{y} ms<extra></extra>",
        }
        for place, (mixer, colour) in enumerate(zip(MIXERS, COLOURS, strict=True))
    ]
    axes = {"xaxis": {"type": "log", "title": {"text": "tokens"}}, "yaxis": {"title": {"text": "ms"}}}
    return Chart(name, f"Figure {name}", "Medians <of> launches.", traces, {"height": 320, "showlegend": True, **axes}, SVG)


def table() -> Table:
    cells = [
        Cell("oom", None, "failed: oom") if value is None else Cell(f"{value:g} ±5%", value, "disturbed" if value == 7 else "")
        for value in LATENCIES
    ]
    rows = [[Cell(mixer), cell] for mixer, cell in zip(MIXERS, cells, strict=True)]
    return Table("latency", "Latency", ["mixer", "64 tokens, ms"], rows, ["±: 95 % intervals."])


CSV = 'mixer,ms\n"é, <b>",1.5\n'


def contents() -> Contents:
    """Two studies with a figure each, a table with a failed and a disturbed cell, and data to save."""
    return Contents(
        title="Costs of <b>mixers</b> & others",
        question="Which one is cheaper?",
        answers=["fnet is 2 (1.9–2.1) times as fast as attention."],
        sections=[
            Section(
                "speed", "Speed", ["fnet is faster."], [chart("latency")], [table()], ["Wall time."], [Download("a b.csv", CSV)]
            ),
            Section("tuning", "Tuning", ["fnet needs ≥ 20 trials."], [chart("trials")]),
        ],
        looks={mixer: {"color": colour, **LOOK} for mixer, colour in zip(MIXERS, COLOURS, strict=True)},
        commands=["mixbench speed --mixer '<b>'"],
        machines=["Example CPU, 4 cores"],
        warnings=["1 cell failed: oom"],
    )
