"""The command line with fakes in place of what trains and measures: `python fake_command.py COMMAND OPTIONS…`.

Its jobs take part in the meeting that is in the environment, on other machines, too.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

from meeting import invite
from run_fake_speed import FAKE as FAKE_WORKER
from run_fake_training import FAKE as FAKE_TRAINER

from mixbench.__main__ import main
from mixbench.studies import data_efficiency, speed_elsewhere, training_slots

if __name__ == "__main__":
    variables = {name: value for name, value in os.environ.items() if name.startswith("FAKE_")}
    data_efficiency.Trainer = lambda: FAKE_TRAINER
    speed_elsewhere.Worker = lambda: replace(FAKE_WORKER, watch=partial(invite, variables))
    training_slots.TRAINING = {**training_slots.TRAINING, **variables}
    main()
