"""A version of the code under test as its processes get it: an interpreter, its import path and the files that it may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError

_TOLD = 3


@dataclass(frozen=True)
class Tree:
    """The files of a version, below `root`; they stand for those below each of the folders `origins`.

    No module of the version may come from the user's `repository`, given by its working trees, but from its own root.
    """

    root: Path
    origins: tuple[Path, ...]
    repository: tuple[Path, ...]

    def moved(self, path: Path) -> Path | None:
        """The place in this tree of what lies below one of the origins, the innermost of them; None for anything else."""
        around = [origin for origin in self.origins if path.is_relative_to(origin)]
        return self.root / path.relative_to(max(around, key=lambda origin: len(origin.parts))) if around else None


@dataclass(frozen=True)
class Version:
    """One side of a duel: its interpreter, folders put first on its import path, its PYTHONPATH and its working directory.

    Modules in the folders `last` are used where the interpreter has none of the name. Without a `tree`, it accepts modules from
    anywhere.
    """

    name: str
    python: str
    path: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    folder: Path | None = None
    tree: Tree | None = None
    last: tuple[str, ...] = ()


def lacks(version: Version, workload: Mapping[str, Any]) -> str:
    """What is wrong if a version has no file at the place of a mixer's, else ""."""
    file = Path(workload["target"].rpartition(":")[0])
    if version.tree is None or not file.is_relative_to(version.tree.root) or file.exists():
        return ""
    inside = file.relative_to(version.tree.root)
    missing = next(folder for folder in (*reversed(inside.parents), inside) if not (version.tree.root / folder).exists())
    return f"{version.name} has no {inside}" + (f" (no folder {missing})" if missing != inside else "")


def check_modules(version: Version, answer: Mapping[str, Any]) -> None:
    """Raise RequestError if a process of this version has used code that is not the version's own."""
    if version.tree is None:
        return
    if "file" in answer and not Path(answer["file"]).is_relative_to(version.tree.root):
        raise RequestError(
            f"the mixer comes from {answer['file']}, not from {version.name}",
            "Name a mixer in a file of the versions: --mixer path/to/file.py:ClassName.",
        )
    hint = (
        "Install each version into an environment of its own, and name the two interpreters:"
        " mixbench duel old-env/bin/python new-env/bin/python."
    )
    if foreign := answer.get("foreign"):
        raise RequestError(f"{version.name} imports {_listed(foreign)}, not from its own files", hint)
    if lacking := answer.get("lacking"):
        raise RequestError(f"{version.name} needs modules found only in your working tree: {_listed(lacking)}", hint)


def _listed(modules: Sequence[Sequence[str]]) -> str:
    told = [f"{name} from {file}" if name else file for name, file in modules[:_TOLD]]
    more = len(modules) - len(told)
    return ", ".join(told) + (f" and {more} more module{'s' if more > 1 else ''}" if more else "")
