"""The studies that are built in, at every scale: their options, cells, time and claims."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mixbench.api.study_options import StudyOptions
from mixbench.api.study_run import PreparedStudy, prepare_study
from mixbench.api.study_source import built_in
from mixbench.parsing.study_file import StudyFile, parse_study
from mixbench.verdicts.claims.rules import RULES, claims_of

ROOT = Path(__file__).parents[2]
SCALES = {"hypermixer": ("tiny", "small", "paper"), "lra-speed": (None,), "mqar-state": ("tiny", "small")}
EVERY = [(name, scale) for name, scales in SCALES.items() for scale in scales]

INFERENCE_AND_TRAINING, MODELS = 2, 6
CELLS = {
    ("hypermixer", "tiny"): [
        ("speed", 5 * 3 * INFERENCE_AND_TRAINING),  # all but the control, three lengths
        ("speed", 3),  # what is tuned
        ("attention-map", 3 * 5),  # seeds
        ("data-efficiency", MODELS * 2 * 5),  # sizes and seeds
        ("tune", 3 * 6),  # trials
        ("cost", 0),
    ],
    ("hypermixer", "small"): [
        ("speed", 6 * 7 * INFERENCE_AND_TRAINING),  # with linear-attention, 64, 128, … 4096
        ("speed", 4),
        ("attention-map", 3 * 7),
        ("data-efficiency", MODELS * 5 * 7),
        ("tune", 4 * 20),
        ("cost", 0),
    ],
    ("hypermixer", "paper"): [
        ("speed", 7 * 8 * INFERENCE_AND_TRAINING * 2),  # 64, 128, … 8192 in two precisions
        ("speed", 4 * 2),
        ("attention-map", 2 * 5),
        ("data-efficiency", 5 * MODELS * 3 * 5),  # tasks, models, sizes, seeds, at two layers
        ("data-efficiency", 5 * MODELS * 5),  # all of the data at six layers
        ("tune", 5 * 4 * 20),
        ("cost", 0),
    ],
    ("lra-speed", None): [("speed", 8 * 3 * INFERENCE_AND_TRAINING)],
    ("mqar-state", "tiny"): [("data-efficiency", 3 * 2 * 3)],  # mixers, widths, seeds
    ("mqar-state", "small"): [("data-efficiency", 7 * 2 * 3)],
}
MINUTES = {
    ("hypermixer", "tiny"): 4.5,
    ("hypermixer", "small"): 60,
    ("lra-speed", None): 5,
    ("mqar-state", "tiny"): 5,
    ("mqar-state", "small"): 35,
}
"""What a study may take on two cores, as predicted."""


def planned(name: str, scale: str | None, tmp_path: Path) -> PreparedStudy:
    return prepare_study(StudyOptions(file=name, scale=scale, plan=True, jobs=2, results=tmp_path))


def text_of(name: str, scale: str | None) -> StudyFile:
    return parse_study(built_in()[name], name, scale)


def test_these_are_all_studies_and_all_scales() -> None:
    assert set(built_in()) == set(SCALES)
    assert {name: text_of(name, None).scales or (None,) for name in SCALES} == SCALES


def test_they_are_part_of_the_package() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["mixbench"]
    packed = {file.stem for pattern in patterns for file in (ROOT / "mixbench").glob(pattern)}
    assert set(SCALES) <= packed


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_every_part_has_the_cells_that_the_study_promises(name: str, scale: str | None, tmp_path: Path) -> None:
    parts = planned(name, scale, tmp_path).parts
    assert [(part.command, len(part.work.cells) if part.work else 0) for part in parts] == CELLS[name, scale]


@pytest.mark.parametrize(("name", "scale"), MINUTES)
def test_a_study_is_predicted_to_end_in_time(name: str, scale: str | None, tmp_path: Path) -> None:
    work = planned(name, scale, tmp_path).work
    assert work is not None
    assert work.seconds(work.units) < 60 * MINUTES[name, scale]


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, scale in EVERY if name != "lra-speed"])
def test_every_mixer_has_a_learning_rate_of_its_own(name: str, scale: str | None, tmp_path: Path) -> None:
    trained = [part for part in planned(name, scale, tmp_path).parts if part.command in ("data-efficiency", "attention-map")]
    assert trained
    assert all(part.options.learning_rate == "auto" for part in trained)
    assert all(part.options.seeds >= 3 for part in trained)


@pytest.mark.parametrize("scale", ["tiny", "small"])
def test_the_models_that_are_mapped_are_those_of_data_efficiency(scale: str, tmp_path: Path) -> None:
    parts = {part.command: part.work for part in planned("hypermixer", scale, tmp_path).parts}
    curves, maps = parts["data-efficiency"], parts["attention-map"]
    assert curves is not None
    assert maps is not None
    assert {run.identity("") for run in maps.cells} < {run.identity("") for run in curves.cells}
    assert [part.command for part in planned("hypermixer", scale, tmp_path).parts].index("attention-map") < 3, (
        "maps come first: their models keep their weights, and are then not trained again"
    )


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_the_time_of_an_example_is_measured_at_the_shapes_that_are_tuned(scale: str, tmp_path: Path) -> None:
    parts = planned("hypermixer", scale, tmp_path).parts
    (search,) = [part.work for part in parts if part.command == "tune"]
    timed = next(part.work for part in parts if part.command == "speed" and part.options.scope == "block")
    assert search is not None
    assert timed is not None
    names = ("mixer", "config", "tokens", "width", "device")
    assert {tuple(trial.keys[name] for name in names) for trial in search.cells} <= {
        tuple(cell.keys[name] for name in names) for cell in timed.cells
    }


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_claims_are_about_mixers_of_the_study(name: str, scale: str | None, tmp_path: Path) -> None:
    claims = claims_of(
        {name: {key: given.value for key, given in raw.items()} for name, raw in text_of(name, scale).claims.items()}
    )
    assert claims
    mixers = {
        each.partition(":")[0] for part in planned(name, scale, tmp_path).parts if part.work for each in part.options.mixer
    }
    for claim in claims:
        assert {claim.options["mixer"], *claim.options["against"]} <= mixers


def test_the_claims_of_the_paper_are_tested_by_all_rules() -> None:
    for scale in SCALES["hypermixer"]:
        claims = text_of("hypermixer", scale).claims
        assert {claim["rule"].value for claim in claims.values()} == set(RULES)
        assert [claim["mode"].value for claim in claims.values() if claim["rule"].value == "faster"] == [
            "inference",
            "training",
        ]


@pytest.mark.slow
def test_a_data_set_of_the_hub_may_lie_in_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    sizes = {"train": 60, "validation": 20}
    splits = {
        name: datasets.Dataset.from_dict(
            {"sentence": [f"{name} {n}" for n in range(size)], "label": [0, 1] * (size // 2)}, features
        )
        for name, size in sizes.items()
    }
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "glue" / "sst2")
    monkeypatch.chdir(tmp_path)
    curves = next(part.work for part in planned("hypermixer", "paper", tmp_path).parts if part.command == "data-efficiency")
    assert curves is not None
    assert len(curves.cells) == CELLS["hypermixer", "paper"][3][1]
    assert {run.keys["train_size"] for run in curves.cells if run.keys["task"] == "hf:glue/sst2"} == {6, 18, 60}
