"""Where cells run: a launch server that preloads torch, and one isolated child per job."""

from mixbench.execution.launch import Died, Finished, Launch, Outcome, run_alone

__all__ = ["Died", "Finished", "Launch", "Outcome", "run_alone"]
