"""Code of public implementations, where the environment variable MIXBENCH_PUBLIC_REFERENCES names a folder with checkouts.

A checkout of github.com/owner/name is called `owner+name`.
"""

from __future__ import annotations

import ast
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

FOLDER = Path(os.environ.get("MIXBENCH_PUBLIC_REFERENCES", "nowhere"))


def public(file: str, *names: str, **known: Any) -> dict[str, Any]:
    """What a file defines by these names, without the rest of it and what that imports; skips where there is no such file.

    `known` is what it uses besides torch, einops and the like.
    """
    path = FOLDER / file
    if not path.exists():
        pytest.skip(f"MIXBENCH_PUBLIC_REFERENCES has no {file}")
    wanted = [node for node in ast.parse(path.read_text()).body if not names_of(node).isdisjoint(names)]
    used = {node.id for part in wanted for node in ast.walk(part) if isinstance(node, ast.Name)}
    known |= {"torch": torch, "nn": nn, "F": F, "math": math, "ceil": math.ceil, "einsum": torch.einsum}
    if of_einops := used & {"rearrange", "repeat", "reduce"} - known.keys():
        einops = pytest.importorskip("einops")
        known |= {name: getattr(einops, name) for name in of_einops}
    without_types = ast.parse("from __future__ import annotations").body
    exec(compile(ast.Module([*without_types, *wanted], []), str(path), "exec"), known)
    return known


def names_of(node: ast.stmt) -> set[str]:
    """What a statement at the top of a file defines."""
    targets = node.targets if isinstance(node, ast.Assign) else [node]
    return {getattr(target, "name", getattr(target, "id", "")) for target in targets}
