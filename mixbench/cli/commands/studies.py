"""Commands that measure and train, and `cost`, which puts their results together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.cost_options import CostOptions
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.options import RESULTS
from mixbench.api.speed_options import SpeedOptions
from mixbench.api.study_options import StudyOptions
from mixbench.api.tune_options import TuneOptions
from mixbench.cli.adapter import Printed, command, followed, timed
from mixbench.cli.outcomes import (
    concluded,
    show_attention_map,
    show_cost,
    show_data_efficiency,
    show_speed,
    show_tune,
)
from mixbench.cli.scaled import scaled
from mixbench.cli.terminal import remark


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
