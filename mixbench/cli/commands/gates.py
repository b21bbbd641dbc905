"""Commands that judge changes of the code: two folders, two versions, equal ones, and commit after commit."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mixbench.api.compare_options import CompareOptions
from mixbench.api.duel_options import DuelOptions
from mixbench.api.options import VERDICT
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.api.track_options import TrackAddOptions, TrackShowOptions
from mixbench.cli.adapter import Printed, command, followed, present, present_page
from mixbench.cli.publish import Published, parse_formats, publish
from mixbench.cli.terminal import remark


@dataclass(frozen=True, kw_only=True)
class ComparePublished(Published):
    """How a comparison is published, and what else makes it fail."""

    any_change: Annotated[
        bool, typer.Option("--any-change", help="Also fail on faster or new cells.", rich_help_panel=VERDICT)
    ] = False


@command(CompareOptions, ComparePublished)
def compare(options: CompareOptions, published: ComparePublished) -> None:
    from mixbench.api.compare import compare_results

    formats = parse_formats(published)
    outcome = compare_results(options)
    publish(outcome.report, outcome.comparison, formats, published, any_change=published.any_change)


@command(DuelOptions, Published)
def duel(options: DuelOptions, published: Published) -> None:
    from mixbench.api.duel import measure_duel
    from mixbench.verdicts.gate.report import duel_report

    formats = parse_formats(published)
    comparison = followed(measure_duel, options)
    publish(duel_report(comparison), comparison, formats, published)


@command(SelfcheckOptions, Printed)
def selfcheck(options: SelfcheckOptions, printed: Printed) -> None:
    from mixbench.api.selfcheck import record_and_judge, selfcheck_folder
    from mixbench.cli.text.selfcheck import selfcheck_table

    figures = followed(record_and_judge, options)
    present(
        printed,
        lambda: dataclasses.asdict(figures),
        lambda width, terminal: selfcheck_table(figures, width if terminal else None),
    )
    remark(f"Every pair is a row of {Path(options.results or selfcheck_folder()) / 'pairs.csv'}.")
    remark("Next: mixbench duel main .")


@command(TrackAddOptions)
def track_add(options: TrackAddOptions) -> None:
    from mixbench.api.track import add_run
    from mixbench.verdicts.words import counted

    added = add_run(options)
    for file in added.files:
        typer.echo(str(file))
    for text in added.remarks:
        remark(text)
    remark(f"{counted(added.cells, 'cell')} of commit {added.commit.short} ({added.commit.subject}).")
    elsewhere = str(options.history) != "history"
    remark(
        f"Next: mixbench track show --history {shlex.quote(str(options.history))}" if elsewhere else "Next: mixbench track show"
    )


@command(TrackShowOptions, Printed)
def track_show(options: TrackShowOptions, printed: Printed) -> None:
    from mixbench.api.track import find_trends
    from mixbench.cli.text.track import sections

    trends = find_trends(options)
    present_page(printed, trends.as_json, lambda: sections(trends))
    for path in trends.figures:
        remark(str(path))
