"""Turn mixers given from Python as classes into the strings that the command line takes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixbench.api.shared_options import MixerLike
from mixbench.errors import RequestError
from mixbench.mixers import MIXERS

_HINT = "Define it at the top level of a file or a module that can be imported, or name it: path/to/file.py:ClassName."


def names_of(given: MixerLike | Sequence[MixerLike] | None) -> list[str] | None:
    """One mixer or several as mixer strings; None if none is given.

    A class or a function becomes `path/to/file.py:Name`, a class of this package the name of its mixer: the processes that
    measure import it again. Raises RequestError for anything that they could not import: a lambda, or a class or function that
    is defined inside a function or at an interactive prompt.
    """
    if given is None:
        return None
    several = [given] if isinstance(given, str) or callable(given) else list(given)
    return [mixer if isinstance(mixer, str) else _name_of(mixer) for mixer in several]


def _name_of(mixer: Callable[..., Any]) -> str:
    name, module_name = getattr(mixer, "__qualname__", None), getattr(mixer, "__module__", None)
    if not name or not module_name:
        raise RequestError(f"{mixer!r} is neither a mixer's name nor a class", _HINT)
    for entry in MIXERS.values():
        if entry.target == f"{module_name}:{name}":
            return entry.name
    module = sys.modules.get(module_name)
    if "<" in name or "." in name or getattr(module, name, None) is not mixer:
        raise RequestError(f"the mixer {name} of {module_name} cannot be imported from a file", _HINT)
    try:
        file = inspect.getsourcefile(mixer)
    except TypeError:
        file = None
    if file is None or not Path(file).is_file():
        raise RequestError(f"the mixer {name} of {module_name} is not defined in a file", _HINT)
    return f"{file}:{name}"
