"""Files that CI services read, from a results folder or a comparison: texts by file name, one function per format.

The formats follow their documentation: job summaries at docs.github.com, JUnit as GitLab and Jenkins parse it,
customSmallerIsBetter and customBiggerIsBetter of github-action-benchmark, the Bencher Metric Format of bencher.dev.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from mixbench.stats import Interval
from mixbench.tables.rows import TABLES
from mixbench.verdicts.gate.comparison import ADVICE, Judgement
from mixbench.verdicts.gate.measures import Measure
from mixbench.verdicts.gate.report import STATES, Entry, Report, report
from mixbench.verdicts.markup import markdown, markdown_row, printable
from mixbench.verdicts.speed.blocks import DISTURBED

__all__ = ["FORMATS", "Report", "report"]

SUMMARY_BYTES = 1_000_000
"""GitHub refuses a job summary above 1 MiB."""
_VERDICTS = ("", "| verdict | cell | change | why |", "| --- | --- | --- | --- |")
_BENCHER = {"latency_ms": ("latency", 1_000_000), "tokens_per_s": ("throughput", 1)}
"""Metrics for which Bencher has its own names, and how many of its units make one of ours."""
_BENCHER_ON_GPU = {**_BENCHER, "latency_ms": ("latency_ms", 1), "device_ms": ("latency", 1_000_000)}
"""The same of a cell with device time, which is the time that is judged."""


@dataclass(frozen=True)
class _Part:
    """Lines whose rows may be cut."""

    before: Sequence[str]
    rows: Sequence[str]
    after: Sequence[str] = ()


def _markdown(report: Report) -> dict[str, str]:
    entries = report.entries
    same = [entry for entry in entries if entry.state == "same"]
    notable = [entry for entry in entries if entry.state not in ("same", "measured")]
    folding = ("", "<details>", f"<summary>{len(same):,} the same</summary>", *_VERDICTS)
    parts = [
        _Part(_VERDICTS, [_entry_row(entry) for entry in notable]),
        *(_value_table(study, report.measures) for study in TABLES if not report.comparison),
        _Part(folding, [_entry_row(entry) for entry in same], ("", "</details>")),
        _advice(report),
        _Part(("",), [f"- {markdown(remark)}" for remark in (*_marks(report), *report.remarks)]),
    ]
    heading = _Part((f"## mixbench: {markdown(report.title)}", "", _headline(report)), ())
    return {"summary.md": _cut([heading, *(part for part in parts if part.rows)])}


def _advice(report: Report) -> _Part:
    """The times relative to the baseline that were measured on different machines."""
    advice = report.comparison.advice if report.comparison else ()
    rows = [_entry_row(Entry(cell.name, cell.verdict, cell.detail, cell)) for cell in advice]
    return _Part(("", ADVICE, *_VERDICTS), rows)


def _marks(report: Report) -> list[str]:
    """What the mark of a value means that the tables have."""
    shown = not report.comparison and any(measure.disturbed for measure in report.measures)
    return [f"!: {DISTURBED}"] if shown else []


def _value_table(study: str, measures: Sequence[Measure]) -> _Part:
    """A row per cell of a study, a column per metric."""
    cells: dict[str, dict[str, Measure]] = {}
    for measure in measures:
        if _study(measure.cell) == study:
            cells.setdefault(measure.cell, {})[measure.metric] = measure
    units = {measure.metric: measure.unit for values in cells.values() for measure in values.values()}
    head = markdown_row("cell", *(f"{name} ({unit})" for name, unit in units.items()))
    rows = [markdown_row(cell, *(_value(values.get(name)) for name in units)) for cell, values in cells.items()]
    return _Part(("", head, f"| --- |{' ---: |' * len(units)}"), rows)


def _headline(report: Report) -> str:
    counts = Counter(entry.state for entry in report.entries)
    counted = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state]) or "no cells"
    if report.comparison and not report.comparison.comparable:
        return f"**{'Only advice' if report.comparison.advice else 'Nothing comparable'}**: {counted}."
    undecided = report.passes and counts["undecided"]
    return f"**{'Undecided' if undecided else 'Passes' if report.passes else 'Fails'}**: {counted}."


def _cut(parts: Sequence[_Part]) -> str:
    """All lines except the rows that no longer fit, and a line that says how many were left out."""
    note = "\nLeft out to stay below 1 MiB: {:,} lines. `--format json` has everything."
    room = (
        SUMMARY_BYTES - _size(note.format(10**9)) - sum(_size(line) for part in parts for line in (*part.before, *part.after))
    )
    lines: list[str] = []
    dropped = 0
    for part in parts:
        kept = []
        for row in part.rows:
            room -= _size(row)
            kept += [row] if room >= 0 else []
        dropped += len(part.rows) - len(kept)
        lines += [*part.before, *kept, *part.after]
    return "\n".join([*lines, *([note.format(dropped)] if dropped else []), ""])


def _size(line: str) -> int:
    return len(line.encode()) + 1


def _entry_row(entry: Entry) -> str:
    return markdown_row(entry.state, entry.cell, _change(entry), entry.reason)


def _number(value: float) -> str:
    """Four significant digits, whole numbers in full."""
    return f"{value:.0f}" if value == int(value) else f"{float(f'{value:.4g}'):.12g}"


def _value(measure: Measure | None) -> str:
    if measure is None:
        return ""
    low, high = measure.low, measure.high
    mark = "! " if measure.disturbed else ""
    return mark + _number(measure.value) + ("" if low is None or high is None else f" ({_number(low)} to {_number(high)})")


def _study(cell: str) -> str:
    return cell.partition(" · ")[0]


def _change(entry: Entry) -> str:
    """The change of the metric that decides."""
    leading = entry.compared.leading if entry.compared else None
    return f"{leading.words} {_percent(leading.change)}" if leading and leading.change else ""


def _percent(change: Interval) -> str:
    """`+12 % (+10 to +14)`, three significant digits."""
    point, *bounds = (
        None if share is None else f"{float(f'{100 * share:.3g}'):+g}" for share in (change.point, change.low, change.high)
    )
    return f"{point} %" + ("" if None in bounds else f" ({bounds[0]} to {bounds[1]})")


def _json(report: Report) -> dict[str, str]:
    plain: dict[str, Any] = {
        "title": report.title,
        "measures": [dataclasses.asdict(measure) for measure in report.measures],
        "failures": [fault._asdict() for fault in report.failures],
        "unmeasured": [fault._asdict() for fault in report.unmeasured],
        "comparison": report.comparison and dataclasses.asdict(report.comparison),
        "remarks": report.remarks,
    }
    if report.comparison:
        for part in ("cells", "advice"):
            for cell, whole in zip(plain["comparison"][part], getattr(report.comparison, part), strict=True):
                cell |= {"name": whole.name, "verdict": whole.verdict}
    return {"mixbench.json": _dump({**plain, "passes": report.passes})}


def _dump(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _junit(report: Report) -> dict[str, str]:
    entries = report.entries
    counts = Counter(STATES[entry.state] for entry in entries)
    whole = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        whole,
        "testsuite",
        name=printable(f"mixbench {report.title}"),
        tests=str(len(entries)),
        failures=str(counts["failure"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
        time="0",
    )
    for entry in entries:
        name = printable(entry.cell)
        case = ElementTree.SubElement(suite, "testcase", classname=f"mixbench.{_study(name)}", name=name, time="0")
        if kind := STATES[entry.state]:
            # some readers show the message, others the text
            message = printable(": ".join(filter(None, (entry.state, _change(entry), entry.reason))))
            outcome = ElementTree.SubElement(case, kind, message=message, type=entry.state)
            judgements = (
                [judged for judged in entry.compared.judgements if judged.base or judged.head] if entry.compared else []
            )
            outcome.text = "\n".join((message, *map(_judgement_text, judgements)))
    ElementTree.indent(whole)
    return {"junit.xml": ElementTree.tostring(whole, encoding="utf-8", xml_declaration=True).decode() + "\n"}


def _judgement_text(judgement: Judgement) -> str:
    known = ((judgement.base, judgement.base_mark), (judgement.head, judgement.head_mark))
    sides = " → ".join("none" if side is None else f"{mark} {_number(side)}".strip() for side, mark in known)
    change = f", {_percent(judgement.change)}" if judgement.change else ""
    why = f" ({judgement.remark})" if judgement.base_mark or judgement.head_mark else ""
    return printable(f"{judgement.metric}: {judgement.verdict}, {sides}{change}{why}")


def _github_action_benchmark(report: Report) -> dict[str, str]:
    entries = [entry for entry in report.entries if entry.compared]
    states = {entry.cell: f"cell: {entry.state}" for entry in entries}
    verdicts = {
        (entry.cell, judged.name): judged.verdict for entry in entries if entry.compared for judged in entry.compared.judgements
    }

    def benchmark(measure: Measure) -> dict[str, Any]:
        entry: dict[str, Any] = {"name": f"{measure.cell} · {measure.metric}", "unit": measure.unit, "value": measure.value}
        if measure.low is not None and measure.high is not None:
            # the action reads a single number of at least two digits: the longer side of the interval
            entry["range"] = f"± {max(measure.high - measure.value, measure.value - measure.low):#.4g}"
        if measure.cell in states:
            entry["extra"] = verdicts.get((measure.cell, measure.metric), states[measure.cell])
        if measure.disturbed:
            entry["extra"] = "; ".join(filter(None, (entry.get("extra", ""), DISTURBED)))
        return entry

    return {
        f"benchmark-{word}-is-better.json": _dump(
            [benchmark(measure) for measure in report.measures if measure.better == better]
        )
        for better, word in (("lower", "smaller"), ("higher", "bigger"))
    }


def _bencher(report: Report) -> dict[str, str]:
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    on_gpu = {measure.cell for measure in report.measures if measure.metric == "device_ms"}
    for measure in report.measures:
        names = _BENCHER_ON_GPU if measure.cell in on_gpu else _BENCHER
        name, factor = names.get(measure.metric, (measure.metric, 1))
        values = {"value": measure.value, "lower_value": measure.low, "upper_value": measure.high}
        scaled = {key: factor * value for key, value in values.items() if value is not None}
        benchmarks.setdefault(measure.cell, {})[name] = scaled
    return {"bencher.json": _dump(benchmarks)}


FORMATS: dict[str, Callable[[Report], dict[str, str]]] = {
    "markdown": _markdown,
    "json": _json,
    "junit": _junit,
    "github-action-benchmark": _github_action_benchmark,
    "bencher": _bencher,
}
"""The formats by name: functions that make texts by file name from a report."""
