"""Git repositories to measure in."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
START, DAY = 1_767_000_000, 86_400


class Repository:
    """A new git repository in a folder, on branch main; its commits are a day apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits: list[str] = []
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        """What git prints; it knows neither the user's settings nor a repository around."""
        date = f"{START + len(self.commits) * DAY} +0100"
        environment = {"PATH": os.environ["PATH"], "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        command = ["git", *IDENTITY, *words]
        done = subprocess.run(command, cwd=self.path, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message: str, files: Mapping[str, str] | None = None) -> str:
        """Write these files and commit them; returns the commit's hash."""
        for name, text in (files or {}).items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
            self.git("add", name)
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.commits.append(self.git("rev-parse", "HEAD"))
        return self.commits[-1]

    def linked(self, path: Path, branch: str) -> Repository:
        """Another working tree of this repository, on a new branch."""
        self.git("worktree", "add", "-q", "-b", branch, str(path))
        other = copy.copy(self)
        other.path = path
        return other

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Everything that git keeps: the time of the last change and the content of each file below `.git`."""
        return state_of(self.path / ".git")


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """The time of the last change and the content of each file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
