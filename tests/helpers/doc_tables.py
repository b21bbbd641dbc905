"""Check that tables of documents are those of the program and of the reference results; `--write` brings them up to date."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from mixbench.api.catalogue import STATUS_MEANINGS
from mixbench.api.study_claims import judged_claims, study_claims
from mixbench.mixers import FAMILIES
from mixbench.mixers.description import Family, Mixer
from mixbench.parsing.option import Option
from mixbench.parsing.study_file import read_study_text
from mixbench.tables.columns import FAILURES
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import read_study
from mixbench.tasks import TASKS
from mixbench.verdicts.claims.claim import Judged
from mixbench.verdicts.claims.evidence import COLUMNS
from mixbench.verdicts.claims.options import ClaimOption
from mixbench.verdicts.claims.rules import RULES
from mixbench.verdicts.claims.shown import claim_text, value_entry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STUDY = ROOT / "results" / "study-small"
SCRIPT = "tests/helpers/doc_tables.py"
ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
OF_EVERY_TASK = ("train", "dev", "test", "draw")


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar within a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def linked(paper: str) -> str:
    """A paper with links in the place of its arXiv numbers."""
    return ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", paper)


def options(every: Iterable[Option]) -> str:
    """Options as they are typed, with their defaults: `heads=4`, `tied=false`."""
    shown = {one.name: str(one.default).lower() if isinstance(one.default, bool) else one.default for one in every}
    return ", ".join(f"`{name}={default}`" for name, default in shown.items())


def mixers(family: Family) -> str:
    """The built-in mixers of a family, each with its paper below what it does."""
    headings = ("mixer", "what it does", "options with defaults", "causal", "length", "padding", "state")
    return markdown_table(headings, map(_mixer_row, family.mixers))


def _mixer_row(mixer: Mixer) -> Sequence[str]:
    return (
        f"`{mixer.name}`",
        f"{mixer.summary}<br>{linked(mixer.paper)}",
        options(mixer.options),
        mixer.causality,
        f"fixed with `{mixer.fixed_with}`" if mixer.fixed_with else mixer.length,
        "masked" if mixer.honours_mask else "counts",
        mixer.state or "–",
    )


def tasks() -> str:
    """The built-in tasks; options that all have are told in the text."""
    own = {task.name: [option for option in task.options if option.name not in OF_EVERY_TASK] for task in TASKS.values()}
    return markdown_table(
        ("task", "what is asked", "from", "options with defaults"),
        ((f"`{task.name}`", task.summary, linked(task.paper), options(own[task.name])) for task in TASKS.values()),
    )


def statuses() -> str:
    """The statuses of a row, and which make the exit code 1."""
    rows = ((f"`{name}`", meaning, "yes" if name in FAILURES else "") for name, meaning in STATUS_MEANINGS.items())
    return markdown_table(("status", "meaning", "exit code 1"), rows)


def rules() -> str:
    """The rules of claims, with the options that not all have."""
    shared = {name for name in COLUMNS if name not in ("size", "from-tokens")} | {"mixer", "against"}
    rows = (
        (
            f"`{rule.name}`",
            rule.text,
            "<br>".join(_claim_option(option) for option in rule.options if option.name not in shared),
        )
        for rule in RULES.values()
    )
    return markdown_table(("rule", "supported if", "own options"), rows)


def _claim_option(option: ClaimOption) -> str:
    default = f"={option.default:g}" if isinstance(option.default, float) else f"={option.default}" if option.default else ""
    return f"`{option.name}{default}`: {option.meaning}"


def judged_study() -> list[Judged]:
    """What the rows of the small study say of each of its claims."""
    record = read_study(STUDY)
    assert record
    study, _ = read_study_text(record.text, record.file, record.scale)
    return judged_claims(study, study_claims(study, "")[0], ResultsFolder(STUDY), "")


def verdicts() -> str:
    """The claims of the small study with their verdicts, and the numbers that decide them."""
    rows = []
    for judged in judged_study():
        claim = (f"`{judged.claim.name}`: {claim_text(judged)}", f"**{judged.verdict}**")
        for finding in judged.findings:
            value = value_entry(finding)
            rows.append((*claim, finding.label, finding.quantity, value.number + value.tail if value else "–"))
            claim = ("", "")
    return markdown_table(("claim", "verdict", "comparison", "quantity", "value"), rows)


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    **{name: ("mixers.md", partial(mixers, family)) for name, family in FAMILIES.items()},
    "tasks": ("data-efficiency.md", tasks),
    "statuses": ("results.md", statuses),
    "rules": ("claims.md", rules),
    "verdicts": ("../results/study-small/README.md", verdicts),
}
"""By the name in the comments around a table: its page, and what writes it."""


def up_to_date(name: str) -> tuple[Path, str]:
    """The page of a table, and what it should say as a whole. Raises ValueError where the comments are missing."""
    page, write = TABLES[name]
    file = DOCS / page
    start, end = f"<!-- {name}: written by {SCRIPT} -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = file.read_text().partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{file} lacks {start.strip()} and {end.strip()}")
    return file, f"{before}{start}\n{write()}\n{end}{after}"


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 where a table is out of date and not written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="bring the tables up to date")
    write = parser.parse_args(arguments).write
    outdated = []
    for name in TABLES:
        file, text = up_to_date(name)
        if write:
            file.write_text(text)
        elif file.read_text() != text:
            outdated.append(name)
    if outdated:
        print(f"out of date: {', '.join(outdated)}; run python {SCRIPT} --write", file=sys.stderr)
    return int(bool(outdated))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
