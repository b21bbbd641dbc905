"""Numbers that help texts and pages tell are those of the code."""

from __future__ import annotations

import typing
from collections.abc import Sequence

import pytest
from places import REPOSITORY

from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.speed_options import SpeedOptions
from mixbench.machine.roofline import NEAR, SHAPES
from mixbench.mixers.costs.hypermixer import WIDEST_FUSED, WORTH_SAVING, WORTHWHILE
from mixbench.studies.batches import MOST
from mixbench.studies.training_slots import PER_GPU
from mixbench.verdicts.speed.cell_summary import HOST_BOUND
from mixbench.worker.measure.clock import _THROTTLED_BELOW
from mixbench.worker.measure.energy import _NVML_WINDOW, _RAPL_WINDOW
from mixbench.worker.training.evaluation import _MOST_KEPT

SMALL, MIDDLE = PER_GPU.items()
SAVED = {device: [WORTH_SAVING[device, kind] for kind in ("single", "half")] for device in ("cpu", "cuda")}


def help_of(options: type, name: str) -> str:
    """The help of an option."""
    hint = typing.get_type_hints(options, include_extras=True)[name]
    return " ".join(told for part in hint.__metadata__ if (told := getattr(part, "help", None)))


def page(name: str) -> str:
    """A page, with its lines joined."""
    return " ".join((REPOSITORY / "docs" / f"{name}.md").read_text().split())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            help_of(DataEfficiencyOptions, "per_gpu"),
            [
                f"{SMALL[1]} if a training step takes less than {SMALL[0] / 1e9:g} GFLOP, "
                f"{MIDDLE[1]} if less than {MIDDLE[0] / 1e9:g}, else 1"
            ],
        ),
        (help_of(SpeedOptions, "energy"), [f"{_RAPL_WINDOW:g} s per cell, {_NVML_WINDOW:g} s on a GPU"]),
        (
            page("data-efficiency"),
            [
                f"less than {SMALL[0] / 1e9:g} GFLOP",
                f"less than {MIDDLE[0] / 1e9:g} GFLOP",
                f"more than {_MOST_KEPT / 2**30:g} GiB",
            ],
        ),
        (
            page("mixers"),
            [
                f"at least {WORTHWHILE:g}",
                "| CPU | {:g} MFLOP | {:g} MFLOP |".format(*(flops / 1e6 for flops in SAVED["cpu"])),
                "| GPU | {:g} MFLOP | {:g} GFLOP |".format(SAVED["cuda"][0] / 1e6, SAVED["cuda"][1] / 1e9),
                f"widths up to {WIDEST_FUSED}",
                *(f"{shape} in {dtype}" for shape, dtype in SHAPES.values()),
            ],
        ),
        (
            page("how-it-measures"),
            [
                f"more than {HOST_BOUND:g} times its device time",
                f"more than {100 - 100 * _THROTTLED_BELOW:.0f} % below the highest",
                f"up to {MOST} cells",
                f"for {_RAPL_WINDOW:g} s between two readings",
                f"for {_NVML_WINDOW:g} s with those of NVML",
                f"at least {100 * NEAR:.0f} %",
                *(f"{shape} in {dtype}" for shape, dtype in SHAPES.values()),
            ],
        ),
    ],
    ids=["--per-gpu", "--energy", "data-efficiency", "mixers", "how-it-measures"],
)
def test_numbers_that_are_told_are_those_of_the_code(text: str, told: Sequence[str]) -> None:
    assert [part for part in told if part not in text] == []
