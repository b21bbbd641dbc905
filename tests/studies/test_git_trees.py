"""The files of a commit are those of a checkout, and nothing in the user's repository changes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from places import REPOSITORY
from repositories import IDENTITY, Repository, state_of

from mixbench.studies.git import GitError
from mixbench.studies.git_trees import git_tree

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "user").mkdir()
    return Repository(tmp_path / "user")


def files(root: Path) -> dict[str, str]:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes().decode() for path in found}


def test_a_tree_has_the_files_of_its_commit_with_links_and_rights(repository):
    names = {"mine.py": "old", "a b/é\nü.py": "odd", "run.sh": "#!/bin/sh\n"}
    os.symlink("mine.py", repository.path / "link.py")
    repository.git("add", "link.py")
    for name, text in names.items():
        (repository.path / name).parent.mkdir(exist_ok=True)
        (repository.path / name).write_text(text)
    (repository.path / "run.sh").chmod(0o755)
    repository.git("add", ".")
    first = repository.commit("Old")
    repository.commit("New", {"mine.py": "new", "more.py": ""})
    (repository.path / "untracked.py").write_text("")
    with git_tree(first, repository.path) as tree:
        assert files(tree.root) == {**names, "link.py": "old"}
        assert os.readlink(tree.root / "link.py") == "mine.py"
        assert os.access(tree.root / "run.sh", os.X_OK)
        assert not os.access(tree.root / "mine.py", os.X_OK)
        assert tree.remarks == ()
    assert not tree.root.parent.exists()


def test_attributes_and_filters_are_those_of_a_checkout_of_that_commit(repository):
    repository.git("config", "filter.loud.smudge", "tr a-z A-Z")
    attributes = "tests export-ignore\nversion.py export-subst\nloud.py filter=loud\nwindows.txt eol=crlf\n"
    repository.commit("With", {".gitattributes": attributes, "windows.txt": "one\ntwo\n", "version.py": "$Format:%H$"})
    with_attributes = repository.commit("More", {"tests/mixer.py": "x", "loud.py": "loud"})
    repository.git("rm", "-q", ".gitattributes")
    without = repository.commit("Without")
    with git_tree(with_attributes, repository.path) as tree:
        written = files(tree.root)
        assert written["tests/mixer.py"] == "x"
        assert written["version.py"] == "$Format:%H$"
        assert written["loud.py"] == "LOUD"
        assert written["windows.txt"] == "one\r\ntwo\r\n"
    with git_tree(without, repository.path) as tree:
        assert files(tree.root)["loud.py"] == "loud"


def test_nothing_in_the_repository_changes_and_no_hook_runs(repository, tmp_path):
    first = repository.commit("Old", {"mine.py": "old", "sub/other.py": ""})
    repository.commit("New", {"mine.py": "new"})
    repository.git("worktree", "add", "-q", str(tmp_path / "away"), "HEAD~1")
    shutil.rmtree(tmp_path / "away")  # as on a disk that is not mounted
    for key, value in {
        "core.splitIndex": "true",
        "core.sparseCheckout": "true",
        "core.fsmonitor": str(tmp_path / "hook"),
        "core.untrackedCache": "true",
        "submodule.recurse": "true",
        "core.logAllRefUpdates": "always",
    }.items():
        repository.git("config", key, value)
    (repository.path / ".git" / "info" / "sparse-checkout").write_text("/sub\n")
    ran = tmp_path / "ran"
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        script = repository.path / ".git" / "hooks" / hook
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\ntouch {ran}\n")
        script.chmod(0o755)
    shutil.copy(script, tmp_path / "hook")
    (repository.path / "mine.py").write_text("changed")
    before = repository.state()
    with git_tree(first, repository.path) as tree:
        assert files(tree.root) == {"mine.py": "old", "sub/other.py": ""}
    assert repository.state() == before
    assert not ran.exists()


HOOK = """
import sys
from pathlib import Path
sys.path[:0] = [{package!r}, {helpers!r}]
from repositories import state_of
from mixbench.studies.duel_versions import duel_sides
git = Path({git!r})
before = state_of(git)
with duel_sides("HEAD", ".") as (base, head):
    assert (base.version.tree.root / "mine.py").read_text() == "old", "the base is another"
    assert (head.version.tree.root / "mine.py").read_text() == "new", "the head is another"
    assert head.version.tree.root == Path.cwd()
assert state_of(git) == before, "the repository was changed"
"""


@pytest.mark.parametrize("linked", [False, True], ids=["main worktree", "linked worktree"])
def test_inside_a_hook_the_commit_is_the_one_that_the_user_makes(repository, tmp_path, linked):
    repository.commit("Old", {"mine.py": "old"})
    work = repository.linked(tmp_path / "linked", "other") if linked else repository
    hook = repository.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    code = HOOK.format(
        package=str(REPOSITORY), helpers=str(REPOSITORY / "tests" / "helpers"), git=str(repository.path / ".git")
    )
    hook.write_text(f"#!{sys.executable}\n{code}")
    hook.chmod(0o755)
    (work.path / "mine.py").write_text("new")
    work.git("commit", "-q", "-a", "-m", "New")
    assert work.git("show", "HEAD:mine.py") == "new"
    assert work.git("status", "--porcelain") == ""
    assert len(work.git("worktree", "list").splitlines()) == 1 + linked


def test_submodules_are_written_too_as_far_as_their_commits_are_here(repository, tmp_path):
    library = Repository(Path(tempfile.mkdtemp(dir=tmp_path)))
    inner = Repository(Path(tempfile.mkdtemp(dir=tmp_path)))
    inner.commit("Inner", {"deep.py": "deep"})
    add = ("-c", "protocol.file.allow=always", "submodule", "--quiet", "add")
    library.commit("One", {"lib.py": "one"})
    library.git(*add, str(inner.path), "deeper")
    library.commit("Two")
    repository.git(*add, "--name", "library", str(library.path), "vendor/lib")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    first = repository.commit("With a submodule")
    repository.git("-C", "vendor/lib", *IDENTITY, "commit", "-q", "--allow-empty", "-m", "Local")
    repository.git("add", "vendor/lib")
    repository.commit("With a later submodule")
    with git_tree(first, repository.path) as tree:
        written = files(tree.root)
        assert written["vendor/lib/lib.py"] == "one"
        assert written["vendor/lib/deeper/deep.py"] == "deep"
        assert tree.remarks == ()
    shutil.rmtree(repository.path / "vendor")  # another branch is checked out
    with git_tree(first, repository.path) as tree:
        assert files(tree.root)["vendor/lib/lib.py"] == "one"
    shutil.rmtree(repository.path / ".git" / "modules")
    with git_tree(first, repository.path) as tree:
        assert "vendor/lib/lib.py" not in files(tree.root)
        (remark,) = tree.remarks
        assert remark.startswith("the submodule vendor/lib is left out: its commit ")
        assert remark.endswith("is missing. Run: git submodule update --init vendor/lib")


def test_a_shallow_submodule_is_told_how_to_get_its_commit(repository, tmp_path):
    (tmp_path / "library").mkdir()
    library = Repository(tmp_path / "library")
    for text in ("one", "two"):
        library.commit(text, {"lib.py": text})
    repository.git("clone", "-q", "--depth", "1", f"file://{library.path}", "lib")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{library.commits[0]},lib")
    commit = repository.commit("With a submodule")
    with git_tree(commit, repository.path) as tree:
        left_out = f"the submodule lib is left out: its commit {library.commits[0][:9]} is missing"
        assert tree.remarks == (f"{left_out}. Run: git -C lib fetch --unshallow",)
    repository.git("-C", "lib", "fetch", "-q", "--unshallow")
    with git_tree(commit, repository.path) as tree:
        assert files(tree.root) == {"lib/lib.py": "one"}


def test_what_a_partial_clone_lacks_is_fetched_for_the_duel_alone(repository, tmp_path):
    repository.git("config", "uploadpack.allowFilter", "true")
    commit = repository.commit("Old", {"mine.py": "old", "unchanged.py": "same"})
    repository.commit("New", {"mine.py": "new"})
    clone = tmp_path / 'a:b "c"'
    repository.git("clone", "-q", "--filter=blob:none", f"file://{repository.path}", str(clone))
    before = state_of(clone / ".git")
    for _ in range(2):
        with git_tree(commit, clone) as tree:
            assert files(tree.root) == {"mine.py": "old", "unchanged.py": "same"}
    assert state_of(clone / ".git") == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_filter_ends_with_the_duel(repository, tmp_path, number):
    started = tmp_path / "started"
    repository.git("config", "filter.slow.smudge", f"echo $$ > {started}; sleep 60; cat")
    repository.commit("Plain", {"mine.py": "text"})
    commit = repository.commit("Slow", {".gitattributes": "mine.py filter=slow\n"})
    code = f"""
from pathlib import Path
from mixbench.studies.git_trees import git_tree
with git_tree({commit!r}, Path({str(repository.path)!r})): pass
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    within(10, lambda: started.exists() and started.read_text().endswith("\n"))
    process.send_signal(number)
    process.wait(timeout=10)
    within(10, lambda: not psutil.pid_exists(int(started.read_text())))


def within(seconds: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_room_for_its_files_a_commit_cannot_be_written(repository, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    commit = repository.commit("One", {"mine.py": "text"})
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(GitError, match="no temporary folder can be made: No space left on device") as raised:
        git_tree(commit, repository.path).__enter__()
    assert "TMPDIR" in raised.value.advice


def test_pointers_of_lfs_are_told(repository):
    text = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
    commit = repository.commit("Large", {".gitattributes": text, "weights.bin": POINTER, "small.bin": "content"})
    with git_tree(commit, repository.path) as tree:
        assert tree.remarks == ("weights.bin is a pointer of Git LFS without its content. Run: git lfs fetch --all",)


def test_what_goes_wrong_is_told_in_gits_words(repository):
    commit = repository.commit("One", {"mine.py": "text"})
    blob = repository.git("rev-parse", "HEAD:mine.py")
    (repository.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError, match=f"unable to read sha1 file of mine.py \\({blob}\\)"), git_tree(commit, repository.path):
        pass


def test_nothing_stays_when_the_duel_is_interrupted(repository):
    commit = repository.commit("One", {"mine.py": "text"})
    with pytest.raises(KeyboardInterrupt), git_tree(commit, repository.path) as tree:
        raise KeyboardInterrupt
    assert not tree.root.parent.exists()
