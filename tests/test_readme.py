"""The README says what the program does: its commands parse, its tables and figures exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from mixbench.cli import app
from mixbench.errors import MixbenchError
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import choose_mixer
from mixbench.rows import TABLES, dictionary
from mixbench.spec import parse_sizes

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every mixbench command in the shell blocks of a Markdown text, as words."""
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|", line.partition(" #")[0])]
    return [shlex.split(part) for part in parts if re.match(r"(\S*/)?mixbench\s", part)]


def parse(words: list[str]) -> None:
    """Let the command line parse a command without running it. Raises an error of the command line or a MixbenchError."""
    group = typer.main.get_command(app)
    name, command, rest = group.resolve_command(group.make_context("mixbench", words[1:], resilient_parsing=True), words[1:])  # type: ignore[attr-defined]
    context = command.make_context(name, rest)
    for mixer in context.params.get("mixer") or ():
        if ".py:" not in mixer:
            choose_mixer(mixer)
    if name == "speed":
        for option in ("tokens", "width", "batch"):
            parse_sizes(context.params[option], option)


DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("results/**/README.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_parses(document: Path) -> None:
    for words in commands(document.read_text()):
        parse(words)


def test_the_readme_shows_every_command_of_the_program() -> None:
    shown = {words[1] for words in commands((ROOT / "README.md").read_text())}
    assert {command.name for command in app.registered_commands} <= shown


@pytest.mark.parametrize("line", ["mixbench speeed", "mixbench speed --token 64", "mixbench speed --mixer hypermixr", "mixbench speed --tokens 64..100"])
def test_a_command_that_does_not_parse_would_be_noticed(line: str) -> None:
    (words,) = commands(f"```sh\n{line}\n```")
    with pytest.raises(Exception) as caught:
        parse(words)
    assert isinstance(caught.value, MixbenchError) or "UsageError" in {kind.__name__ for kind in type(caught.value).__mro__}


def test_the_readme_names_every_mixer() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in MIXERS if f"`{name}`" not in text] == []


def test_the_data_dictionary_is_the_one_of_the_row_types() -> None:
    text = (ROOT / "results" / "README.md").read_text()
    for name, row_type in TABLES.items():
        assert f"## {name}.csv\n\n{dictionary(row_type)}\n" in text, f"the dictionary of {name}.csv is out of date: python tests/write_dictionary.py"
