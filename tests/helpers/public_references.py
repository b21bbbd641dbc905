"""Code of public implementations, where the environment variable MIXBENCH_PUBLIC_REFERENCES names a folder with checkouts.

A checkout of github.com/owner/name is called `owner+name`.
"""

from __future__ import annotations

import ast
import math
import os
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
import torch.nn.functional as F
from torch import nn

FOLDER = Path(os.environ.get("MIXBENCH_PUBLIC_REFERENCES", "nowhere"))


def public(file: str, *names: str) -> dict[str, Any]:
    """Functions and classes of a file, without the rest of it and what that imports; skips where there is no such file."""
    path = FOLDER / file
    if not path.exists():
        pytest.skip(f"MIXBENCH_PUBLIC_REFERENCES has no {file}")
    wanted = [node for node in ast.parse(path.read_text()).body if getattr(node, "name", "") in names]
    used = {node.id for part in wanted for node in ast.walk(part) if isinstance(node, ast.Name)}
    known = {"torch": torch, "nn": nn, "F": F, "math": math, "ceil": math.ceil, "einsum": torch.einsum, "Optional": Optional}
    if of_einops := used & {"rearrange", "repeat", "reduce"}:
        einops = pytest.importorskip("einops")
        known |= {name: getattr(einops, name) for name in of_einops}
    exec(compile(ast.Module(wanted, []), str(path), "exec"), known)
    return known
