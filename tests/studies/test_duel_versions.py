"""What the two sides of a duel may be, what they are made from, and what is said of a text that is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import which

import pytest
from repositories import Repository

from mixbench.errors import RequestError, UnknownNameError
from mixbench.execution.version import Tree
from mixbench.studies.duel_versions import duel_sides


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two commits of sub/mine.py; the working directory is `sub`."""
    made = Repository(tmp_path)
    for text in ("old", "new"):
        made.commit(text, {"sub/mine.py": f"# {text}\nMine = None\n"})
    monkeypatch.chdir(tmp_path / "sub")
    return made


def refusal(base: str, head: str = ".") -> RequestError:
    with pytest.raises(RequestError) as raised, duel_sides(base, head):
        pass
    return raised.value


def test_the_files_of_a_revision_stand_for_those_of_the_working_tree(repository):
    mine = repository.path / "sub" / "mine.py"
    with duel_sides("HEAD~1", ".") as (base, head):
        target = base.target(f"{mine}:Mine")
        file, name = target.rsplit(":", 1)
        assert (Path(file).read_text(), name) == ("# old\nMine = None\n", "Mine")
        assert base.version.path == (str(Path(file).parent), str(base.version.tree.root))
        assert base.version.folder == Path(file).parent
        assert base.version.python == sys.executable
        assert base.version.name == f"HEAD~1 ({repository.commits[0][:9]})"
        assert base.version.tree.repository == (repository.path,)
        assert head.target(f"{mine}:Mine") == f"{mine}:Mine"
        assert head.version.tree.root == repository.path
        assert head.version.path == (str(mine.parent), str(repository.path))
        assert base.target("package.module:Mine") == "package.module:Mine"
    assert not Path(file).exists()


def test_a_digest_of_planned_code_is_not_asked_of_other_code(repository):
    mine = repository.path / "sub" / "mine.py"
    with duel_sides("HEAD~1", ".") as (base, head):
        assert base.target(f"{mine}:Mine@12ab") == f"{base.version.folder / 'mine.py'}:Mine"
        assert head.target(f"{mine}:Mine@12ab") == f"{mine}:Mine"
    with duel_sides(f"{mine}:Mine", "attention") as (base, _):
        assert base.target(f"{mine}:Mine@12ab") == f"{mine}:Mine@12ab"


def test_a_working_tree_at_the_same_place_corresponds_as_a_whole(repository, tmp_path):
    other = repository.linked(tmp_path / "other", "feature")
    with duel_sides("../other/sub", ".") as (base, head):
        assert base.version.tree == Tree(other.path, (repository.path, other.path), (repository.path, other.path))
        assert head.version.tree.root == repository.path
        assert base.target(f"{repository.path}/shared.py:Mine") == f"{other.path}/shared.py:Mine"


def test_another_folder_stands_for_the_working_directory(repository):
    old = repository.path / "sub" / "old"
    old.mkdir()
    with duel_sides("old", "..") as (base, head):
        assert base.version.tree == Tree(old, (old.parent,), (repository.path,))
        assert base.target(f"{old.parent}/mine.py:Mine") == f"{old}/mine.py:Mine"
        assert base.version.folder == old
        assert head.version.tree.root == repository.path
        assert head.target(f"{old.parent}/mine.py:Mine") == f"{repository.path}/mine.py:Mine"


@pytest.mark.parametrize("inside", ["sub", "elsewhere"])
def test_each_of_two_clones_has_its_own_place_for_every_file_of_the_other(inside, repository, tmp_path, monkeypatch):
    repository.git("clone", "-q", str(repository.path), str(tmp_path / "clone"))
    clone, elsewhere = tmp_path / "clone", tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir({"sub": repository.path / "sub", "elsewhere": elsewhere}[inside])
    monkeypatch.setenv("PYTHONPATH", str(clone / "sub"))
    suffix = "/sub" if inside == "sub" else ""
    with duel_sides(f"{repository.path}{suffix}", f"{clone}{suffix}") as sides:
        for side, root in zip(sides, (repository.path, clone), strict=True):
            assert side.version.tree.root == root
            assert {repository.path, clone} <= {*side.version.tree.repository}
            assert side.target(f"{clone}/sub/mine.py:Mine") == f"{root}/sub/mine.py:Mine"
            assert side.version.pythonpath == (str(root / "sub"),)


def test_what_lies_beside_a_named_folder_in_its_repository_is_not_used(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    other, elsewhere = tmp_path.parent / f"{tmp_path.name}-other", tmp_path.parent / f"{tmp_path.name}-elsewhere"
    other.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with duel_sides(str(repository.path / "sub"), str(other)) as (base, head):
        assert base.version.tree.repository == (elsewhere, repository.path, other)
        assert head.version.tree.repository == (elsewhere, repository.path, repository.path / "sub")
        assert head.version.tree.origins == (elsewhere, repository.path / "sub")


def test_pythonpath_leads_into_the_tree_where_it_is_in_the_repository(repository, monkeypatch):
    outside = repository.path.parent
    repository.commit("lib", {"lib/helper.py": ""})
    (repository.path / "untracked").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["../lib", "../untracked", str(outside)]))
    with duel_sides("HEAD", ".") as (base, head):
        root = base.version.tree.root
        assert base.version.pythonpath == (str(root / "lib"), str(repository.path / "untracked"), str(outside))
        assert head.version.pythonpath[0] == str(repository.path / "lib")
    with duel_sides("attention", "hypermixer") as (base, _):
        assert base.version.pythonpath == head.version.pythonpath


@pytest.mark.parametrize(
    ("told", "expected"), [("lib:", ("lib", "")), (":lib", ("", "lib")), (":", ("", "")), ("", ()), (None, ())]
)
def test_an_empty_entry_of_pythonpath_is_the_working_directory(told, expected, repository, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if told is not None:
        monkeypatch.setenv("PYTHONPATH", told.replace(":", os.pathsep))
    with duel_sides("attention", "hypermixer") as (base, _):
        assert base.version.pythonpath == tuple(str(Path.cwd() / place) for place in expected)


def test_an_interpreter_has_its_own_modules_before_those_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    with duel_sides(str(python), sys.executable) as (base, _):
        assert (base.version.python, base.version.path, base.version.pythonpath) == (str(python), (), ())
        assert base.version.last == (str(tmp_path),)
        assert base.version.tree is None
        assert base.target("/x/mine.py:Mine@12ab") == "/x/mine.py:Mine"


@pytest.mark.parametrize("base", ["HEAD~1", "../sub", "old"])
def test_working_trees_that_git_does_not_list_are_a_refusal(base, repository, tmp_path, monkeypatch):
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(f'#!/bin/sh\ncase "$*" in *worktree*) echo fatal: planted >&2; exit 128;; esac\nexec {which("git")} "$@"\n')
    git.chmod(0o755)
    Path("old").mkdir()
    monkeypatch.setenv("PATH", f"{git.parent}{os.pathsep}{os.environ['PATH']}")
    assert str(refusal(base)) == f"the working trees of {repository.path} cannot be listed: git says: planted"


def test_a_working_directory_that_is_gone_is_a_refusal(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert str(refusal("main")) == "the working directory is no longer there"


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
        ("x" * 5000, ".", "is not a folder, an interpreter, a mixer or a git revision"),
        ("attention", ".", "a mixer can only be compared with a mixer"),
        ("missing.py:Mine", ".", "missing.py cannot be read"),
    ],
)
def test_a_side_that_is_nothing_is_named(base, head, message, repository):
    assert message in str(refusal(base, head))


def test_a_mixer_with_a_typing_error_gets_a_suggestion(repository):
    error = refusal("hypermxer:tied=true", "attention")
    assert isinstance(error, UnknownNameError)
    assert "Did you mean 'hypermixer'?" in error.hint


def test_a_branch_with_the_name_of_a_mixer_can_be_named_too(repository):
    repository.git("branch", "hypermixer")
    assert refusal("main", "hypermixer").hint.endswith("For a branch with the name of a mixer, write heads/hypermixer.")
    with duel_sides("main", "heads/hypermixer"):
        pass


def test_a_folder_with_the_name_of_a_branch_is_ambiguous(repository):
    repository.git("branch", "old")
    Path("old").mkdir()
    error = refusal("old")
    assert str(error) == "'old' is both a folder and a git revision"
    assert error.hint == "Write ./old for the folder, heads/old for a branch."
    with duel_sides("./old", "heads/old") as (base, head):
        assert (base.version.name, head.version.name[:9]) == ("./old", "heads/old")
