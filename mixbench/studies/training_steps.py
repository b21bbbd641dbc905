"""The steps of a study of training, each with a guess of how long it takes."""

from __future__ import annotations

from mixbench.studies.prediction import step_seconds
from mixbench.studies.progress import Step
from mixbench.studies.training_plan import Planned

_AROUND_THE_STEPS = 1.0
"""Seconds for reading the data, building the model and evaluating it."""
COUNTING = Step("start of the processes, and counting", seconds=4.0)


def training(run: Planned) -> Step:
    """The step of a run, with a guess of how long it takes on a core."""
    return Step("run", run.subject, run_seconds(run))


def run_seconds(run: Planned) -> float:
    """A guess of how long a run takes on a core, or on a GPU."""
    job = run.job.get("run", run.job)  # None where weights are given
    return _AROUND_THE_STEPS + (job["steps"] * step_seconds(run.about["mixer"], job) if job else 0.0)
