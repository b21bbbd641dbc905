"""What a node of a Ray cluster has. The code reaches the node itself, which may have another mixbench, or none."""

from __future__ import annotations

from typing import Any


def look() -> dict[str, Any]:
    """The environment of this node, or why there is no mixbench: `fault`."""
    try:
        from mixbench.machine.environment import environment

        return environment()
    except ImportError as error:
        return {"fault": f"mixbench cannot be imported there: {error}"}
