"""Trials made elsewhere: what the file may hold, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixbench.errors import RequestError
from mixbench.tables.foreign_trials import read_trials


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sweep.csv"


def test_scores_are_read_by_mixer_in_their_order_and_what_diverged_has_none(file: Path) -> None:
    file.write_text("run,mixer,score\n1,a,0.5\n2,b,0.25\n3,a,\n4,a,nan\n5,b,1e-1\n")
    assert read_trials(file) == {"a": [0.5, None, None], "b": [0.25, 0.1]}


def test_without_a_mixer_the_trials_belong_to_the_file(file: Path) -> None:
    file.write_text("\ufeffscore\n1\n2\n")
    assert read_trials(file) == {"sweep": [1.0, 2.0]}


@pytest.mark.parametrize("content", ["Mixer,SCORE\na,0.5\n", "mixer;score\na;0.5\n", "mixer\tscore\na\t0.5\n"])
def test_the_columns_of_other_programs_are_understood(content: str, file: Path) -> None:
    file.write_text(content)
    assert read_trials(file) == {"a": [0.5]}


def test_a_number_with_a_comma_is_refused_with_how_to_write_it(file: Path) -> None:
    file.write_text("mixer;score\na;0,71\n")
    with pytest.raises(RequestError, match="line 2: '0,71' is not a number") as raised:
        read_trials(file)
    assert "with a point" in raised.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("mixer,score\na,0.71\na,0,71\n", "line 3 has 3 fields, but the header names 2 columns"),
        ("mixer,score\na\n", "line 2 has 1 field, but the header names 2 columns"),
        ("score,mixer,Score\n1,a,2\n", "has 2 columns 'score'"),
        ("loss\n1\n", "has no column 'score'; its columns are: loss"),
        ("", "has no column 'score'; its columns are: none"),
        ("score\n1\ntwo\n", "line 3: 'two' is not a number"),
        ("mixer,score\n,1\n", "line 2: mixer is empty"),
        ("score\n\n", "has no scores"),
        ("score\nnan\n", "has no scores"),
        ('score\n"1\n', "is not a CSV"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_line(content: str, message: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(RequestError, match=message) as raised:
        read_trials(file)
    assert str(file) in str(raised.value)
    assert "mixer,score" in raised.value.hint


def test_a_file_that_is_not_there_or_no_text_is_named(file: Path) -> None:
    with pytest.raises(RequestError, match="cannot read"):
        read_trials(file)
    file.write_bytes(b"score\n\xff\n")
    with pytest.raises(RequestError, match="is not a CSV"):
        read_trials(file)
