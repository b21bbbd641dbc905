"""Run a data-efficiency study on the fake trainer: `python run_fake_training.py FOLDER`; the kill test starts and kills it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixbench.mixers.choice import choose_mixers
from mixbench.results import ResultsFolder
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_plan import DataRequest, PreparedTask
from mixbench.studies.progress import Silent
from mixbench.studies.training import Trainer
from mixbench.tasks.dataset import Form

FAKE = Trainer("fake_trainer")
FORM = Form(tokens=8, vocabulary=5, channels=0, output="class", classes=2, score="accuracy")
TASK = PreparedTask("toy", Path("nowhere"), FORM, examples=100, settings={"task": "toy"})


def fake_request(**changes: Any) -> DataRequest:
    """Two mixers, two sizes, three seeds."""
    values: Mapping[str, Any] = {
        "tasks": (TASK,),
        "mixers": choose_mixers(("attention", "none")),
        "sizes": (0.1, 100),
        "seeds": (0, 1, 2),
        "layers": 1,
        "width": 8,
        "batch": 4,
        "steps": 10,
        "dropout": 0.0,
        "learning_rates": {"": 1e-3},
        "device": "cpu",
        "timeout": 20.0,
    }
    return DataRequest(**{**values, **changes})


if __name__ == "__main__":
    request = fake_request(learning_rates={"": "auto"})
    run_data_efficiency(request, ResultsFolder(Path(sys.argv[1])), Silent(), slots=[{}, {}], trainer=FAKE)
    print("complete")
