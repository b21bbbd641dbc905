"""Run `mixbench study` on fakes that answer in milliseconds: `python run_fake_study.py FILE [OPTION …]`; a test kills it."""

from __future__ import annotations

import sys

import pytest
from run_fake_speed import FAKE as FAKE_SPEED
from run_fake_training import FAKE, FAKE_MAPPER

from mixbench.cli import app


def with_fakes(patch: pytest.MonkeyPatch) -> None:
    """Let every study of this process measure and train on the fakes, which children must be able to import."""
    patch.setattr("mixbench.studies.speed.Worker", lambda: FAKE_SPEED)
    patch.setattr("mixbench.studies.data_efficiency.Trainer", lambda: FAKE)
    patch.setattr("mixbench.studies.tune.Trainer", lambda: FAKE)
    patch.setattr("mixbench.studies.attention_map.MAPPER", FAKE_MAPPER)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        with_fakes(patch)
        app(["study", *sys.argv[1:]], prog_name="mixbench")
