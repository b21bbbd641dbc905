"""All parts of a study as one plan: every cell once, what several parts make in one unit, times as those of the parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixbench.api.study_options import StudyOptions
from mixbench.api.study_parts import planned_parts
from mixbench.api.study_work import StudyWork, study_work
from mixbench.parsing.study_file import parse_study
from mixbench.studies.shards import spread

TRAINING = '[model]\nwidth = 8\ntask = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"\n'


def work_of(text: str) -> StudyWork:
    study = parse_study(text, "s.toml")
    parts, faults = planned_parts(study, StudyOptions(Path("s.toml"), plan=True), "")
    assert faults == []
    work = study_work(parts, lambda folder: None)
    assert work is not None
    return work


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))


def test_units_have_every_cell_once_and_shapes_that_two_parts_share_are_one_unit() -> None:
    work = work_of('[[speed]]\ntokens = "8..64"\n[[speed]]\ntokens = [64, 128]\n[[speed]]\ntokens = 64\nscope = "block"\n')
    assert sorted(place for unit in work.units for place in unit.places) == list(range(len(work.cells)))
    assert len(work.cells) == 7 * (4 + 2 + 1)
    united = [unit for unit in work.units if " + " in unit.key]
    assert len(united) == 1
    assert united[0].key.startswith("1. speed: 64 tokens")
    assert {work.cells[place][0] for place in united[0].places} == {0, 1}
    assert len(work.units) == 4 + 1 + 1


def test_trials_for_a_rate_that_another_part_trains_are_made_in_the_same_shard() -> None:
    parts = '[[data-efficiency]]\nsizes = 20\nseeds = 1\nlearning-rate = "auto"\nmixer = "none"\n'
    same = f'{parts}[[data-efficiency]]\nsizes = 20\nseeds = 1\nmixer = "none"\nlearning-rate = 0.01\n'
    assert len(work_of(TRAINING + same).units) == 1
    assert len(work_of(TRAINING + same.replace("0.01", "0.02")).units) == 2


def test_the_time_of_a_study_is_that_of_its_parts() -> None:
    work = work_of(f"{TRAINING}[speed]\ntokens = 8\n[tune]\ntrials = 3\nsize = 1.0\n[cost]\n")
    assert work.seconds(work.units) == pytest.approx(sum(part.seconds(part.units) for part in work.works))
    assert work.seconds([]) == 0
    (speed,) = (unit for unit in work.units if "speed" in unit.key)
    assert work.seconds([speed]) == pytest.approx(work.works[0].seconds(work.works[0].units), rel=1e-2)


def test_units_of_all_parts_are_spread_together_and_have_keys_of_their_own() -> None:
    work = work_of(f"{TRAINING}[speed]\ntokens = [8, 16]\n[tune]\ntrials = 3\nsize = 1.0\n")
    numbers = spread(work.units, 3)
    assert set(numbers) == {1, 2, 3}
    assert len({unit.key for unit in work.units}) == len(work.units)


def test_a_study_that_only_reads_has_no_plan() -> None:
    study = parse_study("[cost]", "s.toml")
    parts, _ = planned_parts(study, StudyOptions(Path("s.toml"), plan=True), "")
    assert study_work(parts, lambda folder: None) is None
