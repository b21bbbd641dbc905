"""Run every study of training on the fake trainer: `python run_fake_training.py FOLDER [ADDRESS]`, on the Ray cluster there, or
else here; what is in the environment for fakes reaches them there, too. The kill tests start and kill it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recorder import Stopping
from stopping import again_when_killed, stop_while_writing

from mixbench.execution.engine import Engine, Local
from mixbench.execution.ray_slots import RayEngine
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.ranges import parse_ranges
from mixbench.studies.attention_map import run_attention_map
from mixbench.studies.attention_map_plan import LoadedRun, MapRequest
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_request import DataRequest, PreparedTask
from mixbench.studies.training import Trainer
from mixbench.studies.tune import run_tuning
from mixbench.studies.tune_plan import TuneRequest
from mixbench.tables.results import ResultsFolder
from mixbench.tasks.dataset import Form

FAKE = Trainer("fake_trainer", preloaded=())
FAKE_MAPPER = Trainer("fake_mapper", "map_cell", preloaded=())
RANGES = ("learning_rate=1e-4..1e-2:log", "dropout=0..0.5", "attention.heads=1,2,4")
FORM = Form(tokens=8, vocabulary=5, channels=0, output="class", classes=2, score="accuracy")
TASK = PreparedTask("toy", Path("nowhere"), FORM, examples=100, settings={"task": "toy"})

SHAPES = PreparedTask("shapes", Path("nowhere"), FORM, examples=100, settings={"data": "0f", "options": {"test": 20}})


def fake_request(**changes: Any) -> DataRequest:
    """Two mixers, two sizes, three seeds."""
    values: Mapping[str, Any] = {
        "tasks": (TASK,),
        "mixers": choose_mixers(("attention", "none")),
        "sizes": (0.1, 100),
        "seeds": (0, 1, 2),
        "layers": 1,
        "widths": (8,),
        "batch": 4,
        "steps": 10,
        "dropout": 0.0,
        "learning_rates": {"": 1e-3},
        "device": "cpu",
        "timeout": 20.0,
    }
    return DataRequest(**{**values, **changes})


def fake_search(*ranges: str, trials: int = 3, **changes: Any) -> TuneRequest:
    """Two mixers on half of the data."""
    base = fake_request(**{"sizes": (0.5,), "seeds": (0,), **changes})
    return TuneRequest(base, parse_ranges(ranges or RANGES, {mixer.name for mixer in base.mixers}), trials)


def fake_maps(
    examples: int = 3, drawn: tuple[int, ...] = (1,), loaded: tuple[LoadedRun, ...] = (), **changes: Any
) -> MapRequest:
    """Two mixers on all of the data, one of three examples drawn."""
    base = fake_request(**{"tasks": (SHAPES,), "sizes": (1.0,), "seeds": (0,), **changes})
    return MapRequest(base, loaded, examples, drawn)


def main() -> None:
    """Run the studies into the folder of the first argument, one after the other."""
    request, folder = fake_request(learning_rates={"": "auto"}, timeout=300.0), ResultsFolder(Path(sys.argv[1]))
    fakes = {name: value for name, value in os.environ.items() if name.startswith("FAKE_")}
    engine: Engine = RayEngine(sys.argv[2], fakes) if sys.argv[2:] else Local([{}, {}])
    stop_while_writing(folder.path)
    run_data_efficiency(request, folder, Stopping(), engine=engine, trainer=FAKE)
    run_tuning(fake_search(), folder, Stopping(), engine=engine, trainer=FAKE, save=True)
    run_attention_map(fake_maps(), folder, Stopping(), engine=engine, trainer=FAKE_MAPPER)
    print("complete")


if __name__ == "__main__":
    again_when_killed(main)
