"""The commands that a document shows, and whether the command line takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer

from mixbench.cli import app
from mixbench.errors import UnknownNameError
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_sizes

FENCE = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every mixbench command in the shell blocks of a Markdown text, as words."""
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|", line.partition(" #")[0])]
    return [shlex.split(part) for part in parts if re.match(r"(\S*/)?mixbench\s", part)]


def every_command() -> dict[str, Any]:
    """Every command of the command line by its name: `speed`, `track show`."""
    return dict(_commands_of(typer.main.get_command(app)))


def _commands_of(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def parse(words: list[str]) -> None:
    """Let the command line parse a command without running it."""
    known = every_command()
    name = next((name for count in (2, 1) if (name := " ".join(words[1 : 1 + count])) in known), "")
    if not name:
        raise UnknownNameError("command", " ".join(words[1:2]), known)
    context = known[name].make_context(name, words[1 + len(name.split()) :])
    for mixer in context.params.get("mixer") or ():
        if ".py:" not in mixer:
            choose_mixers([mixer])
    if name == "speed":
        for option in ("tokens", "width", "batch"):
            parse_sizes(context.params[option], option)
