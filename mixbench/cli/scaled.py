"""What every study command does alike with --plan and --shard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from mixbench.api.shared_options import Study
from mixbench.cli.adapter import Printed, followed, present
from mixbench.cli.terminal import remark
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from mixbench.api.scale import Work

Given = TypeVar("Given", bound=Study)


def scaled(plan: Callable[[Given], Work[Any, Any]], options: Given, printed: Printed) -> bool:
    """Print what a plan has to do, or carry out a shard of it, if that is asked for; returns whether it was.

    Ends with exit code 1 if a cell of the shard failed.
    """
    if options.plan:
        _print_plan(plan, options, printed)
    elif options.shard is not None:
        _carry_out_shard(plan, options, printed)
    return options.plan or options.shard is not None


def _print_plan(plan: Callable[[Given], Work[Any, Any]], options: Given, printed: Printed) -> None:
    from mixbench.api.scale import forecast, shard_of
    from mixbench.cli.text.plan import plan_remarks, plan_table

    shard_of(options)  # what is no shard is refused before any data are prepared
    expected = followed(lambda given: forecast(plan(given), given), options)
    present(printed, expected.as_json, lambda width, terminal: plan_table(expected, width if terminal else None))
    for text in plan_remarks(expected):
        remark(text)


def _carry_out_shard(plan: Callable[[Given], Work[Any, Any]], options: Given, printed: Printed) -> None:
    from mixbench.api.scale import carry_out, shard_of
    from mixbench.cli.text.plan import shard_line

    shard_of(options)
    part = followed(lambda given: carry_out(plan(given), given), options)
    present(printed, part.as_json, lambda width, terminal: shard_line(part))
    if part.failed:
        remark(f"{counted(part.failed, part.work.cell)} failed; measure again with --retry-failed.")
    remark(f"When all shards are done: {part.merge}")
    if part.failed:
        raise typer.Exit(1)
