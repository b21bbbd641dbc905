"""Mixers with the parameters or the FLOPs of a baseline."""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import HELPERS
from run_fake_speed import fake_request

from mixbench.errors import RequestError
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import ChosenMixer, choose_mixer
from mixbench.studies.matching import CLOSE, _difference, match

ATTENTION = choose_mixer("attention")
FORM = {"params": "params", "flops": "inference"}
FREE = [name for name, mixer in MIXERS.items() if mixer.free]


def cost(mixer: ChosenMixer, by: str, tokens: int, width: int) -> int:
    forms = mixer.closed_forms(tokens, width)
    assert forms is not None
    return forms[FORM[by]]


@pytest.mark.parametrize("by", ["params", "flops"])
@pytest.mark.parametrize("tokens", [64, 1024])
@pytest.mark.parametrize("name", FREE)
def test_a_free_size_brings_the_cost_near_to_that_of_the_baseline_or_it_is_said(name: str, tokens: int, by: str) -> None:
    mixer = choose_mixer(name)
    sized, said = match(mixer, ATTENTION, by, tokens, 256)
    found, goal = cost(sized, by, tokens, 256), cost(ATTENTION, by, tokens, 256)
    assert said.startswith(f"{mixer.entry.free}={sized.options[mixer.entry.free]}")  # type: ignore[union-attr]
    assert (abs(found - goal) <= CLOSE * goal) == (" the " not in said and " more " not in said and " fewer " not in said), said
    assert abs(found - goal) <= abs(cost(mixer, by, tokens, 256) - goal)
    assert sized.config == mixer.config


def test_a_constraint_is_kept_and_the_usual_size_is_told() -> None:
    sized, said = match(choose_mixer("hypermixer:heads=3"), ATTENTION, "params", 64, 192)
    assert sized.options["hidden"] % 3 == 0  # type: ignore[operator]
    assert said == f"hidden={sized.options['hidden']} (384)"


@pytest.mark.parametrize(
    ("mixer", "by", "said"),
    [
        ("attention", "flops", ""),
        ("fnet", "params", "no free size, 0 parameters"),
        ("attention:heads=1", "params", "no free size"),
        ("linear-attention", "flops", "no free size, 62 % fewer FLOPs"),
        (f"{HELPERS / 'odd_mixers.py'}:Product", "params", "no closed form of its parameters"),
        ("hypermixer", "width", ""),
    ],
)
def test_what_cannot_be_matched_says_why_and_how_far_off_it_is(mixer: str, by: str, said: str) -> None:
    chosen = choose_mixer(mixer)
    sized, told = match(chosen, ATTENTION, by, 1024, 256)
    assert (sized, told) == (chosen, said)


def test_a_cost_far_from_the_goal_is_told_as_a_multiple_and_one_near_it_in_percent() -> None:
    assert match(choose_mixer("fnet"), ATTENTION, "flops", 4096, 32)[1] == "no free size, 0.00511 times the FLOPs"
    assert match(ATTENTION, choose_mixer("lstm"), "params", 64, 256)[1] == "no free size, 50 % fewer parameters"
    assert [_difference(cost, 1000, "params") for cost in (99, 101, 975, 1021, 1995, 2000)] == [
        "0.099 times the parameters",
        "90 % fewer parameters",
        "2.5 % fewer parameters",
        "2.1 % more parameters",
        "100 % more parameters",
        "2 times the parameters",
    ]
    assert _difference(1_048_576, 0, "flops") == "1,048,576 FLOPs"


def test_a_baseline_without_closed_forms_is_refused() -> None:
    own = choose_mixer(f"{HELPERS / 'odd_mixers.py'}:Product")
    with pytest.raises(RequestError, match=r"--match flops: the baseline .*Product has no closed form of its FLOPs") as refused:
        replace(fake_request(), match="flops", baseline=own)
    assert refused.value.hint == "Choose a built-in mixer with --baseline."
