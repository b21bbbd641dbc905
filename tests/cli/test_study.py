"""`mixbench study` as a user runs it: all parts in order, by the commands that it prints, whole or in shards."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pandas
import pytest
from run_fake_study import with_fakes
from running import Completed, Run

import mixbench
from mixbench.errors import RequestError
from mixbench.tables.manifest import read_manifest
from mixbench.tables.study_record import read_study

TABLES = ("speed", "data_efficiency", "tuning", "attention_map")
STUDY = """\
title = "A small study"
question = "Is it cheaper?"
[mixers]
mixer = ["attention", "none"]
[model]
width = 8
task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
[[speed]]
tokens = "8..16"
launches = 1
[[speed]]
tokens = 16
scope = "block"
launches = 1
[data-efficiency]
sizes = [20, 40]
seeds = 3
learning-rate = "auto"
[tune]
trials = 2
size = 1.0
[attention-map]
task = "shapes:train=60,dev=20,test=20"
examples = 2
[cost]
[claims.cheaper]
claim = "It takes less time."
rule = "faster"
mixer = "none"
[scale.tiny.data-efficiency]
seeds = 2
[scale.large.tune]
trials = 3
"""


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, children_find_helpers: None, tmp_path: Path) -> None:
    """Cells take milliseconds, and commands run in a folder of their own."""
    with_fakes(monkeypatch)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **how: Path(path).write_bytes(b""))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file = tmp_path / "small.toml"
    file.write_text(STUDY)
    return file


def keys_of(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """The rows of every table by what they are of, without what was measured."""
    names = ("mixer", "config", "scope", "tokens", "settings", "train_size", "seed", "trial", "example", "launch", "round")
    found = {}
    for table in TABLES:
        if (folder / f"{table}.csv").exists():
            with (folder / f"{table}.csv").open() as stream:
                found[table] = sorted(tuple(row[name] for name in names if name in row) for row in csv.DictReader(stream))
    return found


def commands_in(done: Completed) -> list[list[str]]:
    return [shlex.split(line.partition("] ")[2]) for line in done.stdout.splitlines() if line.startswith("[")]


def test_every_part_is_what_its_command_does_when_it_is_typed_by_hand(run: Run, study: Path, tmp_path: Path) -> None:
    done = run("study", "small.toml", "--results", "by file")
    assert done.exit_code == 0, done.stderr
    typed = commands_in(done)
    parts = ["speed", "speed", "data-efficiency", "tune", "attention-map", "cost"]
    assert [words[:2] for words in typed] == [["mixbench", part] for part in parts]
    assert done.stdout.startswith("A small study (tiny): 6 parts\nIs it cheaper?\n")
    tables = done.stdout
    for _, *words in typed:
        assert words[-2:] == ["--results", "by file"]
        by_hand = run(*words[:-1], "by hand")
        assert by_hand.exit_code == 0, by_hand.stderr
        first = by_hand.stdout.splitlines()[0]
        assert first in tables
    assert keys_of(tmp_path / "by hand") == keys_of(tmp_path / "by file")
    assert {len(rows) > 0 for rows in keys_of(tmp_path / "by file").values()} == {True}
    assert re.search(r"^(SUPPORTED|CONTRADICTED|UNDECIDED): cheaper\nClaim: It takes less time\.$", tables, re.MULTILINE)
    assert done.stderr.endswith("\nEverything measured is in by file.\nNext: mixbench report 'by file'\n")
    before = {table: (tmp_path / "by file" / f"{table}.csv").read_bytes() for table in TABLES}
    again = run("study", "small.toml", "--results", "by file")
    assert again.exit_code == 0, again.stderr
    assert {table: (tmp_path / "by file" / f"{table}.csv").read_bytes() for table in TABLES} == before
    assert again.stdout == done.stdout


def test_a_scale_changes_what_is_done_and_only_some_parts_can_be_asked_for(run: Run, study: Path, tmp_path: Path) -> None:
    done = run("study", "small.toml", "--scale", "large", "--only", "tune", "--only", "data-efficiency")
    assert done.exit_code == 0, done.stderr
    assert [words[1] for words in commands_in(done)] == ["data-efficiency", "tune"]
    assert [len(rows) for rows in keys_of(tmp_path / "results").values()] == [2 * 2 * 3 + 2 * 5, 2 * 3]
    assert done.stderr.endswith("Next: mixbench report\n")
    record = read_study(tmp_path / "results")
    assert record is not None
    assert record.command == "mixbench study small.toml --scale large"  # all of it, whichever parts were asked for
    refused = run("study", "small.toml", "--scale", "large", "--only", "tunes")
    assert (refused.exit_code, "Did you mean 'tune'?" in refused.stderr) == (2, True)


def test_the_options_of_the_request_go_to_every_part(run: Run, study: Path) -> None:
    told = run("study", "small.toml", "--dry-run", "--jobs", "3", "--threads", "1", "--engine", "ray", "--device", "cuda")
    assert told.exit_code == 0, told.stderr
    lines = [shlex.join(words) for words in commands_in(told)]
    assert [" --engine ray" in line for line in lines] == [True] * 5 + [False]
    assert [" --device cuda" in line for line in lines] == [True] * 5 + [False]
    assert [" --threads 1" in line for line in lines] == [True] * 2 + [False] * 4
    assert [" --jobs 3" in line for line in lines] == [False] * 2 + [True] * 3 + [False]


def test_shards_have_every_row_of_all_parts_once_and_the_merged_folder_is_the_whole_study(
    run: Run, study: Path, tmp_path: Path
) -> None:
    whole = run("study", "small.toml", "--results", "whole")
    assert whole.exit_code == 0, whole.stderr
    for number in (1, 2, 3):
        done = run("study", "small.toml", "--results", "r", "--shard", f"{number}/3")
        assert done.exit_code == 0, done.stderr
        assert f"shard {number} of 3: " in done.stdout
        assert "When all shards are done: mixbench merge r/shard-* --into r\n" in done.stderr
        assert done.stderr.endswith("Then, for the tables, cost and claims: mixbench study small.toml --results r\n")
        folder = tmp_path / "r" / f"shard-{number}-of-3"
        manifest = read_manifest(folder)
        assert manifest is not None
        assert (manifest.study, manifest.command, manifest.finished) == ("study", "mixbench study small.toml --results r", True)
        counts = {table: len(rows) for table, rows in keys_of(folder).items()}
        assert {table: count for table, count in manifest.rows.items() if table != "launches"} == counts
        assert read_study(folder) is not None
    lacking = run("merge", "r/shard-1-of-3", "r/shard-3-of-3", "--into", "r")
    assert lacking.exit_code == 1
    assert "mixbench study small.toml --results r --shard 2/3" in lacking.stderr
    assert "Next:" not in lacking.stderr, "the whole study would do here what another shard is to do"
    merged = run("merge", *sorted((tmp_path / "r").glob("shard-*")), "--into", "r")
    assert merged.exit_code == 0, merged.stderr
    assert "conflict" not in merged.stderr
    assert merged.stderr.endswith("Next: mixbench study small.toml --results r\n"), "which does what needs all rows"
    elsewhere = run("merge", *sorted((tmp_path / "r").glob("shard-*")), "--into", "all of it")
    assert elsewhere.stderr.endswith("Next: mixbench study small.toml --results 'all of it'\n")
    assert keys_of(tmp_path / "r") == keys_of(tmp_path / "whole")
    before = {table: (tmp_path / "r" / f"{table}.csv").read_bytes() for table in TABLES}
    record = read_study(tmp_path / "r")
    assert record is not None
    assert (record.text, record.scale) == (STUDY, "tiny")
    rest = run("study", "small.toml", "--results", "r")
    assert rest.exit_code == 0, rest.stderr
    assert "Cost of reaching a score on majority" in rest.stdout
    assert {table: (tmp_path / "r" / f"{table}.csv").read_bytes() for table in TABLES} == before


def test_a_dry_run_tells_cells_and_times_of_every_part_and_writes_nothing(run: Run, study: Path, tmp_path: Path) -> None:
    told = run("study", "small.toml", "--dry-run")
    assert told.exit_code == 0, told.stderr
    assert len(commands_in(told)) == 6
    assert "3. data-efficiency      8" in told.stdout
    assert "Next: mixbench study small.toml --plan --shard 1/" in told.stderr
    plan = json.loads(run("study", "small.toml", "--plan", "--json", "--shard", "1/4").stdout)
    assert plan["title"] == "A small study"
    assert [part["cells"] for part in plan["parts"]] == [4, 2, 8, 4, 2, 0]
    assert plan["plan"]["cells"] == sum(shard["cells"] for shard in plan["plan"]["shards"]) == 20
    assert sum(part["seconds"] for part in plan["parts"]) == pytest.approx(
        sum(part["seconds"] for part in json.loads(run("study", "small.toml", "--plan", "--json").stdout)["parts"])
    )
    assert not (tmp_path / "results").exists()


def test_a_dry_run_downloads_nothing(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixbench.tasks.hub.hub_task", lambda *given, **how: pytest.fail("downloaded"))
    (tmp_path / "hub.toml").write_text('[data]\ntask = "hf:glue/sst2"\n[data-efficiency]\nseeds = 2\n[tune]\n')
    told = run("study", "hub.toml", "--dry-run", "--json")
    assert told.exit_code == 0, told.stderr
    assert [part["cells"] for part in json.loads(told.stdout)["parts"]] == [3 * 3 * 2, 3 * 20]
    assert told.stderr.count("hf:glue/sst2 is not loaded: its texts are taken to have 128 tokens.\n") == 1, "told once"


def test_parts_after_a_failed_one_are_carried_out_and_the_exit_code_is_1(
    run: Run, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CELLS", json.dumps({"Attention": "raise"}))
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "raise"}))
    done = run("study", "small.toml")
    assert done.exit_code == 1
    assert len(commands_in(done)) == 6
    assert "Failed: 2 cells of speed, 1 cell of speed, " in done.stderr
    assert done.stderr.endswith("measure again with --retry-failed.\n")
    monkeypatch.delenv("FAKE_CELLS")
    monkeypatch.delenv("FAKE_RUNS")
    assert run("study", "small.toml", "--retry-failed").exit_code == 0


def test_an_error_of_one_part_is_told_where_it_occurs_and_at_the_end(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[cost]\n[speed]\nmixer = 'none'\ntokens = 8\nlaunches = 1\n")
    done = run("study", "s.toml")
    assert done.exit_code == 2
    assert "mixbench: results has no speed.csv, no data_efficiency.csv" in done.stderr
    assert "Not carried out: mixbench cost\n" in done.stderr
    assert len(keys_of(tmp_path / "results")["speed"]) > 0


def test_json_has_what_the_commands_print_as_json(run: Run, study: Path) -> None:
    done = run("study", "small.toml", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["scale"], told["results"], told["command"]) == ("tiny", "results", "mixbench study small.toml")
    for part in told["parts"]:
        words = shlex.split(part["command"])
        assert part["outcome"] == json.loads(run(*words[1:], "--json").stdout)
    (claim,) = told["claims"]
    assert (claim["name"], claim["rule"], claim["options"]["mixer"]) == ("cheaper", "faster", "none")


def test_a_folder_belongs_to_one_study_at_one_scale(run: Run, study: Path, tmp_path: Path) -> None:
    words = ("--only", "tune", "--results", "r")
    assert run("study", "small.toml", *words).exit_code == 0
    scale = run("study", "small.toml", *words, "--scale", "large")
    assert scale.exit_code == 2
    assert "r has this study at scale tiny: each scale needs its own folder" in scale.stderr
    assert "--results r/large" in scale.stderr
    (tmp_path / "other.toml").write_text(STUDY.replace("A small study", "Another"))
    other = run("study", "other.toml", *words)
    assert (other.exit_code, "r belongs to another study: A small study" in other.stderr) == (2, True)
    study.write_text(STUDY.replace("trials = 2", "trials = 1"))
    changed = run("study", "small.toml", *words)
    assert changed.exit_code == 0, changed.stderr
    assert "small.toml has changed since r was written" in changed.stderr
    assert "changed" not in run("study", "small.toml", *words).stderr


def test_wrong_claims_are_told_with_the_other_faults(run: Run, study: Path) -> None:
    changes = ("trials = 2", "trails = 2"), ('rule = "faster"', 'rule = "fastest"')
    text = STUDY
    for right, wrong in changes:
        text = text.replace(right, wrong, 1)
    study.write_text(text)
    refused = run("study", "small.toml")
    assert refused.exit_code == 2
    trails, rule = (text.splitlines().index(wrong) + 1 for _, wrong in changes)
    assert f"small.toml:{trails}: unknown option 'trails' of tune. Did you mean trials?" in refused.stderr
    assert f"small.toml:{rule}: claim cheaper: unknown rule 'fastest'. Did you mean 'faster'?" in refused.stderr
    study.write_text(text := STUDY.replace('claim = "It takes less time."', "x = 1"))
    refused = run("study", "small.toml")
    table, option = (text.splitlines().index(line) + 1 for line in ("[claims.cheaper]", "x = 1"))
    assert f"small.toml:{table}: claim cheaper: it does not say what is claimed" in refused.stderr
    assert f"small.toml:{option}: claim cheaper: unknown option 'x' of rule faster" in refused.stderr


def test_the_file_of_a_study_is_printed_as_it_is(run: Run, study: Path) -> None:
    assert run("study", "small.toml", "--print").stdout == STUDY


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "unknown study 'nothing'"),
        (["nothing.toml"], "nothing.toml does not exist"),
        (["."], ". is a folder"),
        (["binary.toml"], "binary.toml:2: not UTF-8"),
        (["small.toml", "--scale", "tny"], "small.toml: unknown scale 'tny'"),
        (["small.toml", "--shard", "5/4"], "the shards are numbered from 1 to 4"),
        (["small.toml", "--device", "gpu"], "small.toml: "),
        (["small.toml", "--engine", "slurm"], "'slurm' is not an engine"),
        (["small.toml", "--only", "attention-map", "--only", "plot"], "unknown part 'plot'"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(
    run: Run, study: Path, tmp_path: Path, words: list[str], told: str
) -> None:
    (tmp_path / "binary.toml").write_bytes(b"title = 'x'\n\xff")
    done = run("study", *words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not (tmp_path / "results").exists()


def test_from_python_a_study_gives_tables_by_command(study: Path, tmp_path: Path) -> None:
    plan = mixbench.study("small.toml", plan=True)
    assert list(plan.parts["part"]) == ["speed", "speed", "data-efficiency", "tune", "attention-map", "cost"]
    assert plan.tables == {}
    done = mixbench.study("small.toml", results="r")
    assert (done.title, done.scale, done.results) == ("A small study", "tiny", Path("r"))
    assert list(done.tables) == ["speed", "data-efficiency", "tune", "attention-map", "cost"]
    assert len(done.tables["tune"]) == len(pandas.read_csv(tmp_path / "r" / "tuning.csv"))
    assert list(done.parts["error"]) == [""] * 6
    assert list(done.claims["name"]) == ["cheaper"]
    assert done.claims["verdict"][0] == done.judged[0].verdict
    shard = mixbench.study("small.toml", results="r", shard="1/1")
    assert set(shard.tables) == {"speed", "data-efficiency", "tune", "attention-map"}
    with pytest.raises(RequestError, match="unknown scale"):
        mixbench.study("small.toml", scale="tny")
