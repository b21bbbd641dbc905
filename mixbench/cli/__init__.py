"""The command line: each module parses one command's options, calls one function of `mixbench.api`, prints and exits."""

from __future__ import annotations

from typing import Annotated

import typer

from mixbench import __version__
from mixbench.cli import (
    attention_map,
    compare,
    cost,
    data_efficiency,
    doctor,
    duel,
    export,
    listing,
    plot,
    selfcheck,
    speed,
    track,
    tune,
    verify,
)

app = typer.Typer(
    name="mixbench",
    help="What does this token mixer cost, against that one, and how sure are we?",
    epilog="Start with: mixbench speed",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("speed")(speed.speed)
app.command("data-efficiency")(data_efficiency.data_efficiency)
app.command("tune")(tune.tune)
app.command("cost")(cost.cost)
app.command("attention-map")(attention_map.attention_map)
app.command("plot")(plot.plot)
app.command("compare")(compare.compare)
app.command("duel")(duel.duel)
app.command("selfcheck")(selfcheck.selfcheck)
app.add_typer(track.app, name="track")
app.command("export")(export.export)
app.command("list")(listing.list_command)
app.command("doctor")(doctor.doctor)
app.command("verify")(verify.verify)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mixbench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass
