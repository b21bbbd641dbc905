"""Every mixer as its paper writes it, for one sequence (tokens, width), in loops over tokens: slow and obvious.

A module per family, as in `families`; the function has the name of the mixer, with _ for -, and the arguments
(p, x, **options): `p` holds the parameters and buffers of the layer under test by name, the options are those of its class.
Everything is differentiable and runs in the dtype that it is given. Padding is not known here: the reference sees real tokens.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from mixbench.mixers import FAMILIES

if TYPE_CHECKING:
    from torch import Tensor


def reference_of(name: str) -> Callable[..., Tensor]:
    """The reference of a built-in mixer. Raises LookupError with what to write if there is none."""
    function = name.replace("-", "_")
    for key, family in FAMILIES.items():
        if name in [mixer.name for mixer in family.mixers]:
            module = importlib.import_module(f"{__name__}.{key}")
            reference: Callable[..., Tensor] | None = getattr(module, function, None)
            if reference is not None:
                return reference
            raise LookupError(f"no slow reference for {name}: write {function}(p, x, **options) in {module.__file__}")
    raise LookupError(f"no slow reference for {name}: it is in no family of mixbench.mixers.FAMILIES")
