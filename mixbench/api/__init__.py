"""The studies as functions. The command line is a thin layer over them, and Python users call them."""

from mixbench.api.attention_map import attention_map, map_attention
from mixbench.api.compare import compare, compare_results
from mixbench.api.cost import cost, cost_of
from mixbench.api.data_efficiency import data_efficiency, train_data_efficiency
from mixbench.api.duel import duel
from mixbench.api.export import export
from mixbench.api.plot import plot
from mixbench.api.preparing import TextFiles
from mixbench.api.selfcheck import selfcheck, selfcheck_folder
from mixbench.api.speed import measure_speed, speed
from mixbench.api.track import track_add, track_show
from mixbench.api.tune import read_search, run_search, tune
from mixbench.api.verify import verify

__all__ = [
    "TextFiles",
    "attention_map",
    "compare",
    "compare_results",
    "cost",
    "cost_of",
    "data_efficiency",
    "duel",
    "export",
    "map_attention",
    "measure_speed",
    "plot",
    "read_search",
    "run_search",
    "selfcheck",
    "selfcheck_folder",
    "speed",
    "track_add",
    "track_show",
    "train_data_efficiency",
    "tune",
    "verify",
]
