"""README.md, docs/ and CONTRIBUTING.md say what the program does, and what they show can be done as it stands there."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from doc_tables import TABLES, up_to_date
from documents import FENCE, commands, parse
from running import search_path

import mixbench
from mixbench.cli import app
from mixbench.cli.text.speed import speed_table
from mixbench.mixers import MIXERS
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.summary import summarise

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
PAGES = [README, *sorted(ROOT.glob("docs/**/*.md")), CONTRIBUTING]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
DATA = r"[\w./-]+\.(?:csv|tsv|jsonl|parquet|py)"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def python_blocks(page: Path) -> list[str]:
    return PYTHON.findall(page.read_text())


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leaf_commands(command: object, name: str = "mixbench") -> list[str]:
    """`mixbench speed`, `mixbench track add`: whatever does something."""
    below: dict[str, object] = getattr(command, "commands", {})
    return [leaf for sub, one in below.items() for leaf in leaf_commands(one, f"{name} {sub}")] or [name]


@each_page
def test_every_command_parses(page: Path) -> None:
    for words in commands(page.read_text()):
        parse(words)


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if link.startswith(("https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def made_by(page: Path) -> set[str]:
    """The files that a page writes: redirections, copies, code blocks under `file`:, and what its Python writes."""
    text = page.read_text()
    patterns = [rf">>? ({DATA})", rf"cp \S+ ({DATA})", rf"[`]({DATA})[`]:\n\n```python", rf'to_csv\("({DATA})"']
    return {file for pattern in patterns for file in re.findall(pattern, text)}


def named_by(page: Path) -> set[str]:
    """The data and mixer files that the commands and the Python of a page name."""
    words = [word for command in commands(page.read_text()) for word in command]
    strings = [word for block in python_blocks(page) for word in re.findall(r'"([^"\n]+)"', block)]
    found = (re.match(rf"({DATA})(:|$)", word) for word in [*words, *strings])
    return {match[1] for match in found if match}


@each_page
def test_every_file_that_an_example_names_is_there_or_made_on_the_page(page: Path) -> None:
    assert [name for name in sorted(named_by(page) - made_by(page)) if not (ROOT / name).exists()] == []


@each_page
def test_every_folder_that_a_command_reads_is_there_or_made_on_the_page(page: Path) -> None:
    made = {"results"}
    for _, name, *rest in commands(page.read_text()):
        given = [after for word, after in pairwise(rest) if word == "--results"]
        read = {"compare": rest[:2], "export": rest[:1], "track": rest[1:2], "plot": given, "cost": given}.get(name, [])
        missing = [folder for folder in read if not folder.startswith("-") and not (ROOT / folder).exists()]
        assert set(missing) <= made, (name, rest)
        made |= set(given)


def test_the_readme_fits_two_minutes() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", [README, ROOT / "docs" / "mixers.md"], ids=lambda page: page.name)
def test_the_number_of_mixers_is_that_of_the_program(page: Path) -> None:
    assert [int(number) for number in re.findall(r"(\d+) mixers", page.read_text())] == [len(MIXERS)]


def test_the_table_of_commands_is_that_of_the_program() -> None:
    told = re.findall(r"^\| `mixbench ([\w-]+)[A-Z ]*` \|", README.read_text(), re.MULTILINE)
    assert sorted(told) == sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_is_shown_in_an_example() -> None:
    shown = [" ".join(["mixbench", *words[1:]]) + " " for page in PAGES for words in commands(page.read_text())]
    every = leaf_commands(typer.main.get_command(app))
    assert [name for name in every if not any(line.startswith(f"{name} ") for line in shown)] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_the_docs_is_the_one_of_the_program(name: str) -> None:
    file, expected = up_to_date(name)
    assert file.read_text() == expected, "out of date: run python tests/helpers/doc_tables.py --write"


def test_the_sample_in_the_readme_is_what_the_program_prints_of_the_stored_rows() -> None:
    sample = README.read_text().partition("$ mixbench speed\n")[2].partition("```")[0]
    folder = ResultsFolder(ROOT / "results" / "reference")
    printed = speed_table(summarise(folder.read(SpeedRow), folder.read(LaunchRow), None), 100, True).plain.splitlines()
    shown = [line for line in sample.splitlines() if line != "…"]
    lines = iter(line.rstrip() for line in printed)
    assert [line for line in shown if line.rstrip() not in lines] == []  # in this order
    assert len(shown) > 8


@each_page
def test_the_python_of_a_page_calls_what_there_is_with_options_that_it_takes(page: Path) -> None:
    for block in python_blocks(page):
        for node in ast.walk(ast.parse(inspect.cleandoc("\n" + block).removesuffix(","))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "mixbench":
                taken = inspect.signature(getattr(mixbench, node.func.attr)).parameters
                assert {keyword.arg for keyword in node.keywords} <= taken.keys()


def test_the_page_on_python_names_every_function() -> None:
    told = re.findall(r"^\| (`.*?`) \|", (ROOT / "docs" / "python.md").read_text(), re.MULTILINE)
    assert sorted(name.strip("`") for cell in told for name in cell.split(", ")) == sorted([*mixbench.__all__, "list"])


def run(folder: Path, *words: str, **variables: str) -> str:
    """What a command prints; it must succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")} | variables
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell_block(page: Path, start: str) -> str:
    """The shell block that begins with `start`, calling this interpreter's mixbench."""
    (block,) = (block for block in FENCE.findall(page.read_text()) if block.startswith(start))
    return re.sub(r"^mixbench ", f"{sys.executable} -m mixbench ", block, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_mixers_of_the_pages_keep_the_contract_and_one_with_steps_can_decode(tmp_path: Path) -> None:
    for page in (README, ROOT / "docs" / "gate.md"):
        (block,) = re.findall(r"^cat > mine\.py <<'END'\n.*?^END\n", page.read_text(), re.DOTALL | re.MULTILINE)
        (tmp_path / page.stem).mkdir()
        run(tmp_path / page.stem, "bash", "-ec", block)
    for name, block in zip(("mine", "decaying"), python_blocks(ROOT / "docs" / "mixers.md"), strict=True):
        (tmp_path / f"{name}.py").write_text(block)
    chosen = ["README/mine.py:Mean", "gate/mine.py:Mean", "mine.py:Mean:gain=0.5", "decaying.py:Decaying"]
    told = run(tmp_path, sys.executable, "-m", "mixbench", "verify", "--details", *chosen)
    assert told.count("ok    runs") == len(chosen)
    *_, with_mask, with_steps = (told.split(f"{name}\n")[1] for name in chosen)
    assert "ok    honours a mask" in with_mask
    assert "ok    steps equal forward" in with_steps
    small = ["--tokens", "8,16", "--width", "8", "--launches", "1", "--budget", "0.05"]
    decode = ["speed", "--mixer", "decaying.py:Decaying", "--mode", "decode", *small]
    told = run(tmp_path, sys.executable, "-m", "mixbench", *decode)
    assert "state MiB" in told
    assert "latency per token by context" in told


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [README, *(ROOT / "docs" / name for name in ("data-efficiency.md", "data.md"))], ids=lambda page: page.name
)
def test_the_text_data_of_a_page_can_be_trained_on(page: Path, tmp_path: Path) -> None:
    quickly = "--steps 2 --seeds 1 --mixer none --jobs 1"
    script = shell_block(page, "printf").replace("--steps 100", quickly)
    assert quickly in script
    assert "test accuracy" in run(tmp_path, "bash", "-ec", script, MIXBENCH_CACHE=str(tmp_path / "cache"))


@pytest.mark.slow
def test_the_text_data_of_the_page_on_python_can_be_trained_on(tmp_path: Path) -> None:
    (block,) = (block for block in python_blocks(ROOT / "docs" / "python.md") if 'task="text"' in block)
    script = block.replace("steps=100", 'steps=2, mixer="none", jobs=1') + "print(len(runs), set(runs.status))\n"
    assert "{'ok'}" in run(tmp_path, sys.executable, "-c", script, MIXBENCH_CACHE=str(tmp_path / "cache"))


@pytest.mark.slow
def test_the_example_of_adding_a_mixer_works(tmp_path: Path) -> None:
    module, entry, reference, case = python_blocks(CONTRIBUTING)
    for name in ("mixbench", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "mixbench" / "mixers" / "projected_mean.py").write_text(module)
    table = tmp_path / "mixbench" / "mixers" / "families" / "pooling.py"
    before, first, after = table.read_text().partition("        Mixer(\n")
    table.write_text(before + entry + first + after)
    with (tmp_path / "mixbench" / "mixers" / "references" / "pooling.py").open("a") as references:
        references.write("\n\n" + reference)
    cases = tmp_path / "tests" / "helpers" / "mixer_cases" / "pooling.py"
    cases.write_text(cases.read_text().replace("= [\n", f"= [\n{case}"))

    copy = {"PYTHONPATH": search_path(tmp_path)}
    assert "projected-mean" in run(tmp_path, sys.executable, "-m", "mixbench", "list", **copy)
    verdicts = run(tmp_path, sys.executable, "-m", "mixbench", "verify", "projected-mean", **copy)
    assert "ok    honours a mask" in verdicts
    script = "tests/mixers", "-k", "projected-mean"
    tests = run(tmp_path, sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *script, **copy)
    assert "[projected-mean-5x6-false] PASSED" in tests


def test_the_citation_and_the_changelog_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == mixbench.__version__
    assert re.search(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == mixbench.__version__  # type: ignore[index]
