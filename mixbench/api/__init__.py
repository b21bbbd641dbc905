"""The studies as functions. The command line is a thin layer over them, and Python users call them."""

from mixbench.api.data_study import TextFiles, data_efficiency, train_data_efficiency
from mixbench.api.products import plot, verify
from mixbench.api.speed_study import measure_speed, speed

__all__ = ["TextFiles", "data_efficiency", "measure_speed", "plot", "speed", "train_data_efficiency", "verify"]
