from __future__ import annotations

import json
from pathlib import Path

import pytest
from folders import fill_folder
from running import Run
from synthetic import speed_rows
from synthetic_training import training_rows

from mixbench.api.export import export, write_exports
from mixbench.errors import UnknownNameError
from mixbench.verdicts.gate.exports import FORMATS, Report

FILES = {
    "markdown": ["summary.md", "speed.md"],
    "latex": ["speed.tex"],
    "json": ["mixbench.json"],
    "junit": ["junit.xml"],
    "github-action-benchmark": ["benchmark-smaller-is-better.json", "benchmark-bigger-is-better.json"],
    "bencher": ["bencher.json"],
}


def measured(path: Path) -> Path:
    return fill_folder(path, *speed_rows(["attention", "none"], [64], launches=2))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return measured(tmp_path / "results")


@pytest.mark.parametrize("format", [*FORMATS, "latex"])
def test_a_format_is_written_beside_the_tables_and_its_files_are_printed(run: Run, format: str, results: Path) -> None:
    done = run("export", results, "--format", format)
    assert (done.exit_code, done.stdout.splitlines()) == (0, [str(results / "exports" / name) for name in FILES[format]])
    assert all(Path(path).stat().st_size > 100 for path in done.stdout.splitlines())


def test_several_formats_go_to_the_folder_that_is_given_and_nowhere_else(run: Run, results: Path, tmp_path: Path) -> None:
    before = sorted(results.rglob("*"))
    output = tmp_path / "a" / "b"
    done = run("export", results, "--format", "junit, bencher,junit", "--output", output)
    assert (done.exit_code, done.stdout) == (0, f"{output / 'junit.xml'}\n{output / 'bencher.json'}\n")
    assert sorted(path.name for path in output.iterdir()) == ["bencher.json", "junit.xml"]
    assert sorted(results.rglob("*")) == before


def test_only_the_chosen_rows_are_exported(run: Run, tmp_path: Path) -> None:
    folder = fill_folder(
        tmp_path / "results",
        *speed_rows(["attention", "none", "fnet"], [64, 128], modes=("inference", "training"), launches=2, rounds=1),
        training_rows(("attention",), (250,)),
    )
    options = "--mode training --mixer none --baseline attention --tokens 64,7,100 --format json,latex"
    done = run("export", folder, *options.split())
    assert (done.exit_code, done.stderr) == (0, "no row has --tokens 7\n")
    whole, table = (Path(line).read_text() for line in done.stdout.splitlines())
    cells = {measure["cell"] for measure in json.loads(whole)["measures"]}
    assert {cell.partition(" · ")[0] for cell in cells} == {"speed", "data_efficiency"}
    assert not any("inference" in cell or "fnet" in cell or "128" in cell for cell in cells)
    assert "none & " in table
    assert "fnet" not in table
    done = run("export", folder, "--tokens", "7")
    assert (done.exit_code, done.stderr) == (2, "mixbench: no row has --tokens 7\n  Available: --tokens 64,100,128\n")


def test_without_rows_of_speed_there_is_no_table_of_it(run: Run, tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "results", training_rows(("attention",), (250,)))
    assert run("export", folder, "--format", "markdown").stdout == f"{folder / 'exports' / 'summary.md'}\n"
    done = run("export", folder, "--format", "latex")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no rows of speed" in done.stderr


def test_a_second_export_replaces_the_first(results: Path) -> None:
    (first,) = export(results)
    first.write_text("old")
    assert export(results) == [first]
    assert len(json.loads(first.read_text())["measures"]) == 2 * 6


def test_an_unknown_format_is_refused_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    done = run("export", tmp_path / "none", "--format", "json,junti")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "unknown value 'junti' for --format" in done.stderr
    assert "Did you mean 'junit'?" in done.stderr


def test_a_folder_that_is_not_there_or_empty_is_refused(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        done = run("export", path)
        assert (done.exit_code, done.stdout) == (2, "")
        assert str(path) in done.stderr
        assert "mixbench speed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_cell_is_refused(run: Run, tmp_path: Path) -> None:
    _, launches = speed_rows(["none"], [64], launches=1)
    fill_folder(tmp_path, launches)
    done = run("export", tmp_path)
    assert done.exit_code == 2
    assert f"{tmp_path} holds no measurements" in done.stderr
    assert f"Measure first: mixbench speed --results {tmp_path}" in done.stderr
    assert not (tmp_path / "exports").exists()


def test_an_output_that_cannot_be_a_folder_is_refused(run: Run, results: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    done = run("export", results, "--output", tmp_path / "file")
    assert done.exit_code == 2
    assert f"cannot write to the folder {tmp_path / 'file'}: " in done.stderr
    assert "--output" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_named(run: Run, results: Path) -> None:
    (results / "exports" / "mixbench.json").mkdir(parents=True)
    done = run("export", results)
    assert done.exit_code == 1
    assert f"cannot write {results / 'exports' / 'mixbench.json'}: " in done.stderr
    assert [path.name for path in (results / "exports").iterdir()] == ["mixbench.json"]


def test_a_path_that_is_no_text_is_no_fault(tmp_path: Path) -> None:
    for path in export(measured(tmp_path / "results\udcff"), format=list(FORMATS)):
        assert path.read_bytes().decode()
    written = json.loads((tmp_path / "results\udcff" / "exports" / "mixbench.json").read_text())
    assert written["title"].endswith("results\udcff")


def test_a_report_of_any_origin_is_written_and_its_formats_are_checked(tmp_path: Path) -> None:
    (path,) = write_exports(Report("mine", tuple, ()), "markdown", tmp_path)
    assert "mine" in path.read_text()
    with pytest.raises(UnknownNameError, match="for --format"):
        write_exports(Report("mine", tuple, ()), "pdf", tmp_path)


def test_the_help_names_every_format(run: Run) -> None:
    assert ", ".join(FORMATS) in run("export", "--help").stdout
