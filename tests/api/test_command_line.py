"""A command that is made from options parses to the same options."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from documents import parse

from mixbench.api.command_line import command_line
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.options import Options
from mixbench.api.speed_options import SpeedOptions
from mixbench.mixers.attention import Attention


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("speed", SpeedOptions(), "mixbench speed"),
        ("speed", SpeedOptions(tokens=[64, 128], width="256", energy=True), "mixbench speed --tokens 64,128 --energy"),
        ("speed", SpeedOptions(mixer=[Attention, "none"]), "mixbench speed --mixer attention --mixer none"),
        ("speed", SpeedOptions(results=Path("my results"), fresh=True), "mixbench speed --results 'my results'"),
        (
            "data-efficiency",
            DataEfficiencyOptions(task="mqar", learning_rate=["auto", "attention=1e-3"], sizes=[0.5, 1.0], shard="1/2"),
            "mixbench data-efficiency --task mqar --sizes 0.5,1.0 --learning-rate auto --learning-rate attention=1e-3",
        ),
    ],
)
def test_options_become_the_command_that_gives_them(name: str, options: Options, expected: str) -> None:
    line = command_line(name, options, without=("fresh", "shard"))
    assert line == expected
    parse(shlex.split(line))
