"""`mixbench compare` as a user runs it: folders that are equal, slower, broken or not comparable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from folders import fill_folder
from running import Completed, Run, run_python
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

from mixbench.cli.publish import SUMMARY
from mixbench.errors import RequestError, StorageError
from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import SpeedRow

Change = Callable[[SpeedRow], SpeedRow | None]
OPTIONS: dict[str, Any] = {
    "launch_noise": 0.01,
    "round_noise": 0.01,
    "rounds": 2,
    "mixers": ("attention", "none"),
    "tokens": (64, 128),
}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, change: Change = lambda row: row, machine: dict[str, object] = MACHINE, **options: Any) -> None:
    rows, launches = speed_rows(**(OPTIONS | options))
    fill_folder(name, [changed for row in rows if (changed := change(row))], launches, machine=machine)


def slower(row: SpeedRow) -> SpeedRow:
    """Attention at 128 tokens."""
    return replace(row, cpu_ms=1.6 * (row.cpu_ms or 0)) if (row.mixer, row.tokens) == ("attention", 128) else row


def crashing(row: SpeedRow) -> SpeedRow | None:
    """Attention at 64 tokens, in launch 3."""
    if (row.mixer, row.tokens, row.launch) != ("attention", 64, 3):
        return row
    metrics = [name for name, column in columns(SpeedRow).items() if column.role == "metric"]
    lost: dict[str, Any] = dict.fromkeys(metrics)
    return replace(row, **lost, round=0, rounds=1, status="killed", detail="exit code -11") if row.round == 1 else None


def lines(done: Completed) -> list[str]:
    return done.stdout.rstrip("\n").split("\n")


def test_equal_folders_pass_with_a_line_per_cell(run: Run) -> None:
    write("base")
    write("head", seed=1)
    done = run("compare", "base", "head", "--strict", "--any-change")
    assert done.exit_code == 0, done.stderr
    assert lines(done)[-1] == "4 same: pass"
    assert [line.split()[0] for line in lines(done)[3:7]] == ["same"] * 4


def test_a_regression_fails_and_stands_first_with_its_change(run: Run) -> None:
    write("base")
    write("head", slower, seed=1)
    done = run("compare", "base", "head")
    assert done.exit_code == 1
    heading, shared, _, first = lines(done)[:4]
    assert heading == "base → head"
    assert shared == "speed · mixer · inference · width 64 · batch 1 · float32 · cpu · 2 threads"
    verdict, cell, change = first.split(maxsplit=1)[0], "attention · 128 tokens", first.partition("CPU time")[2]
    assert verdict == "slower"
    assert cell in first
    assert "float32" not in first
    point, low, to, high = change.split()
    assert float(low.strip("(")) < float(point) < float(high.strip(")"))
    assert (to, float(point)) == ("to", pytest.approx(60, abs=4))
    assert lines(done)[-1] == "1 slower, 3 same: fail"


@pytest.mark.parametrize(("threshold", "code"), [("100%", 0), ("100 %", 0), ("1.0", 0), ("5%", 1), ("0.05", 1)])
def test_the_threshold_is_a_share_or_percent(run: Run, threshold: str, code: int) -> None:
    write("base")
    write("head", slower)
    assert run("compare", "base", "head", "--threshold", threshold).exit_code == code


def test_a_tolerance_is_given_by_metric_and_told(run: Run) -> None:
    write("base")
    write("head", lambda row: replace(row, peak_memory_mib=1.01 * (row.peak_memory_mib or 0)))
    assert run("compare", "base", "head").exit_code == 1
    tolerant = run("compare", "base", "head", "--tolerance", "peak_memory_mib=1%", "--tolerance", "flops=0")
    assert tolerant.exit_code == 0, tolerant.stdout
    assert "times beyond 30 %, peak memory beyond 1 %, FLOPs beyond 0 %, other counts at any change" in tolerant.stdout


def test_a_crash_in_one_launch_fails_with_its_reason(run: Run) -> None:
    write("base")
    write("head", crashing)
    done = run("compare", "base", "head")
    assert done.exit_code == 1
    assert lines(done)[3].startswith("broken")
    assert lines(done)[3].endswith("killed: exit code -11 (1 of 5 launches)")


def test_what_is_faster_or_new_fails_only_where_the_reference_must_be_renewed(run: Run) -> None:
    write("base", slower)
    write("head", mixers=("attention", "none", "gmlp"))
    plain = run("compare", "base", "head")
    assert (plain.exit_code, lines(plain)[-1]) == (0, "1 faster, 2 new, 3 same: pass")
    renewed = run("compare", "base", "head", "--any-change")
    assert renewed.exit_code == 1
    assert lines(renewed)[-1] == "1 faster, 2 new, 3 same: fail (cells are faster or new: measure the base again)"


def test_undecided_cells_fail_only_strictly(run: Run) -> None:
    write("base")
    write("head", launches=1)
    plain = run("compare", "base", "head")
    assert (plain.exit_code, lines(plain)[-1]) == (0, "4 undecided: pass")
    strict = run("compare", "base", "head", "--strict")
    assert (strict.exit_code, lines(strict)[-1]) == (3, "4 undecided: undecided")


def test_another_machine_is_not_comparable_but_for_its_counts(run: Run) -> None:
    write("base")
    write("head", slower, machine={**MACHINE, "cpu": "Example 7000"})
    done = run("compare", "base", "head")
    assert done.exit_code == 4
    assert "nothing comparable: they come from different machines" in done.stderr
    assert "--tier counts" in done.stderr
    assert "Example 7000" in done.stdout
    counts = run("compare", "base", "head", "--tier", "counts")
    assert (counts.exit_code, lines(counts)[-1]) == (0, "4 same: pass")
    assert "CPU time" not in counts.stdout


def test_ratios_of_another_machine_are_advice_that_never_fails(run: Run) -> None:
    def twice(row: SpeedRow) -> SpeedRow:
        return replace(row, latency_ms=2 * (row.latency_ms or 0)) if row.mixer == "none" else row

    write("base")
    write("head", twice, machine=MACHINE | {"cpu": "Example 7000"})
    without = run("compare", "base", "head")
    assert without.exit_code == 4
    assert "--across-machines" in without.stdout
    done = run("compare", "base", "head", "--across-machines", "--strict")
    assert done.exit_code == 0
    assert "nothing comparable" not in done.stderr
    section = lines(done)[2:7]
    assert section[0] == "between machines, as advice"
    assert section[1].endswith("Example 9000, 4 cores, 16 GiB, 2 threads → Example 7000, 4 cores, 16 GiB, 2 threads")
    assert [line.split()[0] for line in section[3:]] == ["slower", "slower"]
    assert lines(done)[-1] == "advice on 2 cells: pass"
    (advice, other) = json.loads(run("compare", "base", "head", "--across-machines", "--json").stdout)["comparison"]["advice"]
    assert (advice["verdict"], advice["judgements"][0]["metric"], other["mixer"]) == ("slower", "ratio to attention", "none")
    assert "ratio to attention +" in run("compare", "base", "head", "--across-machines", "--format", "markdown").stdout


def test_other_keys_are_not_comparable_and_named(run: Run) -> None:
    write("base")
    write("head", dtypes=("bfloat16",))
    done = run("compare", "base", "head")
    assert done.exit_code == 4
    assert "nothing comparable: float32 against bfloat16" in done.stderr
    assert done.stdout == ""
    assert "--tier counts" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("base", "nowhere"), "there is no folder nowhere"),
        (("base", "empty"), "empty holds no measurements"),
        (("base", "base", "--threshold", "30"), "--threshold: '30' is not a share"),
        (("base", "base", "--threshold", "much"), "--threshold: 'much' is not a share"),
        (("base", "base", "--threshold", "0"), "--threshold is 0"),
        (("base", "base", "--threshold", "nan"), "is not a share"),
        (("base", "base", "--threshold", "inf%"), "--threshold is inf"),
        (("base", "base", "--tolerance", "flops"), "is not a share"),
        (("base", "base", "--tolerance", "flops=-1%"), "--tolerance of flops is -0.01"),
        (("base", "base", "--tolerance", "latency=1%"), "unknown metric 'latency'"),
        (("base", "base", "--format", "xml"), "unknown value 'xml' for --format"),
        (("base", "base", "--format", "github-action-benchmark"), "makes several files"),
        (("base", "base", "--format", "text,junit"), "makes several files"),
        (("base", "base", "--output", "ci"), "--output is for the files of --format"),
    ],
)
def test_a_wrong_request_is_explained_with_exit_code_2(run: Run, words: tuple[str, ...], message: str) -> None:
    write("base")
    Path("empty").mkdir()
    done = run("compare", *words)
    assert done.exit_code == RequestError.exit_code, done.stdout
    assert message in done.stderr
    assert len(done.stderr.rstrip().split("\n")) == 2


def test_an_unknown_tier_is_refused_with_the_known_ones(run: Run) -> None:
    done = run("compare", "base", "base", "--tier", "gpu")
    assert done.exit_code == RequestError.exit_code
    assert "'gpu' is not one of 'all', 'counts'" in done.stderr


def test_a_damaged_table_is_an_error_that_names_file_and_line(run: Run) -> None:
    write("base")
    write("head")
    with Path("head/speed.csv").open("a") as file:
        file.write("torn,line\n")
    done = run("compare", "base", "head")
    assert done.exit_code == StorageError.exit_code
    assert "head/speed.csv, line 42" in done.stderr


def test_a_launch_that_a_crash_cut_short_is_left_out(run: Run) -> None:
    write("base")
    write("head", lambda row: None if (row.launch, row.round) == (5, 2) else row)
    done = run("compare", "base", "head", "--json")
    assert all(cell["verdict"] == "same" for cell in json.loads(done.stdout)["comparison"]["cells"])
    write("alone", lambda row: None if row.round == 2 else row)
    assert "holds no measurements" in run("compare", "base", "alone").stderr


def test_json_goes_to_standard_output_alone_and_keeps_the_exit_code(run: Run) -> None:
    write("base")
    write("head", slower)
    done = run("compare", "base", "head", "--json")
    assert done.exit_code == 1
    cells = json.loads(done.stdout)["comparison"]["cells"]
    assert [cell["verdict"] for cell in cells] == ["slower", "same", "same", "same"]
    assert run("compare", "base", "head", "--format", "json").stdout == done.stdout


def test_a_format_of_one_file_is_printed_and_with_output_every_file_is_written_beside_the_table(run: Run) -> None:
    write("base")
    write("head", slower)
    printed = run("compare", "base", "head", "--format", "junit")
    assert ElementTree.fromstring(printed.stdout).find("testsuite").get("failures") == "1"  # type: ignore[union-attr]
    assert printed.exit_code == 1
    written = run("compare", "base", "head", "--format", "junit,github-action-benchmark", "--output", "ci/reports")
    assert written.exit_code == 1
    assert sorted(path.name for path in Path("ci/reports").iterdir()) == [
        "benchmark-bigger-is-better.json",
        "benchmark-smaller-is-better.json",
        "junit.xml",
    ]
    assert Path("ci/reports/junit.xml").read_text() == printed.stdout
    assert lines(written)[-1] == "1 slower, 3 same: fail"
    assert "ci/reports/junit.xml" in written.stderr


def test_a_folder_that_cannot_be_written_is_an_error(run: Run) -> None:
    write("base")
    Path("taken").write_text("a file")
    done = run("compare", "base", "base", "--format", "junit", "--output", "taken")
    assert done.exit_code == RequestError.exit_code
    assert "cannot write to the folder taken" in done.stderr
    assert "--output" in done.stderr


def test_the_job_summary_is_appended_whatever_the_format(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write("base")
    write("head", slower)
    Path("summary.md").write_text("before\n")
    monkeypatch.setenv(SUMMARY, "summary.md")
    assert "attention" in run("compare", "base", "head").stdout
    run("compare", "base", "head", "--json")
    text = Path("summary.md").read_text()
    assert text.startswith("before\n")
    assert text.count("1 slower") == 2
    markdown = run("compare", "base", "head", "--format", "markdown")
    assert Path("summary.md").read_text() == text + markdown.stdout


def test_without_the_variable_no_summary_is_written(run: Run) -> None:
    write("base")
    run("compare", "base", "base")
    assert sorted(path.name for path in Path().iterdir()) == ["base"]


def test_it_runs_without_torch_and_without_pandas(tmp_path: Path) -> None:
    write("base")
    code = (
        "import sys; from mixbench.cli import app; app(['compare', 'base', 'base'], standalone_mode=False)\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    )
    done = run_python("-c", code, folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "4 same: pass" in done.stdout
    assert "\x1b" not in done.stdout


def test_training_tables_are_compared_with_their_scores(run: Run) -> None:
    for name, step in (("base", 0.0), ("head", 0.2)):
        rows = training_rows(("attention", "none"), (250,), noise=0.0)
        fill_folder(name, [replace(row, test_score=(row.test_score or 0) + step) for row in rows])
    done = run("compare", "base", "head")
    assert done.exit_code == 1
    assert lines(done)[3].split()[0] == "slower"
    assert "test score" in lines(done)[3]
    assert "scores worse or better" in done.stdout
