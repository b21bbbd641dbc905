"""`mixbench report` writes one page, whole or not at all, and says where it is and how to see it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from folders import fill_folder
from running import Run, run_python
from synthetic import speed_rows

import mixbench
from mixbench.errors import RequestError
from mixbench.reports import page

SPEED = speed_rows(("attention", "fnet"), (64, 128), launches=2, rounds=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill_folder(tmp_path / "results", *SPEED)


def test_the_page_of_a_folder_is_in_it_and_its_size_and_how_to_see_it_are_told(folder: Path, run: Run) -> None:
    done = run("report", folder)
    assert (done.exit_code, done.stdout) == (0, f"{folder}/report.html\n")
    assert done.stderr.splitlines() == [
        "2.0 MB in one file: it opens offline, and can be mailed.",
        f"Next: open file://{folder}/report.html in a browser",
    ]
    text = (folder / "report.html").read_text()
    assert text.startswith("<!doctype html>")
    assert "fnet and attention cannot be told apart at 128 tokens" in text


def test_the_page_can_be_elsewhere(folder: Path, tmp_path: Path, run: Run) -> None:
    done = run("report", folder, "-o", tmp_path / "a page.html", "--baseline", "fnet")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}/a page.html\n")
    assert "Next: open file://" in done.stderr
    assert "a%20page.html" in done.stderr
    assert "attention and fnet cannot be told apart" in (tmp_path / "a page.html").read_text()
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (".", "is a folder, not a file for the page"),
        ("nowhere/page.html", "there is no folder"),
        ("file/page.html", "there is no folder"),
    ],
)
def test_a_place_where_no_file_can_be_is_refused_at_once(
    folder: Path, tmp_path: Path, run: Run, output: str, message: str
) -> None:
    (tmp_path / "file").touch()
    done = run("report", folder, "-o", tmp_path / output)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
    assert "--output" in done.stderr


def test_what_is_no_page_is_not_replaced(folder: Path, tmp_path: Path, run: Run) -> None:
    table, pipe = folder / "speed.csv", tmp_path / "pipe"
    before = table.read_bytes()
    os.mkfifo(pipe)
    for place in (table, pipe):
        done = run("report", folder, "-o", place)
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"{place} exists and is not a page: it would be lost" in done.stderr
    assert (table.read_bytes(), pipe.is_fifo()) == (before, True)


def test_an_older_page_and_an_empty_file_are_replaced(folder: Path, tmp_path: Path, run: Run) -> None:
    for content in ("", "<!DOCTYPE HTML>\nolder"):
        (tmp_path / "page.html").write_text(content)
        assert run("report", folder, "-o", tmp_path / "page.html").exit_code == 0
        assert (tmp_path / "page.html").read_text().startswith("<!doctype html>\n<html")


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_with_nothing_to_show_is_refused(tmp_path: Path, run: Run, there: bool) -> None:
    if there:
        (tmp_path / "empty").mkdir()
    done = run("report", tmp_path / "empty")
    assert (done.exit_code, done.stdout) == (2, "")
    assert ("nothing for a page" if there else "there is no folder") in done.stderr
    assert "Measure first: mixbench speed." in done.stderr
    assert [*tmp_path.rglob("*.html")] == []


def test_an_unknown_baseline_is_refused(folder: Path, run: Run) -> None:
    done = run("report", folder, "--baseline", "atention")
    assert done.exit_code == 2
    assert "Did you mean 'attention'?" in done.stderr


def test_without_the_extra_the_command_to_install_it_is_told(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    done = run("report", folder)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == ("mixbench: a report needs jinja2 and plotly\n  Install it with: pip install 'mixbench[report]'.\n")


def test_a_page_that_cannot_be_written_leaves_the_old_one(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "report.html").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixbench.tables.storage.os.replace", full)
    done = run("report", folder)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mixbench: cannot write {folder}/report.html: No space left on device")
    assert (folder / "report.html").read_text() == "old"
    assert [file.name for file in folder.iterdir() if "html" in file.name] == ["report.html"]


def test_from_python_the_file_is_returned(folder: Path, tmp_path: Path) -> None:
    assert mixbench.report(results=folder, output=tmp_path / "page.html") == tmp_path / "page.html"
    with pytest.raises(RequestError, match="is a folder"):
        mixbench.report(results=folder, output=tmp_path)


@pytest.mark.slow
def test_torch_stays_out(folder: Path) -> None:
    code = f"import sys, mixbench; mixbench.report(results={str(folder)!r}); sys.exit('torch' in sys.modules)"
    assert run_python("-c", code, folder=folder).exit_code == 0, sys.executable
