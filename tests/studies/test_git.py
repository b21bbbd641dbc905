"""Where git knows no such revision, its own reason is told, and what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from repositories import IDENTITY, Repository

from mixbench.errors import RequestError
from mixbench.studies.duel_versions import duel_sides

NOTHING = "is not a folder, an interpreter, a mixer or a git revision"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A branch main with two commits; it is the working directory."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    (tmp_path / "user").mkdir()
    made = Repository(tmp_path / "user")
    for text in ("old", "new"):
        made.commit(text, {"mine.py": text})
    monkeypatch.chdir(made.path)
    return made


def refusal(text: str) -> RequestError:
    with pytest.raises(RequestError) as raised, duel_sides(text, "."):
        pass
    return raised.value


def clone(source: Path, place: Path, *options: str) -> Path:
    subprocess.run(["git", "clone", "-q", *options, f"file://{source}", str(place)], check=True, capture_output=True)
    return place


def test_outside_a_repository_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert str(refusal("main")) == f"'main' {NOTHING}: the working directory is not in a git repository"


def test_without_git_the_error_says_so(repository, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert str(refusal("main")) == f"'main' {NOTHING}: git is not installed"
    with duel_sides(".", "."):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository to another user")
def test_the_repository_of_another_user_is_refused_in_gits_words(repository, monkeypatch):
    os.chown(repository.path, 12345, 12345)
    os.chown(repository.path / ".git", 12345, 12345)
    error = refusal("main")
    assert str(error).endswith(f"git says: detected dubious ownership in repository at '{repository.path}'")
    assert f"git config --global --add safe.directory {repository.path}" in error.hint
    (repository.path / "old").mkdir()
    error = refusal("./old")
    said = f"git says: detected dubious ownership in repository at '{repository.path}'"
    assert str(error) == f"the repository around {repository.path} cannot be read: {said}"
    assert f"git config --global --add safe.directory {repository.path}" in error.hint
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    with duel_sides("main", "."):
        pass


def test_a_branch_that_only_the_remote_has_is_suggested(repository, tmp_path, monkeypatch):
    repository.git("branch", "feature")
    monkeypatch.chdir(clone(repository.path, tmp_path / "clone"))
    assert refusal("feature~1").hint == "Did you mean 'origin/feature~1'?"
    with duel_sides("origin/feature~1", "origin/main"):
        pass


def test_what_a_shallow_clone_lacks_can_be_fetched(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(clone(repository.path, tmp_path / "clone", "--depth", "1"))
    for text in ("HEAD~1", repository.commits[0], "nothing", "main~1"):
        assert refusal(text).hint.endswith(
            "This clone is shallow and lacks older commits: git fetch --unshallow (fetch-depth: 0 in GitHub's checkout)."
        )

    for text in ("HEAD~1", repository.commits[0]):
        assert refusal(text).hint.startswith("This clone is shallow")


def test_a_branch_that_a_clone_of_a_single_branch_lacks_can_be_fetched(repository, tmp_path, monkeypatch):
    repository.git("branch", "feature")
    monkeypatch.chdir(clone(repository.path, tmp_path / "clone", "--single-branch"))
    hint = refusal("feature~1").hint
    fetch = "git fetch origin +refs/heads/feature:refs/remotes/origin/feature"
    assert hint == f"This clone has single branches only. For another one: {fetch}, then write origin/feature."
    subprocess.run(fetch.split(), check=True, capture_output=True)
    with duel_sides("origin/feature", "origin/feature~1"):
        pass


def test_a_repository_without_commits_is_named(tmp_path, monkeypatch):
    Repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert str(refusal("main")) == f"'main' {NOTHING}: the git repository has no commits yet"


def test_a_bare_repository_is_named(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(clone(repository.path, tmp_path / "bare.git", "--bare"))
    error = refusal("main")
    assert str(error).endswith("git says: this operation must be run in a work tree")
    assert "use a working tree" in error.hint


def test_the_name_of_a_branch_and_a_tag_is_ambiguous(repository):
    repository.git("branch", "v1", "HEAD~1")
    repository.git("tag", "v1")
    error = refusal("v1~1")
    assert str(error).endswith("git says: refname 'v1' is ambiguous")
    assert error.hint == "Name the branch heads/v1, or the tag tags/v1."
    with duel_sides("heads/v1", "tags/v1") as (branch, tag):
        assert branch.version.name == f"heads/v1 ({repository.commits[0][:9]})"
        assert tag.version.name == f"tags/v1 ({repository.commits[1][:9]})"


def test_what_is_no_commit_is_told_in_gits_words(repository):
    repository.git("tag", "files", "HEAD^{tree}")
    assert "git says: files^{commit}: expected commit type, but the object dereferences to tree type" in str(refusal("files"))


def test_a_damaged_repository_is_told_in_gits_words(repository):
    objects = repository.path / ".git" / "objects"
    head = objects / repository.commits[1][:2] / repository.commits[1][2:]
    head.chmod(0o644)
    head.write_bytes(b"nonsense")
    assert "git says: inflate: data stream error" in str(refusal("main"))
    (repository.path / ".git" / "config").write_text("[core\n")
    assert "git says: bad config line 1 in file" in str(refusal("main"))
    shutil.rmtree(repository.path / ".git")
    (repository.path / ".git").write_text("gitdir: /nowhere\n")
    assert "git says: not a git repository: /nowhere" in str(refusal("main"))


def test_files_that_git_cannot_write_are_told_in_its_words(repository):
    blob = repository.git("rev-parse", "HEAD:mine.py")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    error = refusal("main")
    assert str(error).startswith(f"git cannot write the files of main ({repository.commits[1][:9]}): unable to read sha1 file")


def test_variables_that_name_another_repository_do_not_count(repository, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    other = Repository(tmp_path / "other")
    subprocess.run(["git", *IDENTITY, "commit", "-q", "--allow-empty", "-m", "x"], cwd=other.path, check=True)
    places = {
        "DIR": other.path / ".git",
        "WORK_TREE": other.path,
        "INDEX_FILE": other.path / ".git" / "index",
        "PREFIX": "sub/",
    }
    for name, value in {**places, "LITERAL_PATHSPECS": "1", "OBJECT_DIRECTORY": other.path / ".git" / "objects"}.items():
        monkeypatch.setenv(f"GIT_{name}", str(value))
    with duel_sides("HEAD~1", ".") as (base, _):
        assert (base.version.tree.root / "mine.py").read_text() == "old"
