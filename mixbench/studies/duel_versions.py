"""The two sides of a duel: find the interpreter, source tree, git revision or mixer that the user named."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mixbench.errors import RequestError, UnknownNameError
from mixbench.execution.version import Tree, Version
from mixbench.mixers.choice import ChosenMixer, choose_mixer
from mixbench.parsing.sources import split_target
from mixbench.studies.git import GitError, commit_of, not_a_revision, top_around, top_of, work_trees
from mixbench.studies.git_trees import git_tree

_FORMS = (
    "A version is a git revision, a folder with sources, a Python interpreter, or a mixer: main, ../old, env/bin/python, fnet."
)


@dataclass(frozen=True)
class DuelSide:
    """A version, the mixer if it is one, and `remarks` on files of it that could not be had."""

    version: Version
    mixer: ChosenMixer | None = None
    remarks: tuple[str, ...] = ()

    def target(self, target: str) -> str:
        """The place of a class in this version; `module:Class` is unchanged."""
        if self.mixer:
            return target
        source, name, _ = split_target(target)  # other code than what was planned is just what a duel is for
        moved = self.version.tree.moved(Path(source)) if self.version.tree and source.endswith(".py") else None
        return f"{moved or source}:{name}"


@contextmanager
def duel_sides(base: str, head: str) -> Iterator[tuple[DuelSide, DuelSide]]:
    """Both sides. The files of revisions are there until the context ends. Raises RequestError."""
    with ExitStack() as stack:
        first, second = (_side(text, stack) for text in (base, head))
        if (first.mixer is None) != (second.mixer is None):
            mixer = base if first.mixer else head
            raise RequestError(
                f"{base!r} and {head!r} cannot be compared: a mixer can only be compared with a mixer",
                f"{_FORMS} For a branch with the name of a mixer, write heads/{mixer}.",
            )
        yield (
            replace(first, version=_apart(first.version, second.version)),
            replace(second, version=_apart(second.version, first.version)),
        )


def _apart(version: Version, other: Version) -> Version:
    """A version that keeps away from the files of the other one, in whichever clone they are: it has its own instead."""
    if not (version.tree and other.tree):
        return version
    tree, root = version.tree, other.tree.root
    origins, repository = tree.origins, (*tree.repository, *other.tree.repository)
    if not tree.root.is_relative_to(root):
        if origins[0] == other.tree.origins[0]:  # both stand for one place
            origins = (*origins, *other.tree.origins, root)
        if not root.is_relative_to(tree.root):
            repository = (*repository, root)
    tree = Tree(tree.root, tuple(dict.fromkeys(origins)), tuple(dict.fromkeys(repository)))
    return replace(version, tree=tree, pythonpath=user_pythonpath(tree))


def _side(text: str, stack: ExitStack) -> DuelSide:
    here = _working_directory()
    if os.path.isdir(text):
        _refuse_revision(text, here, "folder")
        return DuelSide(_folder(text, Path(text).resolve(), here))
    if os.path.isfile(text) and os.access(text, os.X_OK) and not text.endswith(".py"):
        _refuse_revision(text, here, "file")
        python = os.path.abspath(text)  # not resolved: in an environment, python is a link
        return DuelSide(Version(text, python, last=user_pythonpath()))  # its own packages are what is compared
    if mixer := _mixer(text):
        return DuelSide(Version(text, sys.executable, pythonpath=user_pythonpath()), mixer=mixer)
    try:
        top = top_of(here)
        commit = commit_of(text, here)
    except GitError as error:
        raise not_a_revision(text, here, error, _FORMS) from error
    name = f"{text} ({commit[:9]})"
    try:
        files = stack.enter_context(git_tree(commit, top))
    except GitError as error:
        raise RequestError(f"git cannot write the files of {name}: {error}", error.advice or "Name a source tree.") from error
    remarks = tuple(f"{name}: {remark}" for remark in files.remarks)
    return DuelSide(_in_tree(name, _tree_of_work_tree(files.root, top), here.relative_to(top)), remarks=remarks)


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise RequestError("the working directory is no longer there", "Change to a folder that exists: cd ~") from error


def _refuse_revision(text: str, here: Path, what: str) -> None:
    """Refuse a bare name that is also that of a revision, as git does."""
    if os.sep in text or text in (os.curdir, os.pardir):
        return
    try:
        commit_of(text, here)
    except GitError:
        return
    raise RequestError(
        f"{text!r} is both a {what} and a git revision", f"Write .{os.sep}{text} for the {what}, heads/{text} for a branch."
    )


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


def _folder(text: str, root: Path, here: Path) -> Version:
    """A folder stands for the working directory; if both are at one place in working trees of git, so do these trees."""
    top, own_top = _top(here), _top(root)
    places, own_places = (_work_trees(found) if found else () for found in (top, own_top))
    if top and own_top and root.relative_to(own_top) == here.relative_to(top):
        every = tuple(dict.fromkeys((*places, *own_places)))
        return _in_tree(text, Tree(own_top, every, every), here.relative_to(top))
    return _in_tree(text, Tree(root, (here,), tuple(dict.fromkeys((*(places or (here,)), *own_places)))))


def _top(folder: Path) -> Path | None:
    try:
        return top_around(folder)
    except GitError as error:
        raise RequestError(f"the repository around {folder} cannot be read: git says: {error}", error.advice) from error


def _tree_of_work_tree(root: Path, top: Path) -> Tree:
    """The tree at `root` instead of the working tree at `top`, and of every other one of its repository."""
    places = _work_trees(top)
    return Tree(root, places, places)


def _work_trees(top: Path) -> tuple[Path, ...]:
    """The working trees of the repository of the one at `top`, which is the first."""
    try:
        return work_trees(top)
    except GitError as error:
        raise RequestError(f"the working trees of {top} cannot be listed: git says: {error}", error.advice) from error


def _in_tree(name: str, tree: Tree, inside: Path = Path()) -> Version:
    """The version of a tree that is used from its folder `inside`."""
    folder = tree.root / inside
    path = [place for start in (folder, tree.root) for place in (start, start / "src") if place.is_dir()]
    return Version(
        name,
        sys.executable,
        tuple(dict.fromkeys(map(str, path))),
        user_pythonpath(tree),
        folder if folder.is_dir() else tree.root,
        tree,
    )


def user_pythonpath(tree: Tree | None = None) -> tuple[str, ...]:
    """The user's PYTHONPATH; entries in a working tree are those in the tree, if they are there."""
    told = os.environ.get("PYTHONPATH", "")
    places = (
        [Path(place).resolve() for place in told.split(os.pathsep)] if told else []
    )  # an empty one is the working directory
    moved = [(tree.moved(place) if tree else None) or place for place in places]
    return tuple(str(new if new.exists() else place) for new, place in zip(moved, places, strict=True))
