"""Flushing the caches before a call, so that it finds neither its input nor its parameters there."""

from __future__ import annotations

from functools import cache

import torch

from mixbench.machine.facts import last_level_cache_bytes
from mixbench.worker.calls import Call, UnsupportedError


@cache
def flush_for(device: torch.device) -> Call:
    """A function that fills the last caches of a device with other data: on a GPU exactly its L2, on the CPU all of their size.

    On a GPU it is queued like any kernel. Raises UnsupportedError where the size is not known.
    """
    if device.type == "cuda":
        size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", None)
    else:
        size = last_level_cache_bytes()
    if not size:
        raise UnsupportedError(f"the caches cannot be flushed: the size of those of {device} is not known")
    buffer = torch.zeros(size, dtype=torch.uint8, device=device)
    # writing is enough on a GPU; on a CPU it may go past the caches
    return buffer.zero_ if device.type == "cuda" else lambda: buffer.add_(1)
