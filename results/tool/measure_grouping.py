"""Both groupings of HyperMixer, and which one `auto` takes: `python results/tool/measure_grouping.py [cpu|cuda]`.

At each shape, the same layer in both groupings is timed in turns in one process, and the fastest turn of each counts. On a GPU,
calls are replayed as a CUDA graph, so that Python's time does not count. Lengths lie around the one at which regrouping saves
enough operations relative to their number. Prints Markdown: a line for each shape, or with `--slower 1.05` for those where
`auto` takes that many times as long as written, and the slowest.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from mixbench.machine.environment import physical_cores
from mixbench.mixers.costs.hypermixer import WORTHWHILE, auto_grouping, grouping_flops
from mixbench.mixers.hypermixer import HyperMixer
from mixbench.worker.calls import Call, cast, training_call
from mixbench.worker.graphs import beside_the_main_stream, capture
from mixbench.worker.measure.peak import Stopwatch, stopwatch_of
from mixbench.worker.speed import pin

MULTIPLES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0)
TURNS = 15
SECONDS_PER_TURN = 0.004
CALLS_PER_GRAPH = 10
COLUMNS = ("dtype", "mode", "width", "heads", "tied", "batch", "tokens", "as written, µs", "regrouped", "MFLOP saved", "auto")

Shape = tuple[str, str, dict[str, Any], int, int]


def main() -> None:
    options = arguments()
    pin(options.threads, device=options.device)
    print(f"{options.device}, torch {torch.__version__}, {options.threads} threads, hidden = 2 × width\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    losses = []
    for shape in shapes(options):
        written, regrouped, auto = times(shape, torch.device(options.device))
        losses.append(regrouped / written if auto == "regrouped" else 1.0)
        if losses[-1] >= options.slower:
            print(line(shape, written, regrouped, auto), flush=True)
    print(f"\n{len(losses)} shapes; `auto` takes at most {max(losses):.3f} times as long as written.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("device", nargs="?", default="cpu")
    parser.add_argument("--threads", type=int, default=physical_cores())
    lists = {
        "dtype": "float32,bfloat16",
        "mode": "inference,training",
        "width": "32,64,128,256,512",
        "heads": "1,4",
        "tied": "false,true",
        "batch": "1,8",
    }
    for name, default in lists.items():
        parser.add_argument(f"--{name}", default=default, type=lambda text: text.split(","))
    parser.add_argument("--most", type=float, help="leave out calls of more GFLOP. Default: 1, on a GPU 2000")
    parser.add_argument("--slower", type=float, default=0.0)
    return parser.parse_args()


def shapes(options: argparse.Namespace) -> Iterator[Shape]:
    """Dtype, mode, sizes of the layer, batch and tokens."""
    most = 1e9 * (options.most or (2000 if options.device.startswith("cuda") else 1))
    lists = (options.dtype, options.mode, options.width, options.heads, options.tied, options.batch)
    for dtype, mode, width, heads, tied, batch in itertools.product(*lists):
        sizes = {"width": int(width), "hidden": 2 * int(width), "heads": int(heads), "tied": tied == "true", "bias": False}
        rule = auto_grouping(**sizes)
        fewest = WORTHWHILE * rule.once / (rule.as_written - WORTHWHILE * rule.regrouped)
        for multiple in MULTIPLES:
            tokens = max(1, round(multiple * fewest))
            if int(batch) * grouping_flops("as-written", tokens=tokens, **sizes) <= most:
                yield dtype, mode, sizes, int(batch), tokens


def times(shape: Shape, device: torch.device) -> tuple[float, float, str]:
    """Seconds of a call as written and regrouped, and the grouping that `auto` takes."""
    dtype, mode, sizes, batch, tokens = shape
    torch.set_grad_enabled(mode == "training")
    precision: torch.dtype = getattr(torch, dtype)
    layers = [HyperMixer(tokens=tokens, grouping=name, **sizes) for name in ("as-written", "regrouped")]
    layers[1].load_state_dict(layers[0].state_dict())
    x, gradient = (torch.randn(batch, tokens, sizes["width"]).to(device, precision) for _ in range(2))
    calls = []
    for layer in layers:
        cast(layer, device=device, dtype=precision)
        own = x.clone().requires_grad_(mode == "training")
        call = training_call(layer, own, layer, gradient) if mode == "training" else partial(layer, own)
        calls.append(ready(call, device))
    auto = HyperMixer(tokens=tokens, **sizes).variant(tokens, batch, precision, device).removeprefix("grouping=")
    written, regrouped = fastest(calls, stopwatch_of(device))
    per_call = CALLS_PER_GRAPH if device.type == "cuda" else 1
    return written / per_call, regrouped / per_call, auto


def ready(call: Call, device: torch.device) -> Callable[[], object]:
    """The call, which has run before; on a GPU, a graph of several."""
    if device.type != "cuda":
        call()
        return call
    with beside_the_main_stream(device):
        for _ in range(3):
            call()
    return capture(lambda: [call() for _ in range(CALLS_PER_GRAPH)], device).replay


def fastest(calls: list[Callable[[], object]], stopwatch: Stopwatch) -> list[float]:
    """Seconds of each call in its fastest turn."""
    repeats = max(1, round(SECONDS_PER_TURN / min(stopwatch(call, 3) / 3 for call in calls)))
    turns = [[stopwatch(call, repeats) / repeats for call in calls] for _ in range(TURNS)]
    return [min(own) for own in zip(*turns, strict=True)]


def line(shape: Shape, written: float, regrouped: float, auto: str) -> str:
    dtype, mode, sizes, batch, tokens = shape
    flops = [grouping_flops(name, tokens=tokens, **sizes) for name in ("as-written", "regrouped")]
    layer = [dtype, mode, sizes["width"], sizes["heads"], str(sizes["tied"]).lower(), batch, tokens]
    found = [f"{written * 1e6:,.1f}", f"{regrouped / written:.3f}", f"{batch * (flops[0] - flops[1]) / 1e6:.3g}", auto]
    return f"| {' | '.join(map(str, layer + found))} |"


if __name__ == "__main__":
    main()
