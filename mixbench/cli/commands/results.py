"""Commands for what stands in results folders: it is drawn, shown on a page, exported, removed, merged."""

from __future__ import annotations

import typer

from mixbench.api.export_options import ExportOptions
from mixbench.api.merge_options import MergeOptions
from mixbench.api.plot_options import PlotOptions
from mixbench.api.remove_options import RemoveOptions
from mixbench.api.report_options import ReportOptions
from mixbench.cli.adapter import Printed, command, followed, present
from mixbench.cli.terminal import agreed, print_text, remark


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
    remark(f"{max(path.stat().st_size / 1e6, 0.1):.1f} MB in one file: it opens offline, and can be mailed.")
    remark(f"Next: open {path.absolute().as_uri()} in a browser")


@command(ExportOptions)
def export(options: ExportOptions) -> None:
    from mixbench.api.export import export_results

    for path in export_results(options):
        typer.echo(str(path))


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
