"""What the source of a class says of its causality, without running it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mixbench.parsing.claims import causality_of_file, causality_of_module

CLASSES = """
from torch import nn
from base import Base as Imported, Fixed as Other
import base

class Option(nn.Module):
    def __init__(self, width, tokens, causal=False): ...

class Keyword(nn.Module):
    def __init__(self, *, width, tokens, causal): ...

class Always(nn.Module):
    causal = True

class Annotated(nn.Module):
    causal: bool = True

class Denied(nn.Module):
    causal = False

class Said(nn.Module):
    "causal = True"
    def forward(self, x, causal=True): ...

class Inheriting(Option):
    def forward(self, x): ...

class PassingOn(Option):
    def __init__(self, **options): ...

class Hiding(Option):
    def __init__(self, width, tokens): ...

class HidingAlways(Always):
    def __init__(self, width, tokens): ...

class FromAnotherModule(Imported): ...

class Cycle(Cycle): ...

def made(width, tokens, causal=False): ...

def plain(width, tokens): ...

Renamed = Option
try:
    class InABlock(Always): ...
except ImportError:
    class InABlock(nn.Module): ...
"""
BASE = """
class Base:
    def __init__(self, width, tokens, causal=False): ...
class Fixed:
    causal = True
"""
SAID = {
    "Option": "option",
    "Keyword": "option",
    "Always": "always",
    "Annotated": "always",
    "Denied": "no",
    "Said": "no",
    "Inheriting": "option",
    "PassingOn": "option",
    "Hiding": "no",
    "HidingAlways": "always",
    "FromAnotherModule": "option",
    "Other": "always",
    "Cycle": "no",
    "made": "option",
    "plain": "no",
    "Renamed": "option",
    "Missing": "no",
}


@pytest.mark.parametrize("name", SAID)
def test_a_class_says_whether_it_is_causal_by_a_parameter_or_an_attribute(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CLASSES)
    (tmp_path / "base.py").write_text(BASE)
    assert causality_of_file(tmp_path / "mine.py", name) == SAID[name]


def test_a_class_of_a_package_is_read_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "claiming"
    (package / "inner").mkdir(parents=True)
    for folder in (package, package / "inner"):
        (folder / "__init__.py").write_text("raise SystemError('imported')")
    (package / "base.py").write_text(BASE)
    (package / "inner" / "mixers.py").write_text("from ..base import Base, Fixed\nclass Mine(Base): ...\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert causality_of_module("claiming.inner.mixers", "Mine") == "option"
    assert causality_of_module("claiming.inner.mixers", "Fixed") == "always"
    assert causality_of_module("claiming.lost", "Mine") == "no"
    assert causality_of_module("nowhere", "Mine") == "no"
    assert "claiming" not in sys.modules


def test_a_file_that_is_not_python_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class :")
    assert causality_of_file(tmp_path / "mine.py", "Mine") == "no"
    assert causality_of_file(tmp_path / "lost.py", "Mine") == "no"
