"""The command line: a list of the commands. `commands` has what each of them does, `adapter` turns its options into Typer's."""

from __future__ import annotations

from typing import Annotated

import typer

from mixbench.cli.commands import gates, overview, results, studies
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
    "speed": studies.speed,
    "data-efficiency": studies.data_efficiency,
    "tune": studies.tune,
    "cost": studies.cost,
    "attention-map": studies.attention_map,
    "study": studies.study,
    "plot": results.plot,
    "report": results.report,
    "remove": results.remove,
    "merge": results.merge,
    "compare": gates.compare,
    "duel": gates.duel,
    "selfcheck": gates.selfcheck,
    "export": results.export,
    "list": overview.catalogue,
    "doctor": overview.doctor,
    "verify": overview.verify,
}
for name, command in COMMANDS.items():
    command.add_to(app, name)

track = typer.Typer(no_args_is_help=True, help="Follow what each commit costs: add runs to a history, show what changed.")
gates.track_add.add_to(track, "add")
gates.track_show.add_to(track, "show")
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
