"""What commands say while they run."""

from __future__ import annotations

import pytest

from mixbench.cli import terminal


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
