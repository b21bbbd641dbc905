"""What each command does with its options: call the Python function, print, say what comes next, end with the exit code.

A command is a function here, its options in `api/<command>_options.py`, its function in `api/<command>.py` and its text in
`cli/text/<command>.py`. Everything is imported when it is needed: `--help` loads nothing slow.
"""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.catalogue_options import CatalogueOptions
from mixbench.api.compare_options import CompareOptions
from mixbench.api.cost_options import CostOptions
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.doctor_options import DoctorOptions
from mixbench.api.duel_options import DuelOptions
from mixbench.api.export_options import ExportOptions
from mixbench.api.merge_options import MergeOptions
from mixbench.api.options import RESULTS, VERDICT
from mixbench.api.plot_options import PlotOptions
from mixbench.api.remove_options import RemoveOptions
from mixbench.api.report_options import ReportOptions
from mixbench.api.selfcheck_options import SelfcheckOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.study_options import StudyOptions
from mixbench.api.track_options import TrackAddOptions, TrackShowOptions
from mixbench.api.tune_options import TuneOptions
from mixbench.api.verify_options import VerifyOptions
from mixbench.cli.adapter import Printed, command, followed, present, present_page, timed
from mixbench.cli.outcomes import (
    concluded,
    show_attention_map,
    show_cost,
    show_data_efficiency,
    show_speed,
    show_tune,
)
from mixbench.cli.publish import Published, parse_formats, publish
from mixbench.cli.scaled import scaled
from mixbench.cli.terminal import agreed, print_json, print_text, remark, terminal_width


@dataclass(frozen=True, kw_only=True)
class SpeedPrinted(Printed):
    """How the result of `speed` is printed."""

    details: Annotated[
        bool, typer.Option("--details", help="Print a line per cell with everything.", rich_help_panel=RESULTS)
    ] = False


@command(SpeedOptions, SpeedPrinted)
def speed(options: SpeedOptions, printed: SpeedPrinted) -> None:
    from mixbench.api.speed import measure_speed, plan_of_speed

    if scaled(plan_of_speed, options, printed):
        return
    outcome, spent = timed(measure_speed, options)
    disturbed = show_speed(outcome, printed, details=printed.details)
    if spent:
        remark(spent)
    concluded("speed", outcome, warning=disturbed)


@command(DataEfficiencyOptions, Printed)
def data_efficiency(options: DataEfficiencyOptions, printed: Printed) -> None:
    from mixbench.api.data_efficiency import plan_of_training, train_data_efficiency

    if scaled(plan_of_training, options, printed):
        return
    outcome = followed(train_data_efficiency, options)
    show_data_efficiency(outcome, printed)
    concluded("data-efficiency", outcome)


@command(TuneOptions, Printed)
def tune(options: TuneOptions, printed: Printed) -> None:
    from mixbench.api.tune import plan_of_search, run_search

    if scaled(plan_of_search, options, printed):
        return
    outcome = followed(run_search, options)
    show_tune(outcome, printed)
    if not outcome.figures:
        concluded("tune", outcome)


@command(CostOptions, Printed)
def cost(options: CostOptions, printed: Printed) -> None:
    from mixbench.api.cost import cost_of

    show_cost(cost_of(options), printed)


@command(AttentionMapOptions, Printed)
def attention_map(options: AttentionMapOptions, printed: Printed) -> None:
    from mixbench.api.attention_map import map_attention, plan_of_maps

    if scaled(plan_of_maps, options, printed):
        return
    outcome = followed(map_attention, options)
    show_attention_map(outcome, printed)
    concluded("attention-map", outcome)


@dataclass(frozen=True, kw_only=True)
class StudyPrinted(Printed):
    """How a study is printed."""

    print_file: Annotated[
        bool, typer.Option("--print", help="Print the file itself, to start from a built-in one.", rich_help_panel=RESULTS)
    ] = False


@command(StudyOptions, StudyPrinted)
def study(options: StudyOptions, printed: StudyPrinted) -> None:
    from mixbench.cli.study import carry_out_study, print_source

    if printed.print_file:
        print_source(options)
    else:
        carry_out_study(options, printed)


@command(PlotOptions)
def plot(options: PlotOptions) -> None:
    from mixbench.api.plot import draw

    for path in draw(options):
        typer.echo(str(path))


@command(ReportOptions)
def report(options: ReportOptions) -> None:
    from mixbench.api.report import write_report

    path = followed(write_report, options)
    typer.echo(str(path))
    remark(f"{path.stat().st_size / 1e6:.1f} MB in one file: it opens offline, and can be mailed.")
    remark(f"Next: open {path.absolute().as_uri()} in a browser")


@command(RemoveOptions)
def remove(options: RemoveOptions) -> None:
    from mixbench.api.remove import carry_out, plan_removal
    from mixbench.cli.text.remove import removal_table
    from mixbench.parsing.command import with_folder
    from mixbench.verdicts.words import counted

    removal = plan_removal(options)
    print_text(lambda width, terminal: removal_table(removal, width, terminal))
    rows = counted(removal.count, "row")
    if not (options.yes or agreed(f"Remove {rows} from {removal.folder.path}?", "Add --yes to remove without asking.")):
        remark("Nothing was removed.")
        return
    carry_out(removal)
    remark(f"Removed {rows}.")
    if removal.folder.figures.is_dir():
        remark(f"Next: {with_folder('mixbench plot', removal.folder.path)} (until then, figures show what was removed)")


@command(MergeOptions, Printed)
def merge(options: MergeOptions, printed: Printed) -> None:
    from mixbench.api.merge import as_plain, merge_all, next_command
    from mixbench.cli.text.merge import merge_remarks, merge_table

    merged = followed(merge_all, options)
    present(printed, lambda: as_plain(merged), lambda width, terminal: merge_table(merged, width, terminal))
    for text in merge_remarks(merged):
        remark(text)
    if command := next_command(merged):
        remark(f"Next: {command}")
    if not merged.is_complete:
        raise typer.Exit(1)


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


@command(ExportOptions)
def export(options: ExportOptions) -> None:
    from mixbench.api.export import export_results

    for path in export_results(options):
        typer.echo(str(path))


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


@dataclass(frozen=True, kw_only=True)
class CataloguePrinted(Printed):
    """How the result of `list` is printed."""

    details: Annotated[
        bool, typer.Option("--details", help="Show mixers and tasks with their options.", rich_help_panel=RESULTS)
    ] = False


@command(CatalogueOptions, CataloguePrinted)
def catalogue(options: CatalogueOptions, printed: CataloguePrinted) -> None:
    from mixbench.api.catalogue import describe
    from mixbench.cli.text.list import sections

    table = describe(options)
    present_page(printed, lambda: table, lambda: sections(table, details=printed.details or bool(options.names)))


@command(DoctorOptions, Printed)
def doctor(options: DoctorOptions, printed: Printed) -> None:
    from mixbench.api.doctor import examine
    from mixbench.cli.text.doctor import sections

    report = followed(examine, options)
    present_page(printed, lambda: report, lambda: sections(report))


@dataclass(frozen=True, kw_only=True)
class VerifyPrinted(Printed):
    """How the result of `verify` is printed."""

    details: Annotated[
        bool, typer.Option("--details", help="Print every check with its reason, not a table.", rich_help_panel=RESULTS)
    ] = False


@command(VerifyOptions, VerifyPrinted)
def verify(options: VerifyOptions, printed: VerifyPrinted) -> None:
    from mixbench.api.verify import check_mixers
    from mixbench.cli.text.verify import verify_text

    verdicts = followed(check_mixers, options)
    if printed.as_json:
        print_json(verdicts)
    else:
        typer.echo(verify_text(verdicts, terminal_width(), details=printed.details), nl=False)
    if any(check["outcome"] == "fail" for checks in verdicts.values() for check in checks):
        raise typer.Exit(1)
