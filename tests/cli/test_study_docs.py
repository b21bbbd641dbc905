"""What docs/study.md shows is a study that is planned as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from places import REPOSITORY
from running import Run

PAGE = (REPOSITORY / "docs" / "study.md").read_text()
FILES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_examples() -> None:
    assert FILES


@pytest.mark.parametrize("text", FILES)
def test_every_file_in_the_docs_can_be_planned(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper.toml").write_text(text)
    for scale in re.findall(r"^\[scale\.(\w+)", text, re.MULTILINE) or [None]:
        told = run("study", "paper.toml", "--dry-run", *(["--scale", scale] if scale else []))
        assert told.exit_code == 0, told.stderr


def test_the_faults_in_the_docs_are_those_of_such_a_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = FILES[0]
    for right, wrong in (('"hypermixer"', '"hypermixr"'), ("64..1024", "64..1000"), ("trials = 20", "trails = 20")):
        text = text.replace(right, wrong, 1)
    (tmp_path / "paper.toml").write_text(text)
    told = run("study", "paper.toml").stderr
    shown = re.search(r"\$ mixbench study paper\.toml\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    for line in shown[1].splitlines():
        assert line.rstrip("… ") in told, line
