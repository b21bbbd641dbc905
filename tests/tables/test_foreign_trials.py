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
    assert read_trials(file).scores == {"a": [0.5, None, None], "b": [0.25, 0.1]}


@pytest.mark.parametrize(("name", "mixer"), [("sweep.csv", "sweep"), ("swe\nep\udcff.csv", "swe?ep?")])
def test_without_a_mixer_the_trials_belong_to_the_file(name: str, mixer: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\ufeffscore\n1\n2\n")
    assert read_trials(tmp_path / name).scores == {mixer: [1.0, 2.0]}


@pytest.mark.parametrize(
    "content",
    [
        "Mixer,SCORE\na,0.5\n",
        "mixer;score\na;0.5\n",
        "mixer\tscore\na\t0.5\n",
        ",number,value,params_lr,params_mixer,state\n0,0,0.5,0.1,a,COMPLETE\n",
        "number,value,datetime_start,user_attrs_mixer\n0,0.5,2026-01-01 10:00:00,a\n",
        '"Name","State","lr","mixer","score"\n"vivid-sun-1","finished","0.1","a","0.5"\n',
        "score,trial_id,training_iteration,config/mixer\n0.5,c3f_00000,7,a\n",
        "score,value,mixer\n0.5,0.9,a\n",
    ],
)
def test_the_columns_of_other_programs_are_understood(content: str, file: Path) -> None:
    file.write_text(content)
    assert read_trials(file).scores == {"a": [0.5]}


@pytest.mark.parametrize("number", ["0,71", "1_000", "50.0%"])
def test_a_number_in_another_form_is_refused_with_how_to_write_it(number: str, file: Path) -> None:
    file.write_text(f"mixer;score\na;{number}\n")
    with pytest.raises(RequestError, match=f"line 2: '{number}' is not a number") as raised:
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
        ("score\n٥\n", "line 2: '٥' is not a number"),
        ('{"score": 1}\n', "holds JSON"),
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
    with pytest.raises(RequestError, match="is not UTF-8: byte 0xff"):
        read_trials(file)


def test_a_failed_or_pruned_trial_has_no_score_and_one_that_runs_is_left_out(file: Path) -> None:
    states = ("COMPLETE", "FAIL", "PRUNED", "RUNNING", "WAITING", "complete")
    file.write_text("number,value,state\n" + "".join(f"{k},0.{k + 1},{state}\n" for k, state in enumerate(states)))
    trials = read_trials(file)
    assert trials.scores == {"sweep": [0.1, None, None, 0.6]}
    assert trials.remarks == ("sweep.csv: 2 rows of unfinished trials left out.",)


def test_a_state_that_is_about_something_else_is_nobodys_business(file: Path) -> None:
    file.write_text("score,state\n0.5,Oregon\n0.6,Utah\n")
    assert read_trials(file).scores == {"sweep": [0.5, 0.6]}
    file.write_text("score,status\n0.5,open\n0.6,lost\n0.7,done\n")
    assert read_trials(file).scores == {"sweep": [0.5, 0.6, 0.7]}
    file.write_text("score,state\n0.5,finished\n0.6,Utah\n")
    with pytest.raises(RequestError, match="line 3: 'utah' is not a known trial state"):
        read_trials(file)


CURVES = {
    "a repeated trial": "trial,mixer,score\n1,a,0.1\n2,a,0.5\n1,a,0.3\n2,a,0.4\n1,b,0.2\n",
    "a step and a trial, not in order": "run,step,mixer,score\n1,2,a,0.3\n1,1,a,0.1\n2,2,a,0.4\n2,1,a,0.5\n1,1,b,0.2\n",
    "steps that begin anew": "Mixer;Epochs;Score\na;0;0.1\na;1;0.3\na;0;0.5\nb;0;0.2\na;1;0.4\n",
}


@pytest.mark.parametrize("content", CURVES.values(), ids=CURVES)
def test_learning_curves_are_no_independent_trials(content: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(RequestError, match=r"that begins here has 2 rows: .* 3 trials in 5 rows") as raised:
        read_trials(file)
    assert "--take last" in raised.value.hint
    assert "--take best" in raised.value.hint


@pytest.mark.parametrize("content", CURVES.values(), ids=CURVES)
def test_a_learning_curve_counts_as_its_last_or_its_best_score(content: str, file: Path) -> None:
    file.write_text(content)
    last, best, least = read_trials(file, "last"), read_trials(file, "best"), read_trials(file, "best", lower_is_better=True)
    assert last.scores == {"a": [0.3, 0.4], "b": [0.2]}
    assert best.scores == {"a": [0.3, 0.5], "b": [0.2]}
    assert least.scores == {"a": [0.1, 0.4], "b": [0.2]}
    assert last.remarks == ("sweep.csv: 5 rows reduced to 3 trials, the last score of each.",)


def test_a_curve_diverged_if_its_last_score_is_no_number_not_if_its_last_steps_were_not_evaluated(file: Path) -> None:
    diverged = "1,1,0.5\n1,2,nan\n1,3,\n2,1,0.5\n2,2,inf\n"
    file.write_text(f"trial,step,score\n{diverged}3,1,0.4\n3,2,\n3,3,0.6\n3,4,\n4,1,\n4,2,\n")
    assert read_trials(file, "last").scores == {"sweep": [None, None, 0.6, None]}
    assert read_trials(file, "best").scores == {"sweep": [0.5, 0.5, 0.6, None]}


@pytest.mark.parametrize("content", ["step,score\n700,0.5\n700,0.6\n", "trial,step,score\n1,300,0.5\n2,700,0.6\n"])
def test_a_step_is_no_curve_where_each_row_is_a_trial(content: str, file: Path) -> None:
    file.write_text(content)
    assert read_trials(file).scores == {"sweep": [0.5, 0.6]}
    assert read_trials(file, "last").remarks == ()


def test_steps_that_fit_no_trial_are_refused(file: Path) -> None:
    file.write_text("mixer,step,score\na,1,0.1\na,1,0.2\na,2,0.3\na,2,0.4\n")
    with pytest.raises(RequestError, match="line 5: it is unclear which trial step 2 belongs to") as raised:
        read_trials(file, "last")
    assert "column trial" in raised.value.hint


def test_a_score_too_large_to_reckon_with_diverged(file: Path) -> None:
    file.write_text("score\n1e308\n1\n-inf\n")
    assert read_trials(file).scores == {"sweep": [None, 1.0, None]}
