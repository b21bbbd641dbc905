"""The README says what the program does: its commands parse, its tables and figures exist."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import commands, parse

from mixbench.cli import app
from mixbench.mixers import MIXERS
from mixbench.tables.columns import dictionary
from mixbench.tables.rows import TABLES

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("results/**/README.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_parses(document: Path) -> None:
    for words in commands(document.read_text()):
        parse(words)


def test_the_readme_shows_every_command_of_the_program() -> None:
    shown = {words[1] for words in commands((ROOT / "README.md").read_text())}
    assert {command.name for command in app.registered_commands} <= shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mixbench speeed", "unknown command 'speeed'"),
        ("mixbench speed --token 64", "(?i)no such option: --token"),
        ("mixbench speed --mixer hypermixr", "unknown mixer 'hypermixr'"),
        ("mixbench speed --tokens 64..100", "doubling 64 does not arrive at 100"),
    ],
)
def test_a_command_that_does_not_parse_would_be_noticed(line: str, message: str) -> None:
    (words,) = commands(f"```sh\n{line}\n```")
    with pytest.raises(Exception, match=message):
        parse(words)


def test_the_readme_names_every_mixer() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in MIXERS if f"`{name}`" not in text] == []


def test_the_data_dictionary_is_the_one_of_the_row_types() -> None:
    text = (ROOT / "results" / "README.md").read_text()
    for name, row_type in TABLES.items():
        assert f"## {name}.csv\n\n{dictionary(row_type)}\n" in text, "out of date: run python tests/write_dictionary.py"
