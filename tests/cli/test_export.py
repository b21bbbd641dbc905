from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from synthetic import speed_rows
from typer.testing import CliRunner

from mixbench.api.export import export, write_exports
from mixbench.cli.export import export as command
from mixbench.errors import UnknownNameError
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import LaunchRow
from mixbench.verdicts.gate.exports import FORMATS, Report

FILES = {
    "markdown": ["summary.md"],
    "json": ["mixbench.json"],
    "junit": ["junit.xml"],
    "github-action-benchmark": ["benchmark-smaller-is-better.json", "benchmark-bigger-is-better.json"],
    "bencher": ["bencher.json"],
}

app = typer.Typer()
app.command()(command)


def run(*words: object) -> tuple[int, list[str], str]:
    """Exit code, lines of standard output, standard error."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout.splitlines(), result.stderr


def measured(path: Path) -> Path:
    folder = ResultsFolder(path)
    with folder.writing():
        machine = {"cpu": "a CPU", "logical_cores": 4, "memory_gib": 8, "gpus": None}
        for rows in speed_rows(["attention", "none"], [64], launches=2, environment=folder.save_environment(machine)):
            folder.append(rows)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return measured(tmp_path / "results")


@pytest.mark.parametrize("format", FORMATS)
def test_a_format_is_written_beside_the_tables_and_its_files_are_printed(format: str, results: Path) -> None:
    code, printed, _ = run(results, "--format", format)
    assert (code, printed) == (0, [str(results / "exports" / name) for name in FILES[format]])
    assert all(Path(path).stat().st_size > 100 for path in printed)


def test_several_formats_go_to_the_folder_that_is_given_and_nowhere_else(results: Path, tmp_path: Path) -> None:
    before = sorted(results.rglob("*"))
    code, printed, _ = run(results, "--format", "junit, bencher,junit", "--output", tmp_path / "a" / "b")
    assert (code, printed) == (0, [str(tmp_path / "a" / "b" / name) for name in ("junit.xml", "bencher.json")])
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["bencher.json", "junit.xml"]
    assert sorted(results.rglob("*")) == before


def test_a_second_export_replaces_the_first(results: Path) -> None:
    (first,) = export(results)
    first.write_text("old")
    assert export(results) == [first]
    assert len(json.loads(first.read_text())["measures"]) == 2 * 6


def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    code, printed, said = run(tmp_path / "none", "--format", "json,junti")
    assert (code, printed) == (2, [])
    assert "unknown value 'junti' for --format" in said
    assert "Did you mean 'junit'?" in said


def test_a_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        code, printed, said = run(path)
        assert (code, printed) == (2, [])
        assert str(path) in said
        assert "mixbench speed" in said
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_cell_is_refused(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path)
    with folder.writing():
        told: list[LaunchRow] = speed_rows(["none"], [64], launches=1, environment=folder.save_environment({}))[1]
        folder.append(told)
    code, _, said = run(tmp_path)
    assert code == 2
    assert f"{tmp_path} holds no measurements" in said
    assert f"Measure first: mixbench speed --results {tmp_path}" in said
    assert not (tmp_path / "exports").exists()


def test_an_output_that_cannot_be_a_folder_is_refused(results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, said = run(results, "--output", tmp_path / "file")
    assert code == 2
    assert f"cannot write to the folder {tmp_path / 'file'}: " in said
    assert "--output" in said
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_named(results: Path) -> None:
    (results / "exports" / "mixbench.json").mkdir(parents=True)
    code, _, said = run(results)
    assert code == 1
    assert f"cannot write {results / 'exports' / 'mixbench.json'}: " in said
    assert [path.name for path in (results / "exports").iterdir()] == ["mixbench.json"]


def test_a_path_that_is_no_text_is_no_fault(tmp_path: Path) -> None:
    for path in export(measured(tmp_path / "results\udcff"), format=list(FORMATS)):
        assert path.read_bytes().decode()
    written = json.loads((tmp_path / "results\udcff" / "exports" / "mixbench.json").read_text())
    assert written["title"].endswith("results\udcff")


def test_a_report_of_any_origin_is_written_and_its_formats_are_checked(tmp_path: Path) -> None:
    (path,) = write_exports(Report("mine", (), ()), "markdown", tmp_path)
    assert "mine" in path.read_text()
    with pytest.raises(UnknownNameError, match="for --format"):
        write_exports(Report("mine", (), ()), "pdf", tmp_path)


def test_the_help_names_every_format() -> None:
    _, lines, _ = run("--help")
    said = re.sub(r"[\s│]+", "", "".join(lines))
    assert all(format in said for format in FORMATS)
