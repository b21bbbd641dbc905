"""Options of `mixbench speed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typer import Option

from mixbench.api import shared_options as shared
from mixbench.api.options import HOW, WHAT, Typed
from mixbench.api.scale_options import EngineOptions


@dataclass(frozen=True, kw_only=True)
class SpeedOptions(shared.Study, EngineOptions):
    """Measure time, memory and FLOPs of mixers over tokens, width and batch, and energy on request.

    Without options: the six mixers of the HyperMixer paper and the control
    without mixing, 64 to 2048 tokens at width 256, on the CPU. Cells that the
    results folder already holds are not measured again.

    Exit code 1 when a cell failed, 2 when the request is wrong, 130 when interrupted.
    """

    example_commands: ClassVar = (
        "mixbench speed --mixer attention --mixer hypermixer --tokens 128..4096",
        "mixbench speed --device cuda --dtype bfloat16 --mode inference,training",
        "mixbench speed --mixer attention:causal=true --mixer min-gru --mode decode --tokens 64..16384",
    )

    mixer: shared.Mixers = None
    causal: shared.Causal = False
    skip_unsupported: shared.SkipUnsupported = False
    tokens: shared.Tokens = "64..2048"
    width: shared.Width = 256
    batch: shared.Batch = 1
    mode: Annotated[
        shared.Names,
        Typed(str),
        Option(
            help="inference, training (forward and backward), decode (one new token after --tokens), or a list.",
            rich_help_panel=WHAT,
        ),
    ] = "inference"
    scope: shared.Scope = "mixer"
    dtype: shared.Dtype = "float32"
    device: shared.Device = "cpu"
    threads: shared.Threads = None
    execution: Annotated[
        shared.Names | None,
        Typed(str | None),
        Option(
            help="How layers are called: eager, graph (a CUDA graph is replayed), compiled (by torch.compile), or a list."
            " Default: eager.",
            rich_help_panel=WHAT,
        ),
    ] = None
    compile: Annotated[bool, Option("--compile", help="Short for --execution compiled.", rich_help_panel=WHAT)] = False
    caches: Annotated[
        Literal["warm", "cold"],
        Option(help="cold: flush the last-level cache (the L2 of a GPU) before each call.", rich_help_panel=WHAT),
    ] = "warm"
    match: Annotated[
        Literal["width", "params", "flops"],
        Option(
            help="What every mixer shares with the baseline: only the width, or also the parameters or the forward FLOPs. For"
            " these, the free size of a mixer (hidden, rank, …) is scaled, and the table shows it.",
            rich_help_panel=WHAT,
        ),
    ] = "width"
    layers: shared.Blocks = 6
    launches: Annotated[
        int, Option(help="Fresh processes that measure every cell; intervals are over launches.", min=1, rich_help_panel=HOW)
    ] = 5
    precision: Annotated[
        float, Option(help="Stop a launch when its medians are known to within this share.", rich_help_panel=HOW)
    ] = 0.02
    budget: Annotated[
        float, Option(help="Stop a launch after this many seconds per shape, even if less precise.", rich_help_panel=HOW)
    ] = 1.6
    timeout: Annotated[
        float, Option(help="Give up on a cell after this many seconds without progress.", rich_help_panel=HOW)
    ] = 300.0
    energy: Annotated[
        bool,
        Option(
            "--energy",
            help="Also measure energy per call, with the counters of the CPU or GPU: 1 s per cell, 5 s on a GPU.",
            rich_help_panel=HOW,
        ),
    ] = False
    seed: shared.SpeedSeed = 0
    baseline: shared.Baseline = None
