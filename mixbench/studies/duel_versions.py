"""The two sides of a duel: find the interpreter, source tree, git revision or mixer that the user named."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mixbench.errors import RequestError, UnknownNameError
from mixbench.execution.lockstep import Version
from mixbench.mixers.choice import ChosenMixer, choose_mixer

_FORMS = (
    "A version is a git revision, a folder with sources, a Python interpreter, or a mixer: main, ../old, env/bin/python, fnet."
)


@dataclass(frozen=True)
class DuelSide:
    """A version, and how it changes the workloads.

    It may have its own `mixer`; files below `origin` are replaced by the files at the same place in the version.
    """

    version: Version
    mixer: ChosenMixer | None = None
    origin: Path | None = None

    def target(self, target: str) -> str:
        """The place of a class in this version; `module:Class` is unchanged."""
        file, _, name = target.rpartition(":")
        if not file.endswith(".py") or self.origin is None or not Path(file).is_relative_to(self.origin):
            return target
        return f"{Path(self.version.root) / Path(file).relative_to(self.origin)}:{name}"


@contextmanager
def duel_sides(base: str, head: str) -> Iterator[tuple[DuelSide, DuelSide]]:
    """Both sides. Revisions are checked out, and removed at the end. Raises RequestError."""
    with ExitStack() as stack:
        first, second = (_side(text, stack) for text in (base, head))
        if (first.mixer is None) != (second.mixer is None):
            raise RequestError(f"{base!r} and {head!r} cannot be compared: a mixer can only be compared with a mixer", _FORMS)
        yield first, second


def _side(text: str, stack: ExitStack) -> DuelSide:
    path = Path(text)
    if path.is_dir():
        root = path.resolve()
        return DuelSide(Version(text, sys.executable, _import_path(root), str(root)), origin=Path.cwd())
    if path.is_file() and os.access(path, os.X_OK) and path.suffix != ".py":
        return DuelSide(Version(text, str(path.absolute())))  # not resolved: in an environment, python is a link
    if mixer := _mixer(text):
        return DuelSide(Version(text, sys.executable), mixer=mixer)
    top = _git("rev-parse", "--show-toplevel")
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}") if top else ""
    if not commit:
        where = "" if top else ", and the working directory is not in a git repository"
        remote = " A branch of the remote is origin/main; a shallow clone lacks older commits." if top else ""
        raise RequestError(f"{text!r} is not a folder, an interpreter, a mixer or a git revision{where}", _FORMS + remote)
    root = stack.enter_context(_worktree(commit))
    inside = Path.cwd().relative_to(Path(top).resolve())
    version = Version(f"{text} ({commit[:9]})", sys.executable, _import_path(root / inside, root), str(root))
    return DuelSide(version, origin=Path(top).resolve())


def _mixer(text: str) -> ChosenMixer | None:
    try:
        return choose_mixer(text)
    except UnknownNameError:
        if ":" in text or ".py" in text:
            raise
        return None
    except RequestError:
        if ".py" in text:
            raise
        return None


def _import_path(*folders: Path) -> tuple[str, ...]:
    """The folders that Python searches first: these and their `src`."""
    every = [place for folder in folders for place in (folder, folder / "src") if place.is_dir()]
    return tuple(dict.fromkeys(map(str, every)))


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """A temporary folder with the files of a commit. Raises RequestError."""
    _git("worktree", "prune")
    with tempfile.TemporaryDirectory(prefix="mixbench-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve() / commit[:12]
        made = subprocess.run(
            ["git", "worktree", "add", "--detach", "--quiet", str(place), commit], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise RequestError(f"git cannot check out {commit[:9]}: {made.stderr.strip()}", "Give a source tree instead.")
        try:
            yield place
        finally:
            _git("worktree", "remove", "--force", str(place))


def _git(*arguments: str) -> str:
    """What git prints; "" if it fails or is not installed."""
    with suppress(OSError):
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
    return ""
