"""Compiles HyperMixer's kernels for an H100 that is not there, through the very calls that would launch them.

In a process of its own, below a driver that names the card and launches nothing. Prints what each compiled kernel takes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.errors import OutOfResources
from triton.runtime.jit import JITFunction

from mixbench.mixers import hypermixer_fused
from mixbench.mixers.hypermixer import HyperMixer

MOST_SHARED = 227 * 1024
"""Bytes that a program may take of a multiprocessor's shared memory."""
Compiled = list[dict[str, Any]]


class Driver:
    """The parts of Triton's driver that a launch asks before it launches."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_benchmarker(self) -> Any:
        """As if the first tile that is tried was the fastest."""
        times = iter(range(1000))

        def benchmark(call: Any, quantiles: Any) -> list[float]:
            call()
            return [float(next(times))] * len(quantiles)

        return benchmark


def compile_for(dtype: torch.dtype, width: int, **options: Any) -> Compiled:
    """What the kernels take that one call compiles and that fit; of the output's tiles, two are tried, to be quick."""
    compiled: Compiled = []
    run = JITFunction.run

    def note(self: Any, *arguments: Any, **given: Any) -> None:
        kernel = run(self, *arguments, **given | {"warmup": True})
        if kernel.metadata.shared > MOST_SHARED:
            raise OutOfResources(kernel.metadata.shared, MOST_SHARED, "shared memory")
        compiled.append(
            {
                "kernel": kernel.metadata.name,
                "shared_kib": kernel.metadata.shared / 1024,
                "tensor_cores": next((name for name in ("wgmma.", "mma.sync.") if name in kernel.asm["ptx"]), ""),
            }
        )

    layer, x = HyperMixer(width=width, tokens=256, **options).to(dtype), torch.randn(2, 256, width, dtype=dtype)
    first = layer.first[0].chunk(len(layer.second), dim=-1)
    JITFunction.run = note
    with torch.no_grad():
        table = None if layer.positions == "none" else layer.table
        hypermixer_fused.fused_mix(x, table, first, layer.second[:, 0].unbind(), layer.scale, layer.norm)
    JITFunction.run = run
    return compiled


if __name__ == "__main__":
    tiles = hypermixer_fused._output_tiles
    hypermixer_fused._output_tiles = lambda *sizes: tiles(*sizes)[:3:2]
    triton.runtime.driver.set_active(Driver())
    asked = [(dtype, int(width)) for dtype, width in (argument.split(":") for argument in sys.argv[1:])]
    json.dump({f"{dtype}:{width}": compile_for(getattr(torch, dtype), width) for dtype, width in asked}, sys.stdout)
