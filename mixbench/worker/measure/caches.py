"""The last caches of a device: their size, and flushing them before a call, so that it finds neither input nor parameters."""

from __future__ import annotations

from functools import cache

import torch

from mixbench.machine.facts import last_level_cache_bytes
from mixbench.worker.calls import Call, UnsupportedError


def cache_bytes(device: torch.device) -> int | None:
    """The size of a GPU's L2, or of all last-level caches of the CPU; None where it is not known."""
    if device.type == "cuda":
        size: int | None = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", None)
        return size
    return last_level_cache_bytes()


@cache
def flush_for(device: torch.device) -> Call:
    """A function that fills the last caches of a device with other data: on a GPU exactly its L2, on the CPU all of their size.

    On a GPU it is queued like any kernel. Raises UnsupportedError where the size is not known.
    """
    size = cache_bytes(device)
    if not size:
        raise UnsupportedError(f"the caches cannot be flushed: the size of those of {device} is not known")
    buffer = torch.zeros(size, dtype=torch.uint8, device=device)
    # writing is enough on a GPU; on a CPU it may go past the caches
    return buffer.zero_ if device.type == "cuda" else lambda: buffer.add_(1)
