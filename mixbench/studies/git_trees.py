"""The files of a git commit in a temporary folder, as a checkout would write them; the user's repository is only read.

Git writes them with an index and a working tree of their own. So attributes, filters and line ends are those of a checkout, no
hook runs, and nothing in the repository changes. `git archive` would leave out what is marked `export-ignore`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mixbench.studies.git import GitError, git, git_guarded

_AS_A_CHECKOUT = (
    *("-c", "core.sparseCheckout=false"),  # every file
    *("-c", "core.splitIndex=false"),  # its other half would be written into the repository
    *("-c", "submodule.recurse=false"),
    *("read-tree", "--reset", "-u"),
)
_POINTER = b"version https://git-lfs.github.com/spec/"
_SHOWN = 3


@dataclass(frozen=True)
class GitTree:
    """The files of a commit below `root`; `remarks` say which of them could not be had."""

    root: Path
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Repository:
    """A repository of the user: its git folder and the working tree in which its submodules are."""

    git_dir: Path
    work_tree: Path


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        made = TemporaryDirectory(prefix="mixbench-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _no_room(error) from error
    with made as folder:
        yield Path(folder).resolve()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> GitError:
    said = error.strerror or str(error)
    return GitError(f"no temporary folder can be made: {said}", "Set TMPDIR to a folder on a disk with free space.")


def _apart(repository: _Repository, objects: Path) -> dict[str, str]:
    """With these variables, git fetches what a partial clone lacks into the folder `objects`, not into the repository."""
    kept = _ask(repository.git_dir, "rev-parse", "--git-path", "objects").removesuffix("\n")
    quoted = str(repository.git_dir / kept).replace("\\", "\\\\").replace('"', '\\"')
    return {
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{quoted}"',
        "GIT_NO_LAZY_FETCH": "0",
    }


@contextmanager
def git_tree(commit: str, top: Path) -> Iterator[GitTree]:
    """The files of a commit, its submodules included, until the context ends. `top` is the working tree. Raises GitError."""
    with _temporary_folder() as folder:
        root = folder / commit[:12]
        yield GitTree(root, tuple(_write(commit, _Repository(_git_dir(top), top), root)))


def _git_dir(work_tree: Path) -> Path:
    return Path(git("rev-parse", "--absolute-git-dir", at=work_tree).removesuffix("\n"))


def _write(commit: str, repository: _Repository, root: Path, inside: str = "") -> Iterator[str]:
    """Write the files of a commit below `root`, then those of its submodules; yields remarks. Raises GitError."""
    with _temporary_folder() as folder:
        objects = folder / "objects"
        for made in (root, objects):
            _make(made)
        places = {"GIT_DIR": repository.git_dir, "GIT_WORK_TREE": root, "GIT_INDEX_FILE": folder / "index"}
        variables = {name: str(place) for name, place in places.items()}
        own_objects = variables | _apart(repository, objects)
        git_guarded(*_AS_A_CHECKOUT, commit, at=root, **own_objects)
        stored = git("ls-files", "-z", "--", ":(attr:filter=lfs)", at=root, **variables).split("\0")
        listed = git("ls-files", "-z", "--stage", at=root, **variables)
    pointers = [inside + file for file in stored if file and _is_pointer(root / file)]
    if pointers:
        more = ", …" if len(pointers) > _SHOWN else ""
        are = "are pointers" if len(pointers) > 1 else "is a pointer"
        yield f"{', '.join(pointers[:_SHOWN])}{more} {are} of Git LFS without its content. Run: git lfs fetch --all"
    for own, path in re.findall(r"160000 (\w+) \d\t([^\0]+)", listed):
        try:
            submodule = _submodule(repository, root, path, own)
            yield from _write(own, submodule, root / path, f"{inside}{path}/")
        except GitError as error:
            yield f"the submodule {inside}{path} is left out: {error}"


def _is_pointer(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return content.read(len(_POINTER)) == _POINTER


def _ask(git_dir: Path, *words: str) -> str:
    """What git prints about a repository, whose working tree need not be there."""
    return git(*words, at=git_dir, GIT_DIR=str(git_dir), GIT_WORK_TREE=str(git_dir))


def _submodule(repository: _Repository, root: Path, path: str, own: str) -> _Repository:
    """The repository of a submodule that has the commit `own`. Raises GitError."""
    work_tree = repository.work_tree / path
    remedy = f"git submodule update --init {path}"
    for git_dir in _git_dirs(repository, root, path):
        try:
            _ask(git_dir, "cat-file", "-e", f"{own}^{{commit}}")
        except GitError:
            if _ask(git_dir, "rev-parse", "--is-shallow-repository").strip() == "true":
                remedy = f"git -C {path if (work_tree / '.git').exists() else git_dir} fetch --unshallow"
            continue
        return _Repository(git_dir, work_tree)
    raise GitError(f"its commit {own[:9]} is missing. Run: {remedy}")


def _git_dirs(repository: _Repository, root: Path, path: str) -> Iterator[Path]:
    """Where the repository of a submodule may be: at its place in the working tree, or among those that git keeps."""
    if (repository.work_tree / path / ".git").exists():
        yield _git_dir(repository.work_tree / path)
    common = repository.git_dir / _ask(repository.git_dir, "rev-parse", "--git-common-dir").removesuffix("\n")
    named = ("config", "-z", "--file", str(root / ".gitmodules"), "--get-regexp", r"^submodule\..*\.path$")
    settings = ""
    with suppress(GitError):  # a submodule may be in no .gitmodules
        settings = _ask(repository.git_dir, *named)
    for setting in settings.split("\0"):
        key, _, value = setting.partition("\n")
        name = key.removeprefix("submodule.").removesuffix(".path")
        if value == path and ".." not in Path(name).parts and (kept := common / "modules" / name).is_dir():
            yield kept
