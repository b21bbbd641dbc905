"""Checking mixers, each in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import Run

from mixbench import verify
from mixbench.errors import RequestError

MIXER = """
import os, torch
{at_import}
class Mine(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        {built}
    def forward(self, x):
        return {forward}
"""


def mixer(file: Path, *, at_import: str = "", built: str = "", forward: str = "x") -> str:
    """The name of a mixer in a file that is written here."""
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(MIXER.format(at_import=at_import, built=built, forward=forward))
    return f"{file}:Mine"


@pytest.mark.slow
def test_a_mixer_that_hangs_or_dies_fails_and_the_others_are_checked(tmp_path: Path, run: Run) -> None:
    names = [
        mixer(tmp_path / "right" / "mine.py"),
        mixer(tmp_path / "wrong" / "mine.py", forward="x[:, :1]"),
        mixer(tmp_path / "hangs.py", at_import="while True: pass"),
        mixer(tmp_path / "dies.py", built="os.abort()"),
        mixer(tmp_path / "parent.py", built="os.kill(os.getppid(), 9)"),
    ]
    done = run("verify", *names, "--timeout", 8)
    assert done.exit_code == 1
    parts = done.stdout.split("\n  ok    runs")
    assert len(parts) == 3
    assert names[0] in parts[0]
    assert names[1] in parts[1]
    assert "FAIL  keeps the shape" in parts[2]
    assert "FAIL" not in parts[1]
    for reason in ("no progress for 8 s", "killed by SIGABRT", "the parent of the measuring process was ended"):
        assert "  FAIL  runs  " in done.stdout
        assert reason in done.stdout


def test_a_time_limit_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match="--timeout is 0; it must be above 0"):
        verify("none", timeout=0)
