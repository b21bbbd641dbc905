"""How mixers and contexts are named, and which mixers of some rows a text means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mixbench.errors import UnknownNameError
from mixbench.mixers.choice import choose_mixer
from mixbench.tables.origins import learn_place
from mixbench.verdicts.labels import Context, context_words, find_baseline, find_mixers, mixer_labels, mixer_string


def test_a_mixer_of_a_file_is_found_wherever_the_file_lay_but_only_in_the_version_of_one_that_is_there(tmp_path: Path) -> None:
    mixers = [("mine.py:Mine", '{"file_sha256":"aa","gain":2}'), ("attention", '{"heads":4}')]
    assert find_mixers("else where/mine.py:Mine", mixers) == mixers[:1]
    assert find_mixers("else where/mine.py:Other", mixers) == []
    (tmp_path / "mine.py").write_text("class Mine: ...\n")
    assert find_mixers(f"{tmp_path}/mine.py:Mine", mixers) == []


def test_a_baseline_can_be_a_label_a_mixer_string_or_the_name_of_a_class() -> None:
    four, plain = ("hypermixer", '{"heads":4}'), ("hypermixer", '{"heads":1}')
    own = ("my.py:Conv", '{"file_sha256":"ab"}')
    for text in ("hypermixer heads=4", "hypermixer:heads=4"):
        assert find_baseline(text, [four, plain, own]) == four
    assert find_baseline("hypermixer", [four, plain, own]) == plain
    assert find_baseline("hypermixer", [("hypermixer", '{"heads":2,"tied":true}'), four, own]) == four
    assert find_baseline("Conv", [four, plain, own]) == own
    assert find_baseline("my.py:Conv", [four, plain, own]) == own
    assert find_baseline(None, []) is None


def test_a_baseline_is_the_causal_form_where_that_alone_was_measured() -> None:
    two, four = (choose_mixer(f"attention:causal=true,heads={heads}") for heads in (2, 4))
    measured = [(mixer.name, mixer.config) for mixer in (two, four)]
    for text, meant in (("attention:heads=2", two), ("attention:heads=4", four), ("attention", four)):
        assert find_baseline(text, measured) == (meant.name, meant.config)
    plain = choose_mixer("attention:heads=2")
    assert find_baseline("attention:heads=2", [*measured, (plain.name, plain.config)]) == (plain.name, plain.config)
    with pytest.raises(UnknownNameError):
        find_baseline("fnet:norm=none", measured)


def test_labels_show_the_options_that_differ_from_the_defaults() -> None:
    plain = ("hypermixer", '{"bias":false,"heads":1,"hidden":"2*width"}')
    other = ("hypermixer", '{"bias":true,"heads":4,"hidden":"2*width"}')
    assert mixer_labels([plain, other]) == {plain: "hypermixer", other: "hypermixer bias=true heads=4"}


def test_a_row_from_before_an_option_is_labelled_by_what_then_ran() -> None:
    before, now, named = ("fnet", "{}"), ("fnet", '{"norm":"ortho"}'), ("fnet", '{"norm":"none"}')
    assert mixer_labels([before, now]) == {before: "fnet norm=none", now: "fnet"}
    assert find_baseline("fnet:norm=none", [before, now]) == before
    assert find_baseline("fnet", [before, now]) == now
    assert len(set(mixer_labels([before, now, named]).values())) == 3


def test_labels_of_own_mixers_show_file_and_hash_only_to_tell_two_apart() -> None:
    conv = ("my.py:Conv", '{"file_sha256":"aaaaaaaaaaaa","size":3}')
    moved = ("other.py:Conv", '{"file_sha256":"aaaaaaaaaaaa","size":3}')
    edited = ("my.py:Conv", '{"file_sha256":"bbbbbbbbbbbb","size":3}')
    assert mixer_labels([conv]) == {conv: "Conv size=3"}
    assert mixer_labels([conv, moved]) == {conv: "my.py:Conv size=3", moved: "other.py:Conv size=3"}
    assert mixer_labels([conv, edited]) == {conv: "Conv size=3 file=aaaaaaaa", edited: "Conv size=3 file=bbbbbbbb"}
    assert len(set(mixer_labels([conv, moved, edited]).values())) == 3
    learn_place("aaaaaaaaaaaa", "../old/my.py")
    learn_place("bbbbbbbbbbbb", "../new/my.py")
    assert mixer_labels([conv, edited]) == {conv: "Conv size=3 file=old/my.py", edited: "Conv size=3 file=new/my.py"}
    assert find_baseline("Conv size=3 file=new/my.py", [conv, edited]) == edited
    learn_place("bbbbbbbbbbbb", "../old/my.py")
    assert mixer_labels([conv, edited]) == {conv: "Conv size=3 file=aaaaaaaa", edited: "Conv size=3 file=bbbbbbbb"}


def test_contexts_are_told_apart_by_the_settings_that_differ() -> None:
    context = Context("inference", "model", "cpu", "float32", 1, 64, 2, "eager", '{"allocator":"retained","layers":2}')
    deeper = replace(context, settings='{"allocator":"retained","layers":4}')
    words = context_words([context, deeper])
    assert [list(fields.values())[-1] for fields in words] == ["layers=2", "layers=4"]
    assert "allocator" not in words[0]
    assert "1 thread" in words[0].values()
    assert "execution" not in words[0]


def test_contexts_name_their_execution_and_cold_caches_unless_all_are_eager_and_warm() -> None:
    eager = Context("inference", "mixer", "cuda", "float32", 1, 64, 2, "eager", '{"caches":"warm"}')
    graph, compiled = (replace(eager, execution=name) for name in ("graph", "compiled"))
    assert [own["execution"] for own in context_words(sorted([compiled, graph, eager]))] == ["eager", "graph", "compiled"]
    cold = replace(eager, settings='{"caches":"cold"}')
    assert "caches" not in context_words([eager])[0]
    assert context_words([cold])[0]["caches"] == "caches=cold"
    assert [own["caches"] for own in context_words([eager, cold])] == ["caches=warm", "caches=cold"]


def test_a_file_below_the_working_directory_is_typed_without_the_folders_above_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "layers").mkdir()
    file = tmp_path / "layers" / "mine.py"
    file.write_text("import torch\n\n\nclass Mean(torch.nn.Module):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    for typed in ("layers/mine.py", str(file)):
        chosen = choose_mixer(f"{typed}:Mean")
        assert mixer_string((chosen.name, chosen.config)) == "layers/mine.py:Mean"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    chosen = choose_mixer("../layers/mine.py:Mean")
    assert mixer_string((chosen.name, chosen.config)) == f"{file}:Mean"
