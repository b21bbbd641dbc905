"""What the two sides of a duel may be, and that nothing that was checked out stays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from repositories import Repository

from mixbench.errors import RequestError, UnknownNameError
from mixbench.studies.duel_versions import duel_sides


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two commits of sub/mine.py; the working directory is `sub`."""
    made = Repository(tmp_path)
    for text in ("old", "new"):
        made.commit(text, {"sub/mine.py": f"# {text}\n"})
    monkeypatch.chdir(tmp_path / "sub")
    return made


def test_a_revision_is_checked_out_and_removed_again(repository):
    mine = repository.path / "sub" / "mine.py"
    with duel_sides("HEAD~1", ".") as (base, head):
        target = base.target(f"{mine}:Mine")
        file, name = target.rsplit(":", 1)
        assert (Path(file).read_text(), name) == ("# old\n", "Mine")
        assert base.version.path[0] == str(Path(file).parent)
        assert base.version.python == sys.executable
        assert base.version.name == f"HEAD~1 ({repository.commits[0][:9]})"
        assert head.target(f"{mine}:Mine") == f"{mine}:Mine"
        assert head.version.root == str(mine.parent)
        assert base.target("package.module:Mine") == "package.module:Mine"
    assert not Path(file).exists()
    assert len(repository.git("worktree", "list").splitlines()) == 1


def test_what_was_checked_out_goes_when_the_duel_is_interrupted(repository):
    with pytest.raises(KeyboardInterrupt), duel_sides("HEAD~1", "HEAD"):
        raise KeyboardInterrupt
    assert len(repository.git("worktree", "list").splitlines()) == 1


def test_an_interpreter_keeps_its_own_modules(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    with duel_sides(str(python), sys.executable) as (base, _):
        assert (base.version.python, base.version.path, base.version.root) == (str(python), (), "")


def test_two_mixers_are_sides_too():
    with duel_sides("hypermixer:tied=true", "attention") as (base, head):
        assert base.mixer is not None
        assert base.mixer.options["tied"] is True
        assert head.mixer is not None


@pytest.mark.parametrize(
    ("base", "head", "message"),
    [
        ("nothing", ".", "'nothing' is not a folder, an interpreter, a mixer or a git revision"),
        ("--help", ".", "'--help' is not a folder, an interpreter, a mixer or a git revision"),
        ("attention", ".", "a mixer can only be compared with a mixer"),
        ("missing.py:Mine", ".", "cannot read missing.py"),
    ],
)
def test_a_side_that_is_nothing_is_named(base, head, message, repository):
    with pytest.raises(RequestError, match=message), duel_sides(base, head):
        pass


def test_a_mixer_with_a_typing_error_gets_a_suggestion(repository):
    with pytest.raises(UnknownNameError) as raised, duel_sides("hypermxer:tied=true", "attention"):
        pass
    assert "Did you mean 'hypermixer'?" in raised.value.hint


def test_outside_a_repository_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RequestError, match="the working directory is not in a git repository"), duel_sides("main", "."):
        pass
