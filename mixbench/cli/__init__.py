"""The command line: a list of the commands. `commands` has what each of them does, `adapter` turns its options into Typer's."""

from __future__ import annotations

from typing import Annotated

import typer

from mixbench.cli import commands
from mixbench.version import __version__

app = typer.Typer(
    name="mixbench",
    help="What does this token mixer cost, compared with that one, and how sure are we?",
    epilog="Start with: mixbench speed",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = {
    "speed": commands.speed,
    "data-efficiency": commands.data_efficiency,
    "tune": commands.tune,
    "cost": commands.cost,
    "attention-map": commands.attention_map,
    "study": commands.study,
    "plot": commands.plot,
    "report": commands.report,
    "remove": commands.remove,
    "merge": commands.merge,
    "compare": commands.compare,
    "duel": commands.duel,
    "selfcheck": commands.selfcheck,
    "export": commands.export,
    "list": commands.catalogue,
    "doctor": commands.doctor,
    "verify": commands.verify,
}
for name, command in COMMANDS.items():
    command.add_to(app, name)

track = typer.Typer(no_args_is_help=True, help="Follow what each commit costs: add runs to a history, show what changed.")
commands.track_add.add_to(track, "add")
commands.track_show.add_to(track, "show")
app.add_typer(track, name="track")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mixbench {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    pass
