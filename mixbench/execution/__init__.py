"""Running jobs: a launch server that has torch imported, and an isolated child process for each job."""

from mixbench.execution.launch import Died, Finished, Launch, Outcome
from mixbench.execution.slots import run_alone, run_each

__all__ = ["Died", "Finished", "Launch", "Outcome", "run_alone", "run_each"]
