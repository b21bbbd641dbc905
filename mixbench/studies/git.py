"""Git's answers, and its own reasons where it has none. Nothing here writes to a repository."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mixbench.errors import RequestError
from mixbench.execution.processes import end, guarded

_UNTOUCHED = (f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")
"""Settings that keep git from running or writing anything besides what it is asked for."""
_KEPT = ("CONFIG_", "CEILING_DIRECTORIES", "DISCOVERY_ACROSS_FILESYSTEM", "EXEC_PATH", "SSH", "SSL_", "ASKPASS", "TERMINAL_")
"""The variables GIT_* that say how to work. The others say in which repository: in a hook, that of the hook and its index."""
_UNKNOWN = "Needed a single revision"
_NOWHERE = "not a git repository (or any"
_NO_WORK_TREE = "this operation must be run in a work tree"
_ELSEWHERE = "the working tree of its repository is"
_MISSING = "git is not installed"
_HASH = re.compile("[0-9a-f]{7,}")
_LONGEST = 300


class GitError(Exception):
    """Why git did not do what it was asked for, in its words and in one line; `advice` is what it says to do about it."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice


def git(*words: str, at: Path, **variables: str) -> str:
    """What git prints in a folder, with these environment variables. Raises GitError."""
    return _run(_command(words), at, variables)[0]


def git_guarded(*words: str, at: Path, **variables: str) -> None:
    """As `git`, where git starts programs of the user, such as filters: they end when this process does."""
    _run(guarded(_command(words)), at, variables)


def _command(words: Sequence[str]) -> list[str]:
    return ["git", *(word for setting in _UNTOUCHED for word in ("-c", setting)), *words]


def _run(command: Sequence[str], at: Path, variables: Mapping[str, str]) -> tuple[str, str]:
    try:
        process = subprocess.Popen(
            command,
            cwd=at,
            env=_environment() | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise GitError(_MISSING) from error
    except (OSError, ValueError) as error:  # a word of megabytes, a null character
        raise GitError(f"git cannot be run: {getattr(error, 'strerror', None) or error}") from error
    with process:
        try:
            printed, told = process.communicate()
        finally:
            end(process)
    messages = os.fsdecode(told)
    if process.returncode:
        raise GitError(*_reason_and_advice(messages, process.returncode))
    return os.fsdecode(printed), messages


def _environment() -> dict[str, str]:
    """The user's environment without the variables that name a repository; messages are in English, since some are read."""
    kept = tuple(f"GIT_{name}" for name in _KEPT)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(kept)}
    return inherited | {"GIT_OPTIONAL_LOCKS": "0", "GIT_LFS_SKIP_SMUDGE": "1", "GIT_NO_LAZY_FETCH": "1", "LANGUAGE": "en"}


def _reason_and_advice(messages: str, code: int) -> tuple[str, str]:
    lines = [" ".join(line.split()) for line in messages.splitlines()]
    faults = [line.partition(": ")[2] for line in lines if line.startswith(("fatal: ", "error: "))]
    faults = [fault for fault in faults if fault != _UNKNOWN] or faults
    advice = [line.removeprefix("hint: ") for line in lines if line and not line.startswith(("fatal:", "error:", "warning:"))]
    return "; ".join(faults)[:_LONGEST] or f"git ended with exit code {code}", " ".join(advice)[:_LONGEST]


def top_of(folder: Path) -> Path:
    """The top of the working tree that a folder is in. Raises GitError."""
    top = Path(git("rev-parse", "--show-toplevel", at=folder).removesuffix("\n"))
    if not folder.is_relative_to(top):
        raise GitError(f"{_ELSEWHERE} {top}")
    return top


def top_around(folder: Path) -> Path | None:
    """The top of the working tree that a folder is in, None if it is in none. Raises GitError if git cannot tell."""
    try:
        return top_of(folder)
    except GitError as error:
        if str(error).startswith((_NOWHERE, _NO_WORK_TREE, _ELSEWHERE, _MISSING)):
            return None
        raise


def work_trees(top: Path) -> tuple[Path, ...]:
    """The working trees of a repository, the one at `top` first."""
    lines = git("worktree", "list", "--porcelain", at=top).splitlines()
    return tuple(
        dict.fromkeys([top, *(Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree "))])
    )


def commit_of(text: str, at: Path) -> str:
    """The hash of the commit that a revision names. Raises GitError, also where the name is ambiguous."""
    words = ("-c", "core.warnAmbiguousRefs=true", "rev-parse", "--verify", "--end-of-options", f"{text}^{{commit}}")
    commit, messages = _run(_command(words), at, {})
    if "is ambiguous" in messages:
        name = _name_in(text)
        raise GitError(f"refname {name!r} is ambiguous", f"Name the branch heads/{name}, or the tag tags/{name}.")
    return commit.strip()


def _name_in(revision: str) -> str:
    """The name that a revision starts from: main of `main~2`."""
    return re.split(r"[~^:]|@\{", revision, maxsplit=1)[0]


def not_a_revision(text: str, at: Path, error: GitError, forms: str) -> RequestError:
    """What to tell the user about a text that names no version, and no revision because of `error`."""
    reason = str(error)
    if reason.startswith(_NOWHERE):
        return _refusal(text, "the working directory is not in a git repository", forms)
    if reason != _UNKNOWN:
        bare = "This is a bare repository or a .git folder: use a working tree." if reason == _NO_WORK_TREE else ""
        said = reason if reason.startswith("git ") else f"git says: {reason}"
        return _refusal(text, said, error.advice or bare or forms)
    try:
        return _unknown(text, at, forms)
    except GitError as damage:
        return _refusal(text, f"git says: {damage}", damage.advice or forms)


def _unknown(text: str, at: Path, forms: str) -> RequestError:
    if not git("rev-list", "--all", "--max-count=1", at=at):
        return _refusal(text, "the git repository has no commits yet", forms)
    name = _name_in(text)
    remote = next(_on_remotes(text, name, at), None) if name else None
    hints = [f"Did you mean {remote!r}?"] if remote else []
    if not remote and (origin := _of_single_branches(at)) and name not in ("", "HEAD") and not _HASH.fullmatch(name):
        place = f"{origin}/{name}"
        fetched = f"git fetch {origin} +refs/heads/{name}:refs/remotes/{place}"
        hints.append(f"This clone has single branches only. For another one: {fetched}, then write {place}.")
    if git("rev-parse", "--is-shallow-repository", at=at).strip() == "true":
        hints.append(
            "This clone is shallow and lacks older commits: git fetch --unshallow (fetch-depth: 0 in GitHub's checkout)."
        )
    return _refusal(text, "", " ".join(hints) or f"{forms} For a branch of the remote, fetch it and write origin/main.")


def _on_remotes(text: str, name: str, at: Path) -> Iterator[str]:
    """The revision as each of the remotes has it."""
    for place in git("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/remotes/*/{name}", at=at).split():
        found = place + text.removeprefix(name)
        with suppress(GitError):
            commit_of(found, at)
            yield found


def _of_single_branches(at: Path) -> str:
    """The first remote of a clone that fetches no other branches than those that were named; else ""."""
    listed = ""
    with suppress(GitError):  # there may be none
        listed = git("config", "--get-regexp", r"^remote\..*\.fetch$", at=at)
    lines = listed.splitlines()
    return "" if "*" in listed or not lines else lines[0].removeprefix("remote.").partition(".fetch ")[0]


def _refusal(text: str, reason: str, hint: str) -> RequestError:
    what = f"{text!r} is not a folder, an interpreter, a mixer or a git revision"
    return RequestError(f"{what}: {reason}" if reason else what, hint)
