"""Commands that say what there is: mixers and tasks, this machine, and whether a mixer keeps its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from mixbench.api.catalogue_options import CatalogueOptions
from mixbench.api.doctor_options import DoctorOptions
from mixbench.api.options import RESULTS
from mixbench.api.verify_options import VerifyOptions
from mixbench.cli.adapter import Printed, command, followed, present_page
from mixbench.cli.terminal import print_json, terminal_width


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
