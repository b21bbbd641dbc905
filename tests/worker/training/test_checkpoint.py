"""Weights come back as they were kept; a file that cannot be used is refused with what to do."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from places import SAMPLES
from sample_runs import sample_run

from mixbench.errors import RequestError, StorageError
from mixbench.mixers.choice import choose_mixer
from mixbench.tasks.dataset import Dataset, Form, Split, prepare
from mixbench.worker import train as trainer
from mixbench.worker.training.checkpoint import FORMAT, load_checkpoint, save_checkpoint
from mixbench.worker.training.run import Run, Trained, train

TOKENS, WIDTH = 8, 16
SIGNALS = Form(tokens=TOKENS, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")
NUMBERS = Form(TOKENS, vocabulary=6, channels=0, output="class", classes=2, score="accuracy", labels=("no", "yes"))


def run_on(folder: Path, form: Form, mixer: str = "attention") -> Run:
    random = np.random.default_rng(0)

    def split(count: int) -> Split:
        lengths = np.full(count, TOKENS, np.int32)
        if form.channels:
            inputs = random.normal(3, 2, (count, TOKENS, 1)).astype(np.float32)
            return Split(inputs, lengths, 2 * inputs[:, :, 0], np.arange(count))
        inputs = random.integers(1, 6, (count, TOKENS)).astype(np.int32)
        return Split(inputs, lengths, (inputs == 5).any(1).astype(np.int32), np.arange(count))

    data = prepare({"form": form.output}, lambda: Dataset(form, split(60), split(20), split(20)), cache=folder / "cache")
    chosen = choose_mixer(mixer)
    return sample_run(
        mixer,
        tokens=TOKENS,
        width=WIDTH,
        data=str(data),
        full_length=False,
        seed=3,
        checkpoint=str(folder / "results" / "checkpoints" / "0f.pt"),
        about={"task": "toy", "mixer": chosen.name, "config": chosen.config, "seed": 3},
    )


def kept(folder: Path, form: Form = SIGNALS, mixer: str = "attention") -> tuple[Path, Trained]:
    run = run_on(folder, form, mixer)
    trained = train(run, lambda step: None)
    save_checkpoint(Path(run.checkpoint), run, trained)
    return Path(run.checkpoint), trained


@pytest.mark.parametrize("form", [SIGNALS, NUMBERS], ids=["signals", "numbers"])
def test_a_model_comes_back_with_its_weights_scales_and_scores(form: Form, tmp_path: Path) -> None:
    file, trained = kept(tmp_path, form)
    loaded = load_checkpoint(file)
    assert loaded.trained.objective == trained.objective
    assert loaded.trained.result == trained.result
    assert loaded.row == {"task": "toy", "mixer": "attention", "config": '{"heads":4}', "seed": 3}
    x = torch.randn(2, TOKENS, 1) if form.channels else torch.randint(6, (2, TOKENS))
    trained.model.eval()
    torch.testing.assert_close(loaded.trained.model(x), trained.model(x), rtol=0, atol=0)
    assert not loaded.trained.model.training


@pytest.mark.parametrize(
    ("mixer", "missing"), [("fnet:norm=none", ["norm"]), ("attention:heads=2", ["kv_heads", "causal", "rotary"])]
)
def test_a_model_from_before_options_of_its_mixer_runs_as_it_then_did(mixer: str, missing: list[str], tmp_path: Path) -> None:
    file, _ = kept(tmp_path, mixer=mixer)
    x = torch.randn(2, TOKENS, 1)
    expected = load_checkpoint(file).trained.model(x)
    content = torch.load(file, weights_only=True)
    for name in missing:
        del content["run"]["arguments"][name]
    torch.save(content, file)
    torch.testing.assert_close(load_checkpoint(file).trained.model(x), expected, rtol=0, atol=0)


def test_a_checkpoint_holds_nothing_but_plain_values_and_tensors(tmp_path: Path) -> None:
    file, _ = kept(tmp_path)
    content = torch.load(file, weights_only=True)
    assert content["format"] == FORMAT
    assert content["run"]["arguments"]["heads"] == 4
    assert "checkpoint" not in {name for name, value in content["run"].items() if value}


def test_a_run_keeps_its_weights_only_where_a_file_is_named(tmp_path: Path) -> None:
    run = run_on(tmp_path, SIGNALS)
    job = dataclasses.asdict(run)
    result = trainer.train_cell(job, lambda step: None)
    assert (result["status"], result["checkpoint"]) == ("ok", "checkpoints/0f.pt")
    assert load_checkpoint(Path(run.checkpoint)).trained.result["test_score"] == result["test_score"]
    os.unlink(run.checkpoint)
    result = trainer.train_cell({**job, "checkpoint": ""}, lambda step: None)
    assert result["status"] == "ok"
    assert "checkpoint" not in result
    assert not Path(run.checkpoint).exists()


def test_weights_that_cannot_be_written_leave_the_scores_and_say_why(tmp_path: Path) -> None:
    run = run_on(tmp_path, SIGNALS)
    (tmp_path / "results").write_text("a file where the folder should be")
    result = trainer.train_cell(dataclasses.asdict(run), lambda step: None)
    assert result["status"] == "ok"
    assert result["test_score"] > 0
    assert "checkpoint: cannot write the checkpoint" in result["detail"]
    assert "checkpoint" not in result


def test_what_stops_a_writer_leaves_no_part_of_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, trained = kept(tmp_path)
    before = file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixbench.tables.storage.os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        save_checkpoint(file, run_on(tmp_path, SIGNALS), trained)
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name]


def _changed(file: Path, **changes: Any) -> None:
    content = torch.load(file, weights_only=True)
    torch.save({**content, **changes}, file)


def _of_another_shape(file: Path) -> None:
    content = torch.load(file, weights_only=True)
    _changed(file, run={**content["run"], "width": 2 * WIDTH})


def _with_an_unknown_option(file: Path) -> None:
    content = torch.load(file, weights_only=True)
    _changed(file, run={**content["run"], "arguments": {**content["run"]["arguments"], "tails": 2}})


def _with_an_unknown_field(file: Path) -> None:
    content = torch.load(file, weights_only=True)
    _changed(file, run={**content["run"], "colour": "red"})


def _without_a_layer(file: Path) -> None:
    content = torch.load(file, weights_only=True)
    _changed(file, weights=dict(list(content["weights"].items())[3:]))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (os.unlink, "cannot read the checkpoint .*0f.pt: No such file or directory"),
        (lambda file: file.write_bytes(file.read_bytes()[:-900]), "0f.pt is not a checkpoint, or is incomplete"),
        (lambda file: file.write_bytes(b""), "0f.pt is not a checkpoint, or is incomplete"),
        (lambda file: file.write_text("mixer,score\n"), "0f.pt is not a checkpoint, or is incomplete"),
        (lambda file: torch.save(torch.nn.Linear(2, 2), file), "0f.pt is not a checkpoint, or is incomplete"),
        (lambda file: torch.save({"weights": 3}, file), "0f.pt is not a checkpoint of mixbench"),
        (lambda file: _changed(file, format=2), "was written by mixbench .* in format 2; this version reads format 1"),
        (lambda file: _changed(file, form=None), "0f.pt lacks form"),
        (_of_another_shape, "its model cannot be built|its weights do not fit its model: .*size mismatch"),
        (_without_a_layer, "its weights do not fit its model: .*Missing key"),
        (_with_an_unknown_option, "its mixer cannot be built with .*tails"),
        (_with_an_unknown_field, "is not a valid checkpoint of format 1: .*colour"),
    ],
    ids=[
        "missing",
        "cut short",
        "empty",
        "another file",
        "a module",
        "another dictionary",
        "a newer format",
        "without a part",
        "another shape",
        "fewer weights",
        "an unknown option",
        "an unknown field",
    ],
)
def test_a_file_that_cannot_be_used_is_refused(spoil: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    file, _ = kept(tmp_path)
    spoil(file)
    with pytest.raises(RequestError, match=message) as caught:
        load_checkpoint(file)
    assert caught.value.hint
    assert str(file) in str(caught.value)


def test_a_users_mixer_must_be_the_one_that_was_trained(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    shutil.copy(SAMPLES, source)
    file, trained = kept(tmp_path, mixer=f"{source}:Mean")
    x = torch.randn(1, TOKENS, 1)
    torch.testing.assert_close(load_checkpoint(file).trained.model(x), trained.model.eval()(x))
    source.write_text(SAMPLES.read_text().replace("self.gain *", "2 * self.gain *"))
    with pytest.raises(RequestError, match=r"0f\.pt: its mixer .*mine\.py has changed since it was trained") as caught:
        load_checkpoint(file)
    assert "Restore that file." in caught.value.hint
    source.write_text("from helper import Mean\n")
    (tmp_path / "helper.py").write_text(SAMPLES.read_text())
    file, _ = kept(tmp_path, mixer=f"{source}:Mean")
    load_checkpoint(file)
    (tmp_path / "helper.py").write_text(SAMPLES.read_text() + "\n")
    with pytest.raises(RequestError, match=r"mine\.py has changed since it was trained, or a module that it imports has"):
        load_checkpoint(file)
    source.unlink()
    with pytest.raises(RequestError, match=r"cannot read its mixer .*mine\.py: No such file"):
        load_checkpoint(file)
