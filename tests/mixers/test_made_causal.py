"""Mixers made causal together, and those that cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mixbench.errors import RequestError
from mixbench.mixers import MIXERS, choice
from mixbench.mixers.choice import NotCausalError, choose_mixer, choose_mixers
from mixbench.mixers.families.common import CAUSAL, heads_divide
from mixbench.parsing.option import Option

KIND = Option("kind", "choice", "simple", "which", ("simple", "full"))
HALF = replace(
    MIXERS["attention"],
    name="half",
    options=(*(option for option in MIXERS["attention"].options if option.name == "heads"), KIND, CAUSAL),
    constraint=lambda kind, causal, **arguments: (
        heads_divide(**arguments) or ("kind full cannot be causal" if causal and kind == "full" else None)
    ),
)
MINE = """
class Free:
    def __init__(self, width, tokens, causal=False): ...
class Always:
    causal = True
class Plain: ...
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(MINE)
    return str(tmp_path / "mine.py")


@pytest.fixture
def half(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a mixer that can be causal in one of its two kinds."""
    monkeypatch.setattr(choice, "MIXERS", {**MIXERS, "half": HALF})
    return "half"


@pytest.mark.parametrize("name", MIXERS)
def test_every_built_in_mixer_is_made_causal_or_says_that_it_cannot_be(name: str) -> None:
    if MIXERS[name].causality == "no":
        with pytest.raises(NotCausalError, match=f"{name} cannot be causal"):
            choose_mixer(name).made_causal()
    else:
        made = choose_mixer(name).made_causal()
        assert made.is_causal
        assert MIXERS[name].is_causal(made.options)


def test_a_mixer_with_the_option_is_the_one_that_is_typed_with_it(half: str) -> None:
    made = choose_mixer("half:heads=2").made_causal()
    assert made == choose_mixer("half:heads=2,causal=true")
    assert choose_mixer("half:causal=false").made_causal().options["causal"] is True
    assert [mixer.config for mixer in choose_mixers(["half", "half:causal=true"], causal=True)] == [
        choose_mixer("half:causal=true").config
    ]


def test_what_the_constraint_forbids_at_every_shape_is_said(half: str) -> None:
    with pytest.raises(NotCausalError, match="half: kind full cannot be causal"):
        choose_mixer("half:kind=full").made_causal()
    assert choose_mixer("half:heads=64").made_causal().is_causal


def test_a_users_class_is_given_the_option_or_is_causal_already(mine: str) -> None:
    free = choose_mixer(f"{mine}:Free").made_causal()
    assert free.options == {"causal": True}
    assert free == choose_mixer(f"{mine}:Free:causal=true")
    assert choose_mixer(f"{mine}:Always").made_causal() == choose_mixer(f"{mine}:Always")
    with pytest.raises(
        NotCausalError, match=r"mine.py:Plain has neither a parameter `causal` nor the attribute `causal = True`"
    ):
        choose_mixer(f"{mine}:Plain").made_causal()


def test_all_that_cannot_be_causal_are_named_at_once(mine: str, half: str) -> None:
    with pytest.raises(RequestError) as caught:
        choose_mixers(["fnet", "half:kind=full", "none", f"{mine}:Plain"], causal=True)
    assert str(caught.value) == f"--causal: fnet, half:kind=full and {mine}:Plain cannot be causal"
    assert caught.value.hint == (
        "half:kind=full: kind full cannot be causal. mine.py:Plain has neither a parameter `causal` nor the attribute"
        " `causal = True`. Leave them out, or add --skip-unsupported."
    )
    with pytest.raises(RequestError, match="--causal: fnet cannot be causal"):
        choose_mixers(["fnet", "none"], causal=True)


def test_a_skipped_mixer_says_why_and_is_not_the_one_that_is_not_causal() -> None:
    fnet, none = choose_mixers(["fnet", "none"], causal=True, skip_unsupported=True)
    assert fnet.unsupported == "fnet cannot be causal"
    assert json.loads(fnet.config) == {"causal": True, "norm": "ortho"}
    assert not none.unsupported
    assert none == replace(choose_mixer("none"), text="")


def test_skipping_needs_something_to_skip() -> None:
    with pytest.raises(RequestError, match="--skip-unsupported is for mixers that cannot be causal"):
        choose_mixers(["fnet"], skip_unsupported=True)
