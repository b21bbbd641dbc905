"""A version uses its own files, or the duel ends and says which others it used."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mixbench.errors import RequestError
from mixbench.execution.version import Tree, Version, check_modules, lacks

USER = Path("/user")


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return Version("main (12ab)", sys.executable, tree=Tree(tmp_path, (USER, USER / "inner"), (USER, USER / "inner")))


def test_a_tree_stands_for_the_innermost_of_its_origins():
    tree = Tree(Path("/tree"), (Path("/user"), Path("/user/inner")), ())
    assert tree.moved(Path("/user/a/mine.py")) == Path("/tree/a/mine.py")
    assert tree.moved(Path("/user/inner/mine.py")) == Path("/tree/mine.py")
    assert tree.moved(Path("/users/mine.py")) is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"file": "/user/mine.py"}, "the mixer comes from /user/mine.py, not from main (12ab)"),
        ({"foreign": [["a", "/user/a.py"]]}, "main (12ab) imports a from /user/a.py, not from its own files"),
        (
            {"foreign": [[name, f"/user/{name}.py"] for name in "abcde"]},
            "main (12ab) imports a from /user/a.py, b from /user/b.py, c from /user/c.py and 2 more modules,"
            " not from its own files",
        ),
        ({"foreign": [["", "/user/x.so"]]}, "main (12ab) imports /user/x.so, not from its own files"),
        ({"lacking": [["c", "/user/c.so"]]}, "main (12ab) needs modules found only in your working tree: c from /user/c.so"),
    ],
)
def test_code_that_is_not_its_own_is_named_with_its_file(version: Version, answer: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as raised:
        check_modules(version, answer)
    assert str(raised.value) == message
    check_modules(Version("env", sys.executable), answer)


def test_own_code_is_accepted(version: Version, tmp_path: Path) -> None:
    check_modules(version, {"file": str(tmp_path / "mine.py"), "foreign": [], "lacking": []})
    check_modules(version, {})


def test_the_file_of_a_mixer_that_a_version_has_not_is_named(version: Version, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.py").write_text("")
    for file, message in {
        "there/mine.py": "",
        "there/other.py": "main (12ab) has no there/other.py",
        "sub/deep/mine.py": "main (12ab) has no sub/deep/mine.py (no folder sub)",
    }.items():
        assert lacks(version, {"target": f"{tmp_path / file}:Mine"}) == message
    assert lacks(version, {"target": "package.module:Mine"}) == ""
