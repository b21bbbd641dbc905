"""`mixbench track` as a user runs it: runs added to a history in a repository, and changes found in it."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from folders import fill_folder
from histories import SOFTWARE, cell, commit, history
from histories import entry as run_of
from repositories import Repository
from running import Run
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

from mixbench.api.track import find_trends
from mixbench.api.track_options import TrackShowOptions
from mixbench.cli.text import track
from mixbench.cli.text.page import layout
from mixbench.parsing.canonical import read_json
from mixbench.tables.columns import columns
from mixbench.tables.entries import ONCE, Values
from mixbench.tables.history import find_commit, read_history, write_entry
from mixbench.tables.remarks import lower_bound
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SHORTEST_KERNEL_MS, LaunchRow, SpeedRow

RESULTS = Path("results")


def add_version(repository: Repository) -> None:
    """Commit new code."""
    number = len(repository.commits)
    repository.commit(f"Version {number}", {"code.py": f"version = {number}\n"})


def measure(
    factor: float = 1.0,
    *,
    seed: int = 0,
    sha: str = "",
    cpu: object = MACHINE["cpu"],
    sources: str = "0f",
    folder: Path = RESULTS,
) -> None:
    """Add to a results folder what `mixbench speed` leaves there, `factor` times as slow as usual."""
    rng = random.Random(seed)
    rows, launches = speed_rows(
        ("attention", "none"), (64,), seed=seed, rounds=3, latency_ms=lambda *_: factor * rng.lognormvariate(0, 0.01)
    )
    launches = [replace(row, commit=sha, calibration_cpu_ms=2.0) for row in launches]
    fill_folder(folder, rows, launches, machine=MACHINE | SOFTWARE | {"cpu": cpu, "sources": sources})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with one version of the code; it is the working directory."""
    monkeypatch.chdir(tmp_path)
    made = Repository(tmp_path)
    add_version(made)
    return made


def test_a_run_becomes_one_file_with_its_commit_and_values_by_launch(repository: Repository, run: Run) -> None:
    measure()
    fill_folder(RESULTS, training_rows(("attention",), (250,)), machine=MACHINE | SOFTWARE)
    done = run("track", "add")
    assert done.exit_code == 0, done.stderr
    (entry,) = read_history(Path("history"))
    assert done.stdout.split() == [f"history/{entry.file_name}"]
    assert "3 cells of commit" in done.stderr
    assert "Version 0" in done.stderr
    assert (entry.commit.sha, entry.commit.subject) == (repository.commits[0], "Version 0")
    assert entry.machine == MACHINE
    assert entry.software == SOFTWARE
    cells = {(cell.table, cell.key["mixer"]): cell.metrics for cell in entry.cells}
    timed = cells["speed", "attention"]
    assert set(timed) == {"cpu_per_calibration", "latency_ms", "flops", "params", "peak_memory_mib", "failed"}
    assert list(timed["latency_ms"]) == [1, 2, 3, 4, 5]
    for launch, latency in timed["latency_ms"].items():
        assert timed["cpu_per_calibration"][launch] == pytest.approx(1.8 * latency / 2.0, rel=1e-4)
    assert list(timed["flops"]) == [ONCE]
    assert list(cells["data_efficiency", "attention"]["test_score"]) == list(range(5))
    assert all(len(f"{value:.10g}") <= 8 for value in timed["latency_ms"].values())


def test_on_a_gpu_device_time_is_tracked_and_not_the_time_of_the_cpu(repository: Repository, run: Run) -> None:
    rows, launches = speed_rows(("attention", "none"), (64,), rounds=3, devices=("cuda",))
    idle = [replace(row, device_ms=SHORTEST_KERNEL_MS / 10) if row.mixer == "none" else row for row in rows]
    fill_folder(RESULTS, idle, launches, machine=MACHINE | SOFTWARE)
    assert run("track", "add").exit_code == 0
    (entry,) = read_history(Path("history"))
    times = {
        cell.key["mixer"]: {name for name in cell.metrics if name.endswith(("_ms", "calibration"))} for cell in entry.cells
    }
    assert times == {"attention": {"device_ms", "latency_ms"}, "none": {"latency_ms"}}


def test_a_count_that_is_a_lower_bound_is_a_series_of_its_own(repository: Repository, run: Run) -> None:
    measure()
    run("track", "add")
    add_version(repository)
    rows, launches = speed_rows(("attention", "none"), (64,), rounds=3)
    remark = lower_bound("flops", ["foo"])
    rows = [replace(row, flops=1, detail=remark) if row.mixer == "attention" else row for row in rows]
    launches = [replace(row, calibration_cpu_ms=2.0) for row in launches]
    fill_folder(Path("bounded"), rows, launches, machine=MACHINE | SOFTWARE)
    assert run("track", "add", "bounded").exit_code == 0
    cells = ([cell for cell in entry.cells if cell.key["mixer"] == "attention"] for entry in read_history(Path("history")))
    before, after = (cell.metrics for (cell,) in cells)
    assert ("flops" in before, "flops_lower_bound" in before) == (True, False)
    assert ("flops" in after, "flops_lower_bound" in after) == (False, True)
    shown = run("track", "show", "--json")
    assert not [change for change in json.loads(shown.stdout)["changes"] if "flops" in change["metric"]]


def test_the_same_commit_again_needs_replace_and_another_machine_does_not(repository: Repository, run: Run) -> None:
    measure()
    assert run("track", "add").exit_code == 0
    again = run("track", "add")
    assert again.exit_code == 2
    assert "has commit" in again.stderr
    assert "--replace" in again.stderr
    assert run("track", "add", "--replace").exit_code == 0
    measure(cpu="Other CPU", folder=Path("others"))
    assert run("track", "add", "others").exit_code == 0
    assert len(read_history(Path("history"))) == 2


def test_a_folder_measured_on_two_machines_is_two_files_or_none(repository: Repository, run: Run) -> None:
    measure()
    assert run("track", "add").exit_code == 0
    shutil.rmtree(RESULTS)
    measure(cpu="Other CPU")
    measure()
    assert run("track", "add").exit_code == 2
    assert len(read_history(Path("history"))) == 1
    done = run("track", "add", "--replace")
    assert len(done.stdout.split()) == len(read_history(Path("history"))) == 2


def test_a_dirty_tree_is_refused_unless_the_commit_is_named(repository: Repository, run: Run) -> None:
    measure()
    (repository.path / "code.py").write_text("changed\n")
    refused = run("track", "add")
    assert refused.exit_code == 2
    assert "the working tree has changes" in refused.stderr
    assert f"--commit {repository.commits[0][:7]}" in refused.stderr
    assert not Path("history").exists()
    assert run("track", "add", "--commit", "HEAD").exit_code == 0


@pytest.mark.parametrize("dirty", ["", "-dirty"])
def test_what_was_measured_at_another_commit_is_refused_unless_it_is_named(
    dirty: str, repository: Repository, run: Run
) -> None:
    measured = repository.commits[0] + dirty
    rows, launches = speed_rows(("attention",), (64,), rounds=1)
    fill_folder(RESULTS, rows, [replace(row, commit=measured) for row in launches], machine=MACHINE | SOFTWARE)
    add_version(repository)
    refused = run("track", "add")
    assert refused.exit_code == 2
    assert f"results was measured at {measured}, but {repository.commits[1]} is checked out" in refused.stderr
    assert f"--commit {measured[:7]}" in refused.stderr
    added = run("track", "add", "--commit", measured[:7])
    assert added.exit_code == 0
    assert "1 cell of commit" in added.stderr
    assert read_history(Path("history"))[0].commit == find_commit(repository.commits[0])


def test_what_was_measured_at_this_commit_is_taken_whatever_older_rows_say(repository: Repository, run: Run) -> None:
    measure(sha="0" * 40, sources="00")
    rows, launches = (
        [replace(row, measured_at=row.measured_at.replace("2025", "2026")) for row in ResultsFolder(RESULTS).read(table)]
        for table in (SpeedRow, LaunchRow)
    )
    launches = [replace(row, commit=repository.commits[0]) for row in launches]
    fill_folder(RESULTS, rows, launches, machine=MACHINE | SOFTWARE)
    done = run("track", "add")
    assert done.exit_code == 0, done.stderr
    assert "from older environments are left out" in done.stderr


def test_a_cell_that_failed_is_a_cell_with_that_share(repository: Repository, run: Run) -> None:
    measure()
    folder = ResultsFolder(RESULTS)
    rows = folder.read(SpeedRow)
    (lost,) = [row for row in rows if (row.mixer, row.launch, row.round) == ("none", 2, 1)]
    empty = {name: None for name, column in columns(SpeedRow).items() if column.role == "metric"}
    with folder.writing():
        folder.replace(SpeedRow, lambda row: (row.mixer, row.launch) != ("none", 2))
        folder.append([replace(lost, **empty, status="oom", detail="too large", round=0, rounds=1)])
    assert run("track", "add").exit_code == 0
    (entry,) = read_history(Path("history"))
    assert {cell.key["mixer"]: cell.metrics["failed"] for cell in entry.cells} == {"attention": {ONCE: 0}, "none": {ONCE: 0.2}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "nothing"], "there is no folder nothing"),
        (["add", "--commit", "nothing"], "git finds no commit 'nothing'"),
        (["show"], "history holds no runs"),
        (["show", "--format", "jpg"], "jpg"),
    ],
)
def test_a_wrong_request_says_what_to_do(words: list[str], message: str, repository: Repository, run: Run) -> None:
    measure()
    done = run("track", *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") >= 2
    assert not Path("history").exists()


def test_the_commit_that_made_a_mixer_slower_is_named(repository: Repository, run: Run) -> None:
    for number in range(10):
        if number:
            add_version(repository)
            shutil.rmtree(RESULTS)
        measure(1.5 if number >= 6 else 1.0, seed=number)
        assert run("track", "add").exit_code == 0
    done = run("track", "show", "--cell", "ATTENTION  mixer")
    assert done.exit_code == 0, done.stderr
    heading, common, line = done.stdout.splitlines()[:3]
    assert heading == "10 commits, 2025-12-29 to 2026-01-07"
    assert common.strip() == "mixer · inference · 64 tokens · width 64 · batch 1 · float32 · cpu · 2 threads"
    bad, good = repository.commits[6][:7], repository.commits[5][:7]
    change = re.fullmatch(r"  worse +attention: CPU time 0\.9\d* → 1\.\d+, \+(\d+\.\d) % \(.* to .*\); (.*)", line)
    assert change, line
    assert 40 < float(change[1]) < 60
    assert change[2] == f'suspect {bad} of 2026-01-04 "Version 6"; last good {good}'
    assert "1 series of times and scores were judged" in done.stdout
    assert "history/figures/trend-cpu_per_calibration.png" in done.stderr
    assert Path("history/figures/trend-cpu_per_calibration.png").exists()


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history in which hypermixer needs more operations from the fourth commit on, and all is slower then."""
    monkeypatch.chdir(tmp_path)
    runs = history(
        8,
        lambda mixer, tokens, number: 2.0 if number >= 4 else 1.0,
        lambda mixer, tokens, number: 1200 if mixer == "hypermixer" and number >= 4 else 1000,
    )
    for entry in runs:
        write_entry(Path("history"), entry)
    return Path("history")


@pytest.mark.usefixtures("tracked")
def test_json_holds_the_changes_with_their_commits(run: Run) -> None:
    done = run("track", "show", "--json", "--metric", "flops", "--format", "svg")
    found = json.loads(done.stdout)
    assert [change["cell"].split(" · ")[1] for change in found["changes"]] == ["hypermixer"] * 2
    for change in found["changes"]:
        assert change["suspect"]["sha"] == commit(4).sha
        assert change["last_good"]["sha"] == commit(3).sha
        assert change["change"] == {"point": pytest.approx(0.2), "low": None, "high": None}
    assert found["figures"] == ["history/figures/trend-flops.svg"]
    assert len(found["commits"]) == 8


@pytest.mark.usefixtures("tracked")
def test_changes_come_by_importance_and_in_words(run: Run) -> None:
    lines = [line for line in run("track", "show").stdout.splitlines() if line.startswith("  worse")]
    assert ["FLOPs" in line for line in lines] == [False] * 4 + [True] * 2
    assert all(" CPU time " in line for line in lines[:4])
    assert "FLOPs 1.00 k → 1.20 k, +20.0 %; " in lines[-1]
    assert f'suspect {commit(4).short} of 2026-01-05 "Commit number 4"; last good {commit(3).short}' in lines[-1]


def test_only_what_is_judged_first_is_drawn_unless_asked_for(tracked: Path, run: Run) -> None:
    assert run("track", "show").exit_code == 0
    assert [path.name for path in (tracked / "figures").iterdir()] == ["trend-cpu_per_calibration.png"]


def test_software_that_changed_with_the_commit_is_told(tracked: Path, run: Run) -> None:
    for number, entry in enumerate(read_history(tracked)):
        write_entry(tracked, replace(entry, software=SOFTWARE | {"torch": "2.14.0" if number >= 4 else "2.13.0"}), replace=True)
    lines = [line for line in run("track", "show").stdout.splitlines() if line.startswith("  worse")]
    assert [line.split("; ")[-1] for line in lines] == ["changed with it: torch 2.13.0 → 2.14.0"] * 6


def test_what_is_too_short_is_said(tracked: Path, run: Run) -> None:
    for entry in read_history(tracked)[:3]:
        (tracked / entry.file_name).unlink()
    done = run("track", "show")
    assert "Too short to judge: 4 series of times and scores with 5 commits; 6 are needed." in done.stdout
    assert len([line for line in done.stdout.splitlines() if line.startswith("  worse")]) == 2


def test_several_machines_are_told_apart(tracked: Path, run: Run) -> None:
    for entry in read_history(tracked):
        write_entry(tracked, replace(entry, machine=MACHINE | {"cpu": "Other CPU"}))
    done = run("track", "show", "--metric", "flops", "--cell", "hypermixer 64")
    assert done.exit_code == 2
    done = run("track", "show", "--metric", "flops", "--cell", "hypermixer mixer inference 64")
    lines = done.stdout.splitlines()
    machines = sorted({entry.machine_hash for entry in read_history(tracked)})
    assert sorted(line.split(" on ")[1][:12] for line in lines if line.startswith("  worse")) == machines
    assert any("Other CPU" in line for line in lines)


@pytest.mark.usefixtures("tracked")
@pytest.mark.parametrize(
    ("words", "message"),
    [(["--metric", "flop"], "Did you mean 'flops'?"), (["--cell", "gmlp"], "no cell of history has 'gmlp' in its name")],
)
def test_what_is_not_there_is_an_error_with_what_is(words: list[str], message: str, run: Run) -> None:
    done = run("track", "show", *words)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    ("metrics", "message"),
    [(None, "no cell with a metric"), ({"colour": {0: 1}}, "no cell with a metric"), ({"latency_ms": {1: 1.0}}, "not judged")],
)
def test_runs_without_anything_to_judge_say_what_to_do(
    metrics: dict[str, Values] | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    write_entry(Path("history"), run_of(0, *([] if metrics is None else [cell(metrics)])))
    done = run("track", "show")
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") >= 2


@pytest.mark.parametrize("metric", ["cpu_per_calibration", "test_score", "flops", "params"])
@pytest.mark.parametrize("odd", [1e-320, 10**30, 0])
def test_numbers_beyond_all_measure_are_judged_and_plain_in_json(metric: str, odd: float, tracked: Path, run: Run) -> None:
    for number, known in enumerate(read_history(tracked)):
        changed = tuple(replace(one, metrics={metric: {1: odd if number >= 4 else 1}}) for one in known.cells)
        write_entry(tracked, replace(known, cells=changed), replace=True)
    done = run("track", "show", "--json")
    assert done.exit_code == 0, done.stderr
    assert len(read_json(done.stdout)["changes"]) == (0 if odd < 1 and metric in ("cpu_per_calibration", "test_score") else 4)


def test_a_damaged_file_is_named(tracked: Path, run: Run) -> None:
    file = sorted(tracked.glob("*.json"))[0]
    file.write_text(file.read_text()[:-20])
    done = run("track", "show")
    assert done.exit_code == 1
    assert str(file) in done.stderr


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_fits_a_terminal(width: int, tracked: Path) -> None:
    trends = find_trends(TrackShowOptions(history=tracked))
    for section in track.sections(trends):
        assert max(map(len, [section.title, *layout(section.lines, width)])) <= width


@pytest.mark.usefixtures("tracked")
def test_without_a_change_it_says_so(run: Run) -> None:
    done = run("track", "show", "--cell", "attention", "--metric", "flops")
    assert done.exit_code == 0
    assert "No change found." in done.stdout
