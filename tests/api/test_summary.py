"""`mixbench.summary`: what the command of each study prints, as a DataFrame."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pandas
import pytest
from folders import fill_folder
from synthetic import speed_rows
from synthetic_maps import map_rows
from synthetic_training import training_rows, trial_rows

import mixbench
from mixbench.api.plot_options import Study
from mixbench.errors import RequestError, UnknownNameError

MIXERS = ("attention", "hypermixer", "mlp-mixer")
STUDIES = get_args(Study)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of every study."""
    speed, launches = speed_rows(MIXERS, (100, 200), modes=("training",))
    shares = dict.fromkeys(MIXERS, 0.5)
    return fill_folder(
        tmp_path_factory.mktemp("results"),
        speed,
        launches,
        training_rows(MIXERS),
        trial_rows(MIXERS, trials=12),
        map_rows(shares),
    )


@pytest.mark.parametrize("study", STUDIES)
def test_every_mixer_of_a_study_has_numbers_with_intervals(study: str, results: Path) -> None:
    frame = mixbench.summary(results, study=study)
    assert set(frame.mixer) == set(MIXERS)
    lows = [name for name in frame.columns if name.endswith("low")]
    assert lows
    for low in lows:
        known = frame[frame[low].notna()]
        assert (known[low] <= known[low.removesuffix("low") + "high"]).all()


def test_speed_is_the_default_and_its_ratios_are_relative_to_the_baseline(results: Path) -> None:
    frame = mixbench.summary(results)
    pandas.testing.assert_frame_equal(frame, mixbench.summary(results, study="speed", baseline="attention"))
    cells = frame[frame.table == "cells"]
    assert sorted(cells.tokens) == [100] * 3 + [200] * 3
    assert set(cells[cells.mixer == "attention"].ratio) == {1.0}
    other = mixbench.summary(results, baseline="mlp-mixer")
    assert set(other[(other.table == "cells") & (other.mixer == "mlp-mixer")].ratio) == {1.0}


@pytest.mark.parametrize("study", STUDIES)
def test_a_folder_without_rows_says_what_to_do_first(study: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        mixbench.summary(tmp_path, study=study)
    assert str(tmp_path) in str(caught.value)
    assert "mixbench " in caught.value.hint


@pytest.mark.parametrize("study", [study for study in STUDIES if study != "attention-map"])
def test_an_unknown_baseline_is_refused_with_the_known_ones(study: str, results: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown baseline 'atention'") as caught:
        mixbench.summary(results, study=study, baseline="atention")
    assert "Did you mean 'attention'?" in caught.value.hint
