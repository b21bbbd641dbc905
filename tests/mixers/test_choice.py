from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import SAMPLES

from mixbench.errors import MixbenchError, RequestError
from mixbench.mixers import PAPER_MIXERS
from mixbench.mixers.choice import choose_mixer, choose_mixers


def test_without_a_name_the_six_of_the_paper_and_the_control_are_chosen() -> None:
    six = ["attention", "linear-attention", "fnet", "mlp-mixer", "gmlp", "hypermixer"]
    assert [mixer.name for mixer in choose_mixers(None)] == [*six, "none"]


def test_a_built_in_mixer_has_all_options_in_its_config_with_sizes_symbolic() -> None:
    mixer = choose_mixer("hypermixer:heads=4")
    assert json.loads(mixer.config) == {
        "bias": False,
        "grouping": "auto",
        "heads": 4,
        "hidden": "2*width",
        "layer-norm": True,
        "positions": "sinusoidal",
        "scale": True,
        "tied": False,
    }
    assert mixer.arguments(64, 32)["hidden"] == 64


def test_the_same_mixer_named_twice_is_measured_once() -> None:
    assert len(choose_mixers(["attention", "attention:heads=4", "attention:heads=2"])) == 2


def test_a_class_in_a_file_carries_the_hash_of_the_file_and_typed_options(tmp_path: Path) -> None:
    source = Path(shutil.copy(SAMPLES, tmp_path / "mine.py"))
    text = f"{source}:Mean:gain=3,mode=fast,rate=0.5,on=true"
    mixer = choose_mixer(text)
    assert mixer.name == "mine.py:Mean"
    config = json.loads(mixer.config)
    assert len(config.pop("file_sha256")) == 64
    assert config == {"gain": 3, "mode": "fast", "rate": 0.5, "on": True}
    assert mixer.arguments(8, 4) == {"width": 4, "tokens": 8, "gain": 3, "mode": "fast", "rate": 0.5, "on": True}
    source.write_text(SAMPLES.read_text() + "\n")
    assert choose_mixer(text).config != mixer.config


def test_a_class_may_also_be_assigned_or_imported() -> None:
    assert choose_mixer(f"{SAMPLES}:Average").target == f"{SAMPLES}:Average"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("hypermixr", "unknown mixer 'hypermixr'", "Did you mean 'hypermixer'?"),
        ("hypermixer:head=4", "unknown option 'head' of hypermixer", "Did you mean 'heads'?"),
        ("hypermixer:heads=0", "option 'heads' of hypermixer cannot be '0'", "a positive whole number"),
        ("hypermixer:tied=yes", "option 'tied' of hypermixer cannot be 'yes'", "true or false"),
        ("hypermixer:grouping=regroup", "unknown value 'regroup'", "Did you mean 'regrouped'?"),
        ("hypermixer:hidden=2*depth", "option 'hidden' of hypermixer cannot be '2*depth'", "2*width"),
        ("attention:heads", "'heads' is not an option", "key=value"),
        ("attention:heads=2,heads=4", "gives 'heads' twice", "twice"),
        ("none.py", "does not name a class", "path/to/file.py:ClassName"),
        ("nowhere.py:Mine", "cannot read nowhere.py", "path/to/file.py:ClassName"),
        ("", "does not name a mixer", "mixbench list"),
    ],
)
def test_a_wrong_mixer_string_is_an_error_that_says_what_and_what_next(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        choose_mixer(text)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_a_class_that_is_not_in_the_file_suggests_the_nearest() -> None:
    with pytest.raises(RequestError, match="unknown class 'Produkt'") as caught:
        choose_mixer(f"{SAMPLES}:Produkt")
    assert "Product" in caught.value.hint


def test_a_file_that_is_not_python_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("x = 1\nclass :\n")
    with pytest.raises(RequestError, match="line 2 is not valid Python"):
        choose_mixer(f"{path}:Mine")


@given(st.text(max_size=40))
def test_no_text_gives_anything_but_a_mixer_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(MixbenchError):
        assert choose_mixer(text).target


@given(st.sampled_from(PAPER_MIXERS), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_no_options_give_anything_but_a_mixer_or_a_clear_error(name: str, options: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in options.items())
    with contextlib.suppress(MixbenchError):
        assert choose_mixer(f"{name}:{text}").name == name
