"""`mixbench attention-map` as a user runs it: small mixers trained, mapped, drawn, resumed; kept weights; bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas
import pytest
import torch
from killing import kill_when
from places import SAMPLES
from running import Completed, Run, run_python

SHAPES = "shapes:train=60,dev=20,test=10"
RECALL = "mqar:train=60,dev=20,test=10,tokens=16,pairs=3,vocabulary=8"
SMALL = ["--steps", "6", "--width", "8", "--layers", "1", "--batch", "4", "--examples", "3", "--jobs", "1"]
STUDY = ["attention-map", "--task", SHAPES, "--mixer", "attention", "--mixer", "mine.py:Mean", "--mixer", "none", *SMALL]
STUDY += ["--results", "own", "--draw", "0,2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("maps")
    shutil.copy(SAMPLES, path / "mine.py")
    return path


@pytest.fixture(scope="module")
def trained(run_in: Run, folder: Path) -> Completed:
    return run_in(*STUDY, folder=folder)


@pytest.mark.slow
def test_mixers_are_trained_mapped_printed_and_drawn(folder: Path, trained: Completed) -> None:
    assert trained.exit_code == 0, trained.stderr
    assert "on needed inputs, %" in trained.stdout
    assert "none: no output depends on inputs beyond 6 tokens, so nothing is mixed" in trained.stdout
    assert "95 % t-intervals over 3 test examples" in trained.stdout
    assert "Drawn: own/figures/attention-map-shapes.png" in trained.stderr
    assert (folder / "own" / "figures" / "attention-map-shapes.png").stat().st_size > 10_000
    rows = pandas.read_csv(folder / "own" / "attention_map.csv")
    assert len(rows) == 9
    assert set(rows.status) == {"ok"}
    mixed = rows[rows.mixer != "none"]
    assert ((mixed.right_share > 0) & (mixed.right_share < 1) & (mixed.distant_share > 0)).all()
    assert ((mixed.chance_share > 0) & (mixed.chance_share < 0.5)).all()
    control = rows[rows.mixer == "none"]
    assert control.right_share.isna().all()
    assert (control.distant_share == 0).all()
    assert control.detail.str.contains("nothing is mixed").all()
    # what sees the mean of all tokens sees every distant one alike
    even = rows[rows.mixer == "mine.py:Mean"]
    assert (even.right_share - even.chance_share).abs().max() < 0.1
    assert sorted(rows[rows.map_file.notna()].example.unique()) == [0, 2]
    assert len(list((folder / "own" / "checkpoints").iterdir())) == 3


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_plot_draws_the_same_without_torch(
    run_in: Run, folder: Path, trained: Completed
) -> None:
    figure = folder / "own" / "figures" / "attention-map-shapes.png"
    first, table = figure.read_bytes(), (folder / "own" / "attention_map.csv").read_bytes()
    figure.unlink()
    code = "import sys, mixbench; mixbench.plot(results='own', study='attention-map'); sys.exit('torch' in sys.modules)"
    assert run_python("-c", code, folder=folder).exit_code == 0
    assert figure.read_bytes() == first
    again = run_in(*STUDY, "--json", folder=folder)
    assert again.exit_code == 0, again.stderr
    (task,) = json.loads(again.stdout)["tasks"]
    assert [line["label"] for line in task["lines"]] == ["attention", "none", "Mean"]
    assert (folder / "own" / "attention_map.csv").read_bytes() == table


@pytest.mark.slow
def test_weights_that_were_kept_are_mapped_as_they_are(run_in: Run, folder: Path, trained: Completed) -> None:
    rows = pandas.read_csv(folder / "own" / "attention_map.csv")
    files = [f"own/{name}" for name in rows.checkpoint.unique()]
    chosen = [word for file in files for word in ("--checkpoint", file)]
    done = run_in("attention-map", *chosen, "--examples", "3", "--results", "loaded", folder=folder)
    assert done.exit_code == 0, done.stderr
    loaded = pandas.read_csv(folder / "loaded" / "attention_map.csv")
    assert not (folder / "loaded" / "checkpoints").exists()
    keys = ["mixer", "config", "settings", "seed", "example"]
    metrics = ["right_share", "chance_share", "distant_share", "test_score", "learning_rate"]
    pandas.testing.assert_frame_equal(
        loaded.set_index(keys)[metrics].sort_index(), rows.set_index(keys)[metrics].sort_index(), rtol=1e-5
    )
    assert set(loaded.checkpoint) == {str(folder / file) for file in files}


@pytest.mark.slow
def test_weights_that_another_study_kept_are_not_trained_again(run_in: Run, folder: Path) -> None:
    study = [
        "--task",
        RECALL,
        "--mixer",
        "fnet",
        "--steps",
        "6",
        "--width",
        "8",
        "--layers",
        "1",
        "--batch",
        "4",
        "--jobs",
        "1",
    ]
    study += ["--learning-rate", "3e-3", "--results", "shared"]
    done = run_in("data-efficiency", *study, "--sizes", "1.0", "--seeds", "2", "--save", folder=folder)
    assert done.exit_code == 0, done.stderr
    kept = {file: file.stat().st_mtime_ns for file in (folder / "shared" / "checkpoints").iterdir()}
    assert len(kept) == 2
    done = run_in("attention-map", *study, "--seeds", "2", "--examples", "2", folder=folder)
    assert done.exit_code == 0, done.stderr
    assert "95 % t-intervals over 2 seeds" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in (folder / "shared" / "checkpoints").iterdir()} == kept
    rows = pandas.read_csv(folder / "shared" / "attention_map.csv")
    runs = pandas.read_csv(folder / "shared" / "data_efficiency.csv")
    assert set(rows.checkpoint) == set(runs.checkpoint)
    assert set(rows.reach) == {0}
    assert (rows.right_share > 0).all()
    assert (folder / "shared" / "figures" / "attention-map-mqar.png").exists()


@pytest.mark.slow
def test_a_user_whose_mixer_has_changed_is_told(run_in: Run, folder: Path, trained: Completed) -> None:
    rows = pandas.read_csv(folder / "own" / "attention_map.csv")
    file = f"own/{rows[rows.mixer == 'mine.py:Mean'].checkpoint.iloc[0]}"
    source = folder / "mine.py"
    source.write_text(SAMPLES.read_text() + "# changed\n")
    try:
        done = run_in("attention-map", "--checkpoint", file, "--results", "changed", folder=folder)
    finally:
        shutil.copy(SAMPLES, source)
    assert done.exit_code == 2
    assert "mine.py has changed since it was trained" in done.stderr


@pytest.mark.slow
def test_one_run_in_two_files_and_weights_without_a_row_are_refused(run_in: Run, folder: Path, trained: Completed) -> None:
    first = next((folder / "own" / "checkpoints").iterdir())
    (folder / "copy.pt").write_bytes(first.read_bytes())
    done = run_in("attention-map", "--checkpoint", str(first), "--checkpoint", "copy.pt", "--results", "twice", folder=folder)
    assert done.exit_code == 2
    assert "hold the same run\n  Give one of them." in done.stderr
    kept = torch.load(first)
    del kept["row"]["seed"]
    torch.save(kept, folder / "copy.pt")
    done = run_in("attention-map", "--checkpoint", "copy.pt", "--results", "twice", folder=folder)
    assert done.exit_code == 2
    assert "copy.pt lacks seed of its training run" in done.stderr


@pytest.mark.slow
def test_an_interrupted_study_goes_on_with_the_weights_it_has(run_in: Run, folder: Path) -> None:
    words = ["attention-map", "--task", SHAPES, "--mixer", "none", "--mixer", "attention", *SMALL, "--results", "cut"]
    kept = folder / "cut" / "checkpoints"
    kill_when(lambda children: list(kept.glob("*.pt")), "-m", "mixbench", *words, folder=folder)
    before = {file: file.stat().st_mtime_ns for file in kept.glob("*.pt")}
    assert before
    done = run_in(*words, folder=folder)
    assert done.exit_code == 0, done.stderr
    assert {file: file.stat().st_mtime_ns for file in before} == before
    rows = pandas.read_csv(folder / "cut" / "attention_map.csv")
    assert sorted(zip(rows.mixer, rows.example, strict=True)) == [(m, k) for m in ("attention", "none") for k in range(3)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "listops"], "task listops does not define which tokens an output needs\n  Use shapes or mqar."),
        (["--task", "text"], "task text does not define which tokens an output needs"),
        (["--task", "hf:glue/sst2"], "task hf does not define which tokens an output needs"),
        (["--task", "shape"], "unknown task 'shape'\n  Did you mean 'shapes'?"),
        (["--mixer", "atention"], "Did you mean 'attention'?"),
        (["--draw", "one"], "--draw: 'one' is not a list of examples\n  Give numbers from 0, separated by commas: --draw 0,3."),
        (["--draw=-1"], "--draw: '-1' is not a list of examples"),
        (
            ["--task", SHAPES, "--examples", "11", "--draw", "0"],
            "--examples is 11, but the test set of shapes has only 10 examples",
        ),
        (["--task", SHAPES, "--examples", "5", "--draw", "7"], "--draw 7: only 5 examples are mapped"),
        (["--task", SHAPES, "--size", "0.5,1.0"], "one part of the data"),
        (["--learning-rate", "fnet=auto"], "unknown mixer 'fnet' in --learning-rate"),
        (["--device", "tpu"], "unknown --device 'tpu'"),
        (["--checkpoint", "nowhere.pt"], "nowhere.pt: No such file or directory\n  Give a file that --save wrote"),
        (["--checkpoint", "x.pt", "--mixer", "attention"], "--checkpoint already determines the mixer and the task"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(words: list[str], message: str, run: Run, tmp_path: Path) -> None:
    done = run("attention-map", *words, "--results", tmp_path / "results")
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "results" / "attention_map.csv").exists()
