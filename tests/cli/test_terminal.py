"""What commands say while they run."""

from __future__ import annotations

import pytest
import typer

from mixbench.api.duel_options import DuelOptions
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.verify_options import VerifyOptions
from mixbench.cli import terminal
from mixbench.cli.text.verify import verify_text


def test_a_second_part_of_a_study_counts_its_progress_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(0, 10_000, 20))
    monkeypatch.setattr(terminal.time, "monotonic", lambda: float(next(now)))
    with terminal.progress_display() as progress:
        for total in (4, 2):
            progress.begin(total)
            progress.step(1, "measuring")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(" 25%  about 60 s left")
    assert second.startswith(" 50%  about 20 s left")


@pytest.mark.parametrize(("resumes", "text"), [(True, "What was measured is kept; go on with"), (False, "Nothing was stored")])
def test_an_interrupt_says_whether_anything_is_kept(resumes: bool, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, terminal.reporting(resumes=resumes):
        raise KeyboardInterrupt
    assert left.value.exit_code == 130
    assert text in capsys.readouterr().err


def test_only_what_can_be_resumed_promises_it() -> None:
    assert SpeedOptions.resumes
    assert SelfcheckOptions.resumes
    assert not DuelOptions.resumes
    assert not VerifyOptions.resumes


def test_checks_of_a_mixer_wrap_between_words() -> None:
    checks = [{"name": "has the FLOPs of its closed form", "outcome": "pass", "detail": "inference 4096, training 12288"}]
    assert verify_text({"attention": checks}, 60).splitlines() == [
        "attention",
        "  ok    has the FLOPs of its closed form  inference 4096,",
        "        training 12288",
    ]
    assert len(verify_text({"attention": checks}, None).splitlines()) == 2
