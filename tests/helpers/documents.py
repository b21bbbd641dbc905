"""The commands that a document shows, and whether the command line takes them."""

from __future__ import annotations

import re
import shlex

import typer

from mixbench.cli import app
from mixbench.errors import UnknownNameError
from mixbench.mixers.choice import choose_mixer
from mixbench.parsing.spec import parse_sizes

FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every mixbench command in the shell blocks of a Markdown text, as words."""
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|", line.partition(" #")[0])]
    return [shlex.split(part) for part in parts if re.match(r"(\S*/)?mixbench\s", part)]


def parse(words: list[str]) -> None:
    """Let the command line parse a command without running it."""
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    name, *rest = words[1:]
    if name not in known:
        raise UnknownNameError("command", name, known)
    context = known[name].make_context(name, rest)
    for mixer in context.params.get("mixer") or ():
        if ".py:" not in mixer:
            choose_mixer(mixer)
    if name == "speed":
        for option in ("tokens", "width", "batch"):
            parse_sizes(context.params[option], option)
