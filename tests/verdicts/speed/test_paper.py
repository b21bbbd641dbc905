"""The table of speed for a paper: what is printed, as LaTeX that compiles and Markdown that renders."""

from __future__ import annotations

import re
from dataclasses import replace

from markdown_it import MarkdownIt
from synthetic import speed_rows

from mixbench.tables.remarks import CHANGES_INPUT, REMEMBERS
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.speed.paper import paper_tables, to_latex, to_markdown
from mixbench.verdicts.speed.summary import SpeedSummary, summarise

ENVIRONMENT = {"cpu": "A & B_1", "torch": "2.13.0", "gpus": ["GPU #1"]}
REASON = "needs 12 GiB & 5 % more_of it"
HOSTILE = "my_file.py:Mean|a&b%c#d"


def summary() -> SpeedSummary:
    """Three mixers of which one failed at one length, one has a label full of special characters and one is not paired."""
    failures = {("hypermixer", 128): ("oom", REASON)}
    rows, launches = speed_rows(("attention", "hypermixer", "none"), (64, 128, 256), failures=failures)
    alone, others = speed_rows(("fnet",), (64,), seed=1)
    alone = [replace(row, measured_at=f"2026{row.measured_at[4:]}") for row in alone]
    rows = [replace(row, mixer=HOSTILE, config="{}") if row.mixer == "none" else row for row in rows]
    return summarise([*rows, *alone], [*launches, *others])


def body(table: str) -> list[list[str]]:
    """The rows of a tabular as lists of their cells."""
    rows = re.findall(r"^    (.*) \\\\$", table, re.MULTILINE)
    return [re.split(r"(?<!\\)&", row) for row in rows]


def test_a_latex_table_has_the_numbers_that_speed_prints_with_intervals_and_marks() -> None:
    whole = summary()
    text = to_latex(paper_tables(whole, ENVIRONMENT))
    cells = {(cell.label, cell.tokens): cell for cell in whole.cells}
    rows = [[cell.strip() for cell in row] for row in body(text)]
    first = next(row for row in rows if row[0] == "attention, ms")
    for place, tokens in enumerate((64, 128, 256), 1):
        latency, ratio = cells["attention", tokens].latency_ms, cells["hypermixer", tokens].ratio
        assert latency
        assert first[place] == interval_text(latency)[0]
        assert ratio is None or interval_text(ratio)[1].strip().replace("–", "--") in text
    assert next(row for row in rows if row[0] == "hypermixer")[2] == "oom"
    assert next(row for row in rows if row[0].startswith("fnet"))[2:] == ["--", "--"]
    assert re.search(r"\\scriptsize \([\d.]+--[\d.]+\) \*", text), "the mark of an unpaired ratio"
    caption = re.search(r"\\caption\{(.*)\}$", text, re.MULTILINE)
    assert caption
    for words in (
        r"A \& B\_1",
        "torch 2.13.0",
        "width 64",
        r"95 \% intervals of the median over 5 launches",
        "*: measured in different processes",
        r"hypermixer at 128 tokens: oom: needs 12 GiB \& 5 \% more\_of it.",
    ):
        assert words in caption[1]


def test_every_row_has_as_many_cells_as_columns_and_braces_are_closed() -> None:
    for modes in (("inference",), ("inference", "training")):
        for tokens in ((64,), (64, 128)):
            rows, launches = speed_rows((f"{HOSTILE}", "attention"), tokens, modes=modes)
            text = to_latex(paper_tables(summarise(rows, launches), ENVIRONMENT))
            assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(modes)
            for table in text.split(r"\begin{table}")[1:]:
                spec = re.search(r"\\begin\{tabular\}\{(\w+)\}", table)
                assert spec
                plain = [row for row in body(table) if "multicolumn" not in row[-1]]
                assert {len(row) for row in plain} == {len(spec[1])}
            unescaped = re.sub(r"\\[{}\\]", "", text)
            assert unescaped.count("{") == unescaped.count("}")
            assert text.replace(r"\$", "").count("$") % 2 == 0


def test_a_markdown_table_renders_with_the_same_numbers() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(to_markdown(paper_tables(summary(), ENVIRONMENT)))
    cells = [token.children for token in tokens if token.type == "inline" and token.level > 2 and token.children]
    texts = ["".join(child.content for child in cell) for cell in cells]
    assert texts[:4] == ["mixer", "64 tokens", "128 tokens", "256 tokens"]
    assert "oom" in texts
    assert any("Mean|a&b%c#d" in text for text in texts)
    assert len(texts) == 4 * 5, "as many cells in every row"


def test_a_single_length_has_time_and_ratio_and_a_single_mixer_no_ratio() -> None:
    (both,) = paper_tables(summarise(*speed_rows(("attention", "fnet"), (64,), devices=("cuda",))), ENVIRONMENT)
    assert both.headings == ["device time, ms", "ratio", "wall time, ms"]
    assert both.rows[0][1].number == "1"
    assert "GPU #1" in both.caption[1]
    (alone,) = paper_tables(summarise(*speed_rows(("fnet",), (64,), launches=1)), {})
    assert alone.headings == ["latency, ms"]
    assert alone.caption[-1] == "One launch: no intervals."


def test_powers_of_ten_are_mathematics() -> None:
    rows, launches = speed_rows(
        ("attention", "none"), (64, 128), latency_ms=lambda mixer, *shape: 1e-6 if mixer == "none" else 1
    )
    assert r"$\times10^{-6}$" in to_latex(paper_tables(summarise(rows, launches), {}))


def test_a_caption_says_which_calls_take_much_longer_where_it_marks_a_number_for_them() -> None:
    rows, launches = speed_rows(("attention", "fnet", "none"), (64, 128), contended=0)
    rows = [replace(row, latency_ms=20 * row.latency_ms) if row.mixer == "fnet" and row.round == 7 else row for row in rows]
    rows = [replace(row, detail=f"{REMEMBERS}; {CHANGES_INPUT}") if row.mixer == "none" else row for row in rows]
    (table,) = paper_tables(summarise(rows, launches), {})
    caption = " ".join(table.caption)
    assert "^: some calls take much longer than others." in caption
    assert "fnet at 64 tokens: the mean call takes" in caption
    assert f"none: {REMEMBERS}." in caption
    assert CHANGES_INPUT not in caption
