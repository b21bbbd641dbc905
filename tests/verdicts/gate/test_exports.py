import json
import re
from collections import Counter
from dataclasses import asdict, replace
from xml.etree import ElementTree

import jsonschema
import pytest
from markdown_it import MarkdownIt
from sample_rows import speed_row
from sample_version import measured
from synthetic import measured as folder_of
from synthetic import speed_rows
from synthetic_training import training_rows

from mixbench.stats import Interval
from mixbench.tables.remarks import lower_bound
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.comparison import CELL, STATUS, ComparedCell, Comparison, Judgement
from mixbench.verdicts.gate.exports import FORMATS, Report, report
from mixbench.verdicts.gate.measures import Failure, Measure

ONE_MIB = 2**20
CELL_LEVEL = 4
"""How deep the text of a table's cell lies in Markdown."""
HOSTILE = "a | b \\| c <i>&amp;</i> *x* `y` [z](u)\x1b[31m\x00\ud800\n</details> ]]> 5 $x$ ä 中"
"""Whatever an error message may hold."""
NAME_AND_NUMBER = {"name": {"type": "string", "minLength": 1}, "unit": {"type": "string"}, "value": {"type": "number"}}
GITHUB_ACTION_BENCHMARK = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": NAME_AND_NUMBER | {"range": {"type": "string"}, "extra": {"type": "string"}},
        "required": list(NAME_AND_NUMBER),
        "additionalProperties": False,
    },
}
"""What customSmallerIsBetter and customBiggerIsBetter read."""
BENCHER = {
    "type": "object",
    "propertyNames": {"minLength": 1, "maxLength": 1024},
    "additionalProperties": {
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": 64},
        "additionalProperties": {
            "type": "object",
            "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
            "required": ["value"],
            "additionalProperties": False,
        },
    },
}
"""The Bencher Metric Format: benchmarks, their measures, and the length of both names."""


def cell(mixer: str, verdict: str, detail: str = "", metric: str = "flops") -> ComparedCell:
    change = None if verdict in ("missing", "new", "broken") else Interval(0.1234, 0.05, 0.2)
    metric = {"missing": CELL, "new": CELL, "broken": STATUS}.get(verdict, metric)
    sides = (None, None) if change is None else (100.0, 112.34)
    return ComparedCell("speed", mixer, {"tokens": "64 tokens"}, (Judgement(metric, verdict, *sides, change),), detail)


def comparison_of(*cells: ComparedCell) -> Report:
    return Report("base → head", tuple, (), comparison=Comparison("base", "head", cells))


EVERY = ("broken", "missing", "slower", "undecided", "faster", "new", "same")


@pytest.fixture
def every() -> Report:
    """A cell of each verdict."""
    return comparison_of(*(cell(f"mixer {verdict}", verdict, "why") for verdict in EVERY))


@pytest.fixture
def folder() -> Report:
    """Both tables, with cells that failed and one that cannot run."""
    rows = [
        *speed_rows(["attention", "none"], [64, 128], failures={("attention", 128): ("oom", HOSTILE.translate(ONE_LINE))})[0],
        speed_row(environment="abc123", mixer="fnet", status="unsupported", detail="no half precision"),
        *training_rows(["hypermixer"], [250], score="accuracy", environment="abc123"),
    ]
    return report(measured(*rows))


ONE_LINE = {ord("\n"): " ", 0: None, 0xD800: None}
"""What a row may not hold."""


def text_of(made: Report, format: str) -> str:
    ((_, text),) = FORMATS[format](made).items()
    return text


def tables_of(markdown: str) -> list[list[str]]:
    """The cells of all rows below a heading as a reader shows them; what is no plain text is left out."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and token.level == CELL_LEVEL:
            rows[-1].append("".join(part.content for part in token.children or () if part.type.startswith("text")))
    return [row for row in rows if row[0] not in ("verdict", "cell")]


def test_a_summary_says_the_counts_and_what_becomes_of_them_in_one_sentence(every: Report) -> None:
    counts = "1 broken, 1 missing, 1 slower, 1 undecided, 1 faster, 1 new, 1 same"
    assert text_of(every, "markdown").split("\n")[:3] == ["## mixbench: base → head", "", f"**Fails**: {counts}."]
    assert "**Passes**: 2 same." in text_of(comparison_of(cell("a", "same"), cell("b", "same")), "markdown")
    assert "**Undecided**: 1 undecided, 1 same." in text_of(
        comparison_of(cell("a", "same"), cell("b", "undecided")), "markdown"
    )
    assert "**Nothing comparable**: 1 new." in text_of(comparison_of(cell("a", "new")), "markdown")


def test_every_cell_stands_with_verdict_change_and_reason_and_the_same_ones_are_folded(every: Report) -> None:
    text = text_of(every, "markdown")
    shown, folded = text.split("<details>")
    assert [line[0] for line in tables_of(shown)] == list(EVERY[:-1])
    assert ["slower", "speed · mixer slower · 64 tokens", "FLOPs +12.3 % (+5 to +20)", "why"] in tables_of(shown)
    assert [line[:2] for line in tables_of(folded)] == [["same", "speed · mixer same · 64 tokens"]]
    # a table within details is one only after an empty line
    assert folded.split("\n")[1:4] == ["<summary>1 the same</summary>", "", "| verdict | cell | change | why |"]
    assert folded.rstrip().endswith("\n</details>")


def test_whatever_a_detail_holds_it_stays_in_its_cell() -> None:
    made = comparison_of(cell(HOSTILE, "broken", HOSTILE))
    (line,) = tables_of(text_of(made, "markdown"))
    escaped = HOSTILE.replace("\x1b", "\\x1b").replace("\x00", "\\x00").replace("\ud800", "\\ud800").replace("\n", " ")
    assert line == ["broken", f"speed · {escaped} · 64 tokens", "", escaped]
    assert "</details>" not in text_of(made, "markdown").replace(r"\</details\>", "")


@pytest.mark.parametrize("slower", [100, 2000])
def test_a_long_summary_is_cut_in_whole_lines_and_says_by_how_many(slower: int) -> None:
    cells = [cell(f"mixer {number}", "slower" if number < slower else "same", "ä" * 500) for number in range(3000)]
    made = comparison_of(*cells)
    text = text_of(made, "markdown")
    lines = tables_of(text)
    assert 0.9 * ONE_MIB < len(text.encode()) < ONE_MIB
    assert all(len(line) == 4 and line[3] == "ä" * 500 for line in lines)
    assert [line[1] for line in lines] == [compared.name for compared in cells[: len(lines)]]
    assert f"\nLeft out to stay below 1 MiB: {3000 - len(lines):,} lines." in text.split("</details>")[1]
    assert "Left out" not in text_of(comparison_of(*cells[:50]), "markdown")


def test_of_a_folder_the_summary_lists_failures_and_every_value(folder: Report) -> None:
    text = text_of(folder, "markdown")
    assert "**Fails**: 1 failed, 1 unsupported, 4 measured." in text
    assert [line[0] for line in tables_of(text)[:2]] == ["failed", "unsupported"]
    values = {line[0]: line[1:] for line in tables_of(text)[2:]}
    assert list(values) == list(dict.fromkeys(measure.cell for measure in folder.measures))
    (score,) = [measure for measure in folder.measures if measure.metric == "test_score"]
    assert score.low is not None
    assert score.high is not None
    assert values[score.cell][0] == f"{score.value:.4g} ({score.low:.4g} to {score.high:.4g})"
    assert "| cell | test\\_score (score) | train\\_seconds (s) |" in text


def test_a_metric_that_a_cell_lacks_leaves_its_column_empty() -> None:
    measures = [Measure("speed · a", "flops", "FLOP", "lower", 3), Measure("speed · b", "latency_ms", "ms", "lower", 0.0012345)]
    text = text_of(Report("x", lambda: measures, ()), "markdown")
    assert tables_of(text) == [["speed · a", "3", ""], ["speed · b", "", "0.001234"]]


def test_remarks_stand_in_the_summary() -> None:
    made = replace(comparison_of(cell("a", "same")), remarks=("base: 3 rows are left out",))
    assert "\n- base: 3 rows are left out\n" in text_of(made, "markdown")


def test_json_holds_everything(folder: Report, every: Report) -> None:
    plain = json.loads(text_of(folder, "json"))
    assert plain["measures"] == [asdict(measure) for measure in folder.measures]
    assert plain["failures"] == [fault._asdict() for fault in folder.failures]
    assert [fault["status"] for fault in plain["unmeasured"]] == ["unsupported"]
    assert (plain["title"], plain["comparison"], plain["passes"]) == ("head", None, False)
    compared = json.loads(text_of(every, "json"))["comparison"]
    assert [(entry["verdict"], entry["name"]) for entry in compared["cells"]] == [
        (verdict, f"speed · mixer {verdict} · 64 tokens") for verdict in EVERY
    ]
    assert compared["cells"][2]["judgements"][0]["change"] == {"point": 0.1234, "low": 0.05, "high": 0.2}


def junit(text: str) -> dict[str, tuple[str, str]]:
    """Kind and text by test, of a file that has the structure and the attributes that its readers need."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite.tag == "testsuite"
    assert set(suite.attrib) == {"name", "tests", "failures", "errors", "skipped", "time"}
    found: dict[str, tuple[str, str]] = {}
    for case in suite:
        assert (case.tag, set(case.attrib)) == ("testcase", {"classname", "name", "time"})
        assert len(case) <= 1
        kind = case[0].tag if len(case) else "passed"
        if len(case):
            assert set(case[0].attrib) == {"message", "type"}
            assert f"{case[0].text}\n".startswith(f"{case[0].attrib['message']}\n")
        assert case.attrib["name"] not in found
        found[case.attrib["name"]] = kind, (case[0].text or "") if len(case) else ""
    kinds = Counter(kind for kind, _ in found.values())
    assert set(kinds) <= {"passed", "failure", "error", "skipped"}
    counted = {"tests": len(found), "failures": kinds["failure"], "errors": kinds["error"], "skipped": kinds["skipped"]}
    assert {name: int(suite.attrib[name]) for name in counted} == counted
    return found


def test_a_regression_fails_a_crash_is_an_error_and_what_is_undecided_is_skipped(every: Report) -> None:
    found = junit(text_of(every, "junit"))
    kinds = {name.split()[3]: kind for name, (kind, _) in found.items()}
    assert kinds == {
        "broken": "error",
        "missing": "failure",
        "slower": "failure",
        "undecided": "skipped",
        "faster": "passed",
        "new": "passed",
        "same": "passed",
    }
    assert found["speed · mixer broken · 64 tokens"][1] == "broken: why"
    _, text = found["speed · mixer slower · 64 tokens"]
    assert text.split("\n") == ["slower: FLOPs +12.3 % (+5 to +20): why", "flops: slower, 100 → 112.3, +12.3 % (+5 to +20)"]


def test_of_a_folder_a_failed_cell_is_an_error(folder: Report) -> None:
    kinds = {name: kind for name, (kind, _) in junit(text_of(folder, "junit")).items()}
    assert Counter(kinds.values()) == {"passed": 4, "error": 1, "skipped": 1}
    assert kinds[folder.failures[0].cell] == "error"
    assert kinds[folder.unmeasured[0].cell] == "skipped"


def test_a_failure_that_the_base_has_too_is_neither_an_error_nor_passed() -> None:
    both = measured(speed_row(status="oom", detail="needs 12 GiB"))
    ((kind, text),) = junit(text_of(report(both, compare(both, both), both), "junit")).values()
    assert kind == "skipped"
    assert text.startswith("failed before: ")


def test_a_new_cell_that_failed_is_an_error() -> None:
    base, head = measured(speed_row(flops=1)), measured(speed_row(flops=1), speed_row(mixer="none", status="killed"))
    kinds = [kind for kind, _ in junit(text_of(report(head, compare(base, head), base), "junit")).values()]
    assert kinds == ["error", "skipped"]


def test_any_text_gives_valid_xml_from_which_it_can_be_read() -> None:
    made = replace(comparison_of(cell(HOSTILE, "broken", HOSTILE)), title=HOSTILE)
    ((name, (_, text)),) = junit(text_of(made, "junit")).items()
    for shown in (name, text):
        assert r"<i>&amp;</i> *x* `y` [z](u)\x1b[31m\x00\ud800" in shown
        assert "]]> 5 $x$ ä 中" in shown


def test_the_study_is_the_class_of_a_test(folder: Report) -> None:
    suite = ElementTree.fromstring(text_of(folder, "junit").encode())[0]
    classes = {case.attrib["name"].split(" · ")[0]: case.attrib["classname"] for case in suite}
    assert classes == {"speed": "mixbench.speed", "data_efficiency": "mixbench.data_efficiency"}


def benchmarks(made: Report) -> dict[str, dict[str, dict[str, object]]]:
    """Entries by direction and name, each file held to what the action reads."""
    found = {}
    for name, text in FORMATS["github-action-benchmark"](made).items():
        jsonschema.validate(json.loads(text), GITHUB_ACTION_BENCHMARK)
        entries = json.loads(text)
        assert len({entry["name"] for entry in entries}) == len(entries)
        found[name] = {entry["name"]: entry for entry in entries}
    return found


def metrics(entries: dict[str, dict[str, object]]) -> set[str]:
    return {name.rpartition(" · ")[2] for name in entries}


def test_each_file_of_github_action_benchmark_has_one_direction(folder: Report) -> None:
    found = benchmarks(folder)
    smaller = {"latency_ms", "cpu_ms", "flops", "peak_memory_mib", "train_seconds", "train_flops"}
    assert {name: metrics(entries) for name, entries in found.items()} == {
        "benchmark-smaller-is-better.json": smaller,
        "benchmark-bigger-is-better.json": {"tokens_per_s", "test_score"},
    }
    units = {entry["unit"] for entry in found["benchmark-smaller-is-better.json"].values()}
    assert units == {"ms", "FLOP", "MiB", "s"}


@pytest.mark.parametrize("format", ["markdown", "json", "github-action-benchmark", "bencher"])
def test_no_service_takes_a_lower_bound_for_an_exact_count(format: str) -> None:
    bounded = report(measured(speed_row(flops=3, detail=lower_bound("flops", ["foo"]))))
    text = "".join(FORMATS[format](bounded).values()).replace("\\_", "_")
    assert "flops_lower_bound" in text
    assert not re.search(r"flops(?!_)", text.replace("flops is a lower bound", ""))


def test_a_judgement_on_a_lower_bound_shows_it() -> None:
    base, head = (measured(speed_row(flops=3, detail=detail)) for detail in ("", lower_bound("flops", ["foo"])))
    (text,) = FORMATS["junit"](report(head, compare(base, head), base)).values()
    remark = "not comparable: in the head, flops is a lower bound: it leaves out foo"
    assert f"flops: undecided, 3 → ≥ 3 ({remark})" in text


def test_an_error_goes_where_smaller_is_better() -> None:
    found = benchmarks(report(measured(*training_rows(["none"], [250], score="mse"))))
    assert "test_score" in metrics(found["benchmark-smaller-is-better.json"])
    assert not found["benchmark-bigger-is-better.json"]


@pytest.mark.parametrize(
    ("value", "low", "high", "range_text"),
    [(10.0, 8.0, 15.0, "± 5.000"), (10.0, 6.0, 11.0, "± 4.000"), (1e6, 9e5, 1.1e6, "± 1.000e+05"), (3.0, 3.0, 3.0, "± 0.000")],
)
def test_the_range_is_the_longer_side_of_the_interval_as_the_action_reads_it(
    value: float, low: float, high: float, range_text: str
) -> None:
    made = Report("x", lambda: [Measure("speed · a", "latency_ms", "ms", "lower", value, low, high)], ())
    (entry,) = benchmarks(made)["benchmark-smaller-is-better.json"].values()
    assert entry["range"] == range_text
    # the action takes what matches this for a number and scales it with the unit
    match = re.match(r"(?:\+-|±)\s*(\d.+)", range_text)
    assert match is not None
    assert float(match[1]) == max(high - value, value - low)


def test_without_an_interval_there_is_no_range_and_without_a_comparison_nothing_extra(folder: Report) -> None:
    for entries in benchmarks(folder).values():
        for name, entry in entries.items():
            assert ("range" in entry) == (name.rpartition(" · ")[2] not in ("flops", "peak_memory_mib", "train_flops"))
            assert "extra" not in entry


@pytest.mark.parametrize(("detail", "name"), [("", "flops"), (lower_bound("flops", ["foo"]), "flops_lower_bound")])
def test_extra_is_the_verdict_of_the_metric_else_of_the_cell(detail: str, name: str) -> None:
    base, head = (measured(speed_row(flops=count, latency_ms=1.0, detail=detail)) for count in (100, 120))
    made = report(head, compare(base, head), base)
    extra = {
        name.rpartition(" · ")[2]: entry["extra"]
        for name, entry in benchmarks(made)["benchmark-smaller-is-better.json"].items()
    }
    assert extra == {name: "slower", "latency_ms": "cell: slower"}


def test_what_was_not_compared_has_nothing_extra() -> None:
    head = measured(speed_row(flops=100))
    made = replace(report(head), comparison=Comparison("base", "head", ()))
    (entry,) = benchmarks(made)["benchmark-smaller-is-better.json"].values()
    assert "extra" not in entry


def test_bencher_reads_latency_in_nanoseconds_with_its_bounds(folder: Report) -> None:
    found = json.loads(text_of(folder, "bencher"))
    jsonschema.validate(found, BENCHER)
    measure = next(measure for measure in folder.measures if measure.metric == "latency_ms")
    assert measure.low is not None
    assert measure.high is not None
    assert found[measure.cell]["latency"] == pytest.approx(
        {"value": measure.value * 1e6, "lower_value": measure.low * 1e6, "upper_value": measure.high * 1e6}
    )
    bounded = [value for values in found.values() for value in values.values() if "lower_value" in value]
    assert len(bounded) == sum(measure.low is not None for measure in folder.measures)
    assert all(value["lower_value"] <= value["value"] <= value["upper_value"] for value in bounded)


def test_bencher_gets_its_own_names_where_it_has_them_and_ours_elsewhere(folder: Report) -> None:
    found = json.loads(text_of(folder, "bencher"))
    names = {"latency", "cpu_ms", "throughput", "flops", "params", "peak_memory_mib"}
    assert {frozenset(values) for values in found.values()} == {
        frozenset(names),
        frozenset({"test_score", "train_seconds", "train_flops", "params"}),
    }
    throughput = {measure.cell: measure.value for measure in folder.measures if measure.metric == "tokens_per_s"}
    assert {name: values["throughput"]["value"] for name, values in found.items() if name in throughput} == throughput
    assert sum(map(len, found.values())) == len(folder.measures)


def test_on_a_gpu_the_latency_for_bencher_is_device_time() -> None:
    made = report(folder_of(*speed_rows(("attention",), (64,), devices=("cuda",))))
    values = {measure.metric: measure.value for measure in made.measures}
    (found,) = json.loads(text_of(made, "bencher")).values()
    assert found["latency"]["value"] == pytest.approx(values["device_ms"] * 1e6)
    assert found["latency_ms"]["value"] == values["latency_ms"] > values["device_ms"]
    assert len(found) == len(values)


@pytest.mark.parametrize("format", FORMATS)
def test_a_report_of_nothing_is_still_a_file_that_can_be_read(format: str) -> None:
    for name, text in FORMATS[format](Report("x", tuple, ())).items():
        assert text.endswith("\n")
        if name.endswith(".json"):
            json.loads(text)
        elif name.endswith(".xml"):
            assert junit(text) == {}
        else:
            assert "no cells" in text


@pytest.mark.parametrize("format", FORMATS)
def test_a_cell_that_failed_makes_no_number(format: str) -> None:
    made = Report("x", tuple, [Failure("speed · a", "oom", "oom: needs 12 GiB")])
    texts = "".join(FORMATS[format](made).values())
    assert ("12 GiB" in texts) == (format in ("markdown", "json", "junit"))


def test_no_two_formats_write_the_same_file() -> None:
    names = [name for make in FORMATS.values() for name in make(Report("x", tuple, ()))]
    assert len(set(names)) == len(names)
