"""What a study of speed is asked for, with every option resolved, and what its options may not be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from mixbench.errors import RequestError
from mixbench.mixers.choice import ChosenMixer
from mixbench.studies.matching import check_baseline
from mixbench.studies.plan_size import check_plan_size
from mixbench.tables.speed_rows import DECODE

SCOPES = ("mixer", "block", "model")
PASSES = ("inference", "training")
MODES = (*PASSES, DECODE)
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class SpeedRequest:
    """What to measure, with every option resolved. Times are in seconds; `precision` is relative. Raises RequestError."""

    mixers: tuple[ChosenMixer, ...]
    tokens: tuple[int, ...]
    width: tuple[int, ...]
    batch: tuple[int, ...]
    dtype: tuple[str, ...]
    device: tuple[str, ...]
    threads: int
    mode: tuple[str, ...]
    scope: tuple[str, ...]
    execution: tuple[str, ...]
    caches: str
    layers: int
    launches: int
    precision: float
    budget: float
    timeout: float
    seed: int
    energy: bool = False
    match: str = "width"
    baseline: ChosenMixer | None = None
    """The mixer that others are matched to."""

    def __post_init__(self) -> None:
        for name, least in (("threads", 1), ("layers", 1), ("launches", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise RequestError(f"--{name} is {getattr(self, name)}; it must be at least {least}")
        for name in ("precision", "budget", "timeout"):
            if not 0 < getattr(self, name) < 1e9:
                raise RequestError(f"--{name} is {getattr(self, name)}; it must be above 0")
        check_baseline(self.baseline, self.match)
        if self.seed >= 2**31:
            raise RequestError(f"--seed is {self.seed}; it must be below {2**31}")
        shapes = math.prod(map(len, (self.tokens, self.width, self.batch)))
        kinds = math.prod(map(len, (self.dtype, self.device, self.mode, self.scope, self.execution)))
        check_plan_size(mixers=len(self.mixers), shapes=shapes, kinds=kinds, launches=self.launches)
        for device in self.device:
            if not re.fullmatch(r"cpu|cuda(:\d{1,2})?", device):
                raise RequestError(f"unknown --device {device!r}", "Give cpu, cuda, or cuda with a number: cuda:1.")
        if "graph" in self.execution and set(self.device) == {"cpu"}:
            raise RequestError(
                "--execution graph replays CUDA graphs, and --device is cpu", "Add --device cuda, or leave graph out."
            )
