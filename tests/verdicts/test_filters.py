"""Rows are chosen by the values of their columns; what leaves nothing is refused with the values that there are."""

from __future__ import annotations

import pytest
from synthetic import speed_rows
from synthetic_training import training_rows, trial_rows

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.filters import Filter, Tables, sift

SPEED, _ = speed_rows(("attention", "hypermixer", "hypermixer:heads=4"), (64, 128), modes=("inference", "training"), rounds=1)
TABLES: Tables = {SpeedRow: SPEED, TrainingRow: training_rows(("attention", "none"), (250,))}


def test_rows_have_one_of_the_values_of_every_column() -> None:
    found = sift(TABLES, Filter(values={"tokens": (64, 100), "mode": ("training",)})).tables
    assert {(row.tokens, row.mode) for row in found[SpeedRow]} == {(64, "training")}
    assert len(found[SpeedRow]) == len(SPEED) / 4
    assert found[TrainingRow] == TABLES[TrainingRow], "a table without modes is not narrowed by one"
    assert sift(TABLES, Filter()).tables == TABLES


def test_a_mixer_is_chosen_by_its_string_or_label_and_a_name_means_every_other_mixer_of_it() -> None:
    def chosen(*texts: str) -> set[str]:
        return {row.config for row in sift({SpeedRow: SPEED}, Filter(texts)).tables[SpeedRow]}

    plain, four = chosen("hypermixer"), chosen("hypermixer:heads=4")
    assert (len(plain), len(four)) == (1, 1)
    assert chosen("hypermixer heads=4") == four != plain
    others = [row for row in SPEED if row.config not in plain]
    assert {row.config for row in sift({SpeedRow: others}, Filter(("hypermixer",))).tables[SpeedRow]} == four
    assert chosen("attention", "hypermixer heads=4") > four


def test_a_mixer_of_any_table_is_known_and_that_of_none_is_an_error_with_the_labels() -> None:
    found = sift(TABLES, Filter(("none",)))
    assert {row.mixer for row in found.tables[TrainingRow]} == {"none"}
    assert found.remarks == ("no row of speed.csv has --mixer none",)
    with pytest.raises(UnknownNameError) as error:
        sift(TABLES, Filter(("attention", "hypermixr")))
    assert error.value.hint == "Did you mean 'hypermixer'? Known: attention, hypermixer, hypermixer heads=4, none."


def test_a_search_is_chosen_by_the_label_that_its_table_shows() -> None:
    rows = [row if row.mixer == "none" else replace_searched(row) for row in trial_rows(("hypermixer", "none"), trials=3)]
    found = sift({TrialRow: rows}, Filter(("hypermixer heads=1,2",))).tables[TrialRow]
    assert [row.mixer for row in found] == ["hypermixer"] * 3


def replace_searched(row: TrialRow) -> TrialRow:
    return TrialRow(**{**vars(row), "settings": '{"searched":{"hypermixer.heads":"1,2"}}'})


def test_what_leaves_nothing_is_refused_with_what_there_is() -> None:
    for values, message, hint in (
        ({"tokens": (9, 8)}, "no row has --tokens 9,8", "Available: --tokens 64,100,128"),
        ({"tokens": (64,), "width": (64, 7)}, None, None),
        ({"tokens": (64,), "width": (7,)}, "no row with --tokens 64 has --width 7", "Available: --width 64"),
        ({"environment": ("0f",)}, "no row has --environment 0f", "Available: --environment abc123"),
    ):
        if message is None:
            assert sift(TABLES, Filter(values=values)).remarks == (
                "no row has --width 7",
                "no row of data_efficiency.csv has --tokens 64 --width 64,7",
            )
            continue
        with pytest.raises(RequestError) as error:
            sift(TABLES, Filter(values=values))
        assert (str(error.value), error.value.hint) == (message, hint)
    with pytest.raises(RequestError, match=r"--batch 1: data_efficiency.csv has no column batch"):
        sift({TrainingRow: TABLES[TrainingRow]}, Filter(values={"batch": (1,)}))
