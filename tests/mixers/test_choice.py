from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import SAMPLES

from mixbench.errors import MixbenchError, RequestError, SameCodeWarning, UnknownNameError
from mixbench.mixers import MIXERS, PAPER_MIXERS, plugins
from mixbench.mixers.choice import choose_mixer, choose_mixers, code_of
from mixbench.parsing import sources
from mixbench.parsing.sources import split_target


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


def test_mixers_of_one_name_are_called_as_they_were_typed() -> None:
    assert [mixer.label for mixer in choose_mixers(["attention", "fnet"])] == ["attention", "fnet"]
    assert [mixer.label for mixer in choose_mixers(["attention", "attention:heads=2", "fnet"])] == [
        "attention",
        "attention:heads=2",
        "fnet",
    ]


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


def test_a_file_that_loads_no_module_of_its_own_keeps_its_plain_hash(tmp_path: Path) -> None:
    source = Path(shutil.copy(SAMPLES, tmp_path / "mine.py"))
    (tmp_path / "helper.py").write_text("")
    assert json.loads(choose_mixer(f"{source}:Mean").config)["file_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_mixer_is_the_code_of_all_that_it_imports_from_its_folder(tmp_path: Path) -> None:
    for name, repeats in (("old", 1), ("new", 8), ("copy", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text("from helper import REPEATS\nclass Mine: pass\n")
        (tmp_path / name / "helper.py").write_text(f"REPEATS = {repeats}\n")
    texts = [f"{tmp_path / name / 'mine.py'}:Mine" for name in ("old", "new", "copy")]
    old, new, copy = map(choose_mixer, texts)
    assert old.config == copy.config != new.config
    with pytest.warns(
        SameCodeWarning, match=r"old/mine.py:Mine and .*/copy/mine.py:Mine have the same code: they are one mixer"
    ):
        chosen = choose_mixers(texts)
    assert [mixer.config for mixer in chosen] == [old.config, new.config]
    assert [path.parent.name for _, path in code_of(chosen)] == ["old", "copy", "new"]
    (tmp_path / "old" / "helper.py").write_text("REPEATS = 8\n")
    assert choose_mixer(texts[0]).config == new.config


def offer(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    """Installed packages offer these mixers: name and target."""
    found = [EntryPoint(name, target, plugins.PLUGIN_GROUP) for name, target in points]
    monkeypatch.setattr(plugins, "entry_points", lambda group: found)


def test_a_name_that_two_packages_offer_is_refused_and_one_that_a_package_offers_twice_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer(monkeypatch, ("mamba", "second:Mamba"), ("mamba", "first:Mamba"), ("other", "first:A"), ("other", "first:A"))
    with pytest.raises(RequestError, match="--mixer mamba: installed packages disagree: first:Mamba and second:Mamba"):
        choose_mixer("mamba")
    assert choose_mixer("other").target == "first:A"
    offer(monkeypatch, ("plugged", "a:A"), ("attention", "a:B"), ("all", "a:C"), ("my:own", "a:D"))
    with pytest.raises(UnknownNameError) as refused:
        choose_mixer("nothing")
    known = refused.value.hint.partition("Known: ")[2].rstrip(".").split(", ")
    assert known == sorted([*MIXERS, "plugged"])


def test_a_plug_in_that_can_be_edited_is_its_code_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "plugged_in"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layers.py").write_text("class Gate: pass\n")
    (package / "mixers.py").write_text("from .layers import Gate as Mine\n")
    offer(monkeypatch, ("plugged", "plugged_in.mixers:Mine"))
    assert json.loads(choose_mixer("plugged").config) == {"plugin_version": ""}
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    known = choose_mixer("plugged")
    assert known.target == "plugged_in.mixers:Mine"
    (package / "layers.py").write_text("class Gate: x = 1\n")
    assert choose_mixer("plugged").config != known.config


def test_a_class_may_also_be_assigned_or_imported() -> None:
    assert split_target(choose_mixer(f"{SAMPLES}:Average").target)[:2] == (str(SAMPLES), "Average")


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
        ("nowhere.py:Mine", "nowhere.py cannot be read: No such file", "path/to/file.py:ClassName"),
        ("", "does not name a mixer", "mixbench list"),
        ("m" * 5000, "the name has 5000 characters", "At most 200"),
        ("mine.py:" + "M" * 9000, "it has 9008 characters", "At most 8192"),
        ("folder/" * 900 + "mine.py:Mine", "cannot be read: File name too long", "path/to/file.py:ClassName"),
        ("attention:heads=" + "4" * 500, "option 'heads' of attention cannot be '444", "a positive whole number"),
        ("attention:" + "h" * 500 + "=4", "unknown option 'hhh", "Known: causal, heads"),
    ],
)
def test_a_wrong_mixer_string_is_an_error_that_says_what_and_what_next(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError) as caught:
        choose_mixer(text)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert len(str(caught.value)) < 250


def test_a_class_that_is_not_in_the_file_suggests_the_nearest() -> None:
    with pytest.raises(RequestError, match="unknown class 'Produkt'") as caught:
        choose_mixer(f"{SAMPLES}:Produkt")
    assert "Product" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = 1\nclass :\n", "line 2 is not valid Python: invalid syntax"),
        (b"x = 1\0", "is not valid Python: source code string cannot contain null bytes"),
        ("x = 'é'".encode("latin-1"), "is not valid Python: (unicode error)"),
        (b"# coding: nonsense\n", "is not valid Python: unknown encoding: nonsense"),
        (b"(" * 5000, "is not valid Python: too many nested parentheses"),
        (b"x = " + b"-" * 100_000 + b"1", "is nested too deeply for Python"),
        (b"x = " + b"+".join([b"1"] * 20_000), "is nested too deeply for Python"),
        (b" " * 10_000_001, "has 10 MB, too large for a source file"),
    ],
    ids=["syntax", "null", "latin-1", "encoding", "parentheses", "unary", "sum", "size"],
)
def test_a_file_that_python_cannot_read_says_why_in_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_bytes(content)
    with pytest.raises(RequestError) as caught:
        choose_mixer(f"{path}:Mine")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_a_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(RequestError, match=f"{name}.py is not a file"):
            choose_mixer(f"{tmp_path / name}.py:Mine")


def test_a_file_that_may_import_too_much_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANY", 0)
    path = tmp_path / "mine.py"
    path.write_text("class Mine: pass\nexec(text)\n")
    with pytest.raises(RequestError, match="imports modules by names that are computed at run time") as caught:
        choose_mixer(f"{path}:Mine")
    assert "folder of their own" in caught.value.hint


@given(st.text(max_size=40))
def test_no_text_gives_anything_but_a_mixer_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(MixbenchError):
        assert choose_mixer(text).target


@given(st.sampled_from(PAPER_MIXERS), st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_no_options_give_anything_but_a_mixer_or_a_clear_error(name: str, options: dict[str, str]) -> None:
    text = ",".join(f"{key}={value}" for key, value in options.items())
    with contextlib.suppress(MixbenchError):
        assert choose_mixer(f"{name}:{text}").name == name


@pytest.mark.parametrize("text", ["retention", "gated-linear-attention", "differential-attention", "attention:rotary=true"])
def test_heads_that_are_halved_or_turned_in_pairs_need_an_even_number_of_channels(text: str) -> None:
    with pytest.raises(RequestError, match="needs an even number of channels per head, not 3"):
        choose_mixer(text).arguments(16, 12)
