"""The line of every table and key of a TOML text, whatever strings, comments and lists stand in between."""

from __future__ import annotations

import random
import tomllib
from typing import Any

import pytest

from mixbench.parsing.toml_lines import Path, line_of_error, read_toml

TEXT = '''\
# [no.table]
a = """
[not.a.table] = 'x'
b = 1 \\""" """"
"c d" = [ # ]
  "]", '[', [1,
  2], ]   # e = 3
x.'y.z' = {k = "}", l = [1]}
  [ t . u ]  # [v]
f = '\\'
g = \'\'\'"""
[h]\'\'\'
[[t.w]]
i = 1979-05-27T07:32:00Z
[[t.w]]
[t.w.j]
k = 1'''


def test_the_lines_of_a_tricky_text() -> None:
    _, lines = read_toml(TEXT)
    assert lines == {
        ("a",): 2,
        ("c d",): 5,
        ("x",): 8,
        ("x", "y.z"): 8,
        ("t", "u"): 9,
        ("t", "u", "f"): 10,
        ("t", "u", "g"): 11,
        ("t", "w"): 13,
        ("t", "w", 0): 13,
        ("t", "w", 0, "i"): 14,
        ("t", "w", 1): 15,
        ("t", "w", 1, "j"): 16,
        ("t", "w", 1, "j", "k"): 17,
    }


def test_lines_may_end_as_on_windows() -> None:
    assert read_toml(TEXT.replace("\n", "\r\n"))[1] == read_toml(TEXT)[1]


VALUES = [
    "1",
    '"a#[b"',
    "'c]'",
    '"""\n[x]\n"""',
    "'''\n]\ny = 2'''",
    "[1,\n# ]\n 2]",
    "{a = [1], b = '}'}",
    '""',
    "''",
    '"\\""',
]


@pytest.mark.parametrize("seed", range(40))
def test_each_key_is_found_where_it_was_written(seed: int) -> None:
    rng = random.Random(seed)
    text, expected, table = "", {}, ()
    for number in range(30):
        text += rng.choice(["", "\n", "  # a = [\n", "\t\n"])
        line = text.count("\n") + 1
        if rng.random() < 0.3:
            table = (f"t{number}", *([f"u {number}"] if rng.random() < 0.5 else []))
            text += f"[{'.'.join(_quoted(name) for name in table)}]\n"
            expected[table] = line
        else:
            expected[(*table, f"k{number}")] = line
            text += f"k{number} = {rng.choice(VALUES)}{rng.choice(['', ' # x = 1', ' '])}\n"
    content, lines = read_toml(text)
    assert lines == expected
    assert all(_at(content, path) is not None for path in lines)


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name


def _at(content: Any, path: Path) -> Any:
    for name in path:
        content = content[name]
    return content


@pytest.mark.parametrize(("text", "line"), [("a = 1\nb = ]\n", 2), ("a = 1\nb = [1,\n", 2)])
def test_the_line_of_an_error(text: str, line: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        read_toml(text)
    assert line_of_error(caught.value, text) == line
