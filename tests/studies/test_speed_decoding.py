"""Which cells of --mode decode are planned, with what their classes are built, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import DECODING
from run_fake_speed import fake_request

from mixbench.errors import RequestError
from mixbench.mixers.choice import choose_mixer, choose_mixers
from mixbench.mixers.description import Mixer
from mixbench.parsing.option import Option
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.tables.speed_rows import tokens_per_call

OWN = f"{DECODING}:Decaying"


def decoding(*mixers: str, **changes: object) -> SpeedRequest:
    return replace(fake_request(), mixers=choose_mixers(mixers), mode=("decode",), **changes)  # type: ignore[arg-type]


def test_a_users_mixer_is_built_for_one_token_more_than_the_context() -> None:
    cells = plan_speed(decoding(OWN))
    assert [(cell.keys["tokens"], cell.job["tokens"], cell.job["arguments"]["tokens"]) for cell in cells] == [
        (8, 8, 9),
        (16, 16, 17),
        (32, 32, 33),
    ]
    assert {cell.unsupported for cell in cells} == {""}


def test_a_mixer_without_a_next_token_is_unsupported_beside_one_that_has_it() -> None:
    cells = plan_speed(decoding(OWN, "fnet"))
    assert {(cell.label, cell.unsupported) for cell in cells} == {
        ("decoding_mixers.py:Decaying", ""),
        ("fnet", "it is not causal, so it cannot decode"),
    }


def test_with_no_mixer_but_the_control_that_decodes_nothing_is_planned() -> None:
    with pytest.raises(RequestError, match=r"no mixer can be measured\. fnet: it is not causal, so it cannot decode"):
        plan_speed(decoding("fnet", "none"))
    assert not any(cell.unsupported for cell in plan_speed(decoding("none")))


def test_a_model_has_no_next_token_and_a_block_has() -> None:
    cells = plan_speed(decoding(OWN, scope=("block", "model")))
    reasons = {cell.keys["scope"]: cell.unsupported for cell in cells}
    assert reasons["block"] == ""
    assert reasons["model"].startswith("the model is a classifier that pools all tokens")
    with pytest.raises(RequestError, match="no mixer can be measured"):
        plan_speed(decoding(OWN, scope=("model",)))


def test_the_reason_says_what_to_add_where_an_option_makes_a_mixer_causal() -> None:
    causal = Option("causal", "flag", False, "")
    entry = Mixer("toy", "", "", "toy:Toy", lambda **_: 0, lambda **_: 0, options=(causal,), state="d")
    assert entry.lacks_steps({"causal": True}) == ""
    assert entry.lacks_steps({"causal": False}) == "it is not causal unless asked: toy:causal=true, or --causal"
    without = replace(entry, state="")
    assert {without.lacks_steps({"causal": each}) for each in (True, False)} == {
        "it has no recurrent form, so it cannot decode"
    }
    assert choose_mixer("fnet").lacks_steps == "it is not causal, so it cannot decode"


def test_a_call_gives_an_output_for_each_token_in_decode_for_one_of_each_sequence() -> None:
    assert [tokens_per_call(mode, 64, 3) for mode in ("inference", "training", "decode")] == [192, 192, 3]
