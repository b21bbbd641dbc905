from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.errors import MixbenchError, RequestError
from mixbench.mixers import MIXERS
from mixbench.mixers.description import Mixer
from mixbench.parsing.canonical import canonical_json
from mixbench.parsing.spec import (
    LARGEST_SIZE,
    MixerSpec,
    parse_learning_rates,
    parse_mixer,
    parse_names,
    parse_shares,
    parse_size_expression,
    parse_sizes,
    resolve_size,
)

Value = TypeVar("Value")

SIZES = st.integers(1, LARGEST_SIZE)
LIKE_SIZES = st.text("0123456789.,*- \t") | st.text("0149٣²,.") | st.text()
LIKE_EXPRESSIONS = (
    st.text("0123456789*/ width") | st.sampled_from(["0*width", "width/0", "tokens*2", "1 2", "٣*width"]) | st.text()
)
LIKE_MIXERS = st.text("ab.py:=,/ ") | st.text()
WORDS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)


def outcome(call: Callable[[], Value]) -> Value | MixbenchError:
    try:
        return call()
    except MixbenchError as error:
        return error


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A part of a list of sizes: what is typed, and what it means."""
    doublings = draw(st.integers(0, 10))
    first = draw(st.integers(1, LARGEST_SIZE >> doublings))
    sizes = [first << k for k in range(doublings + 1)]
    pad = draw(st.sampled_from(["", " "]))
    written = f"{pad}{first}{pad}..{sizes[-1]}" if doublings or draw(st.booleans()) else f"{pad}{first}"
    return written, sizes


@given(st.lists(ranges(), min_size=1, max_size=4))
def test_lists_and_doubling_ranges_give_their_sizes_once_in_order(parts: list[tuple[str, list[int]]]) -> None:
    expected = dict.fromkeys(size for _, sizes in parts for size in sizes)
    assert parse_sizes(",".join(written for written, _ in parts), "--tokens") == tuple(expected)


@given(SIZES, st.lists(SIZES, min_size=1))
def test_numbers_are_sizes_as_they_are(size: int, sizes: list[int]) -> None:
    assert parse_sizes(size, "--tokens") == (size,)
    assert parse_sizes(sizes, "--tokens") == tuple(dict.fromkeys(sizes))


@given(LIKE_SIZES)
def test_any_text_is_either_sizes_or_a_clear_error(text: str) -> None:
    sizes = outcome(lambda: parse_sizes(text, "--tokens"))
    if isinstance(sizes, MixbenchError):
        assert str(sizes).startswith("--tokens: ")
        assert "--tokens" in sizes.hint
    else:
        assert sizes
        assert all(1 <= size <= LARGEST_SIZE for size in sizes)
        assert parse_sizes(sizes, "--tokens") == sizes


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("64,,128", "'' is not a positive whole number", "--width 64..4096"),
        ("0", "'0' is not a positive whole number", ""),
        ("-5", "'-5' is not", ""),
        ("٣", "'٣' is not", ""),
        (0, "'0' is not", ""),
        ([], "'' is not", ""),
        (str(LARGEST_SIZE + 1), "is not a positive whole number", ""),
        ("512..64", "the range '512..64' runs backwards", "Write --width 64..512."),
        ("64..100", "doubling 64 does not reach 100 exactly", "Write --width 64, or --width 64,100 to include 100."),
        ("64..200", "doubling 64 does not reach 200 exactly", "Write --width 64..128, or --width 64..128,200 to include 200."),
    ],
)
def test_sizes_that_are_wrong_say_why_and_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        parse_sizes(text, "--width")
    assert hint in caught.value.hint
    for suggestion in re.findall(r"--width ([\d.,]+\d)", caught.value.hint):
        assert parse_sizes(suggestion, "--width")


@given(st.lists(st.sampled_from(["inference", "training"]), min_size=1))
def test_names_are_taken_once_in_order_from_text_or_a_list(names: list[str]) -> None:
    expected = tuple(dict.fromkeys(names))
    assert parse_names(names, ["inference", "training"], "--mode") == expected
    assert parse_names(" , ".join(names), ["inference", "training"], "--mode") == expected


@given(st.text("inference, ") | st.text())
def test_any_text_is_either_known_names_or_a_clear_error(text: str) -> None:
    names = outcome(lambda: parse_names(text, ["inference", "fine"], "--mode"))
    if isinstance(names, MixbenchError):
        assert "for --mode" in str(names)
        assert "Known: fine, inference." in names.hint
    else:
        assert set(names) <= {"inference", "fine"}


@given(LIKE_EXPRESSIONS)
def test_any_text_is_either_a_size_expression_or_none(text: str) -> None:
    parsed = parse_size_expression(text)
    if isinstance(parsed, int):
        assert parsed == int(text) > 0
    elif parsed is not None:
        assert parsed.isascii()
        assert parse_size_expression(parsed) == parsed
        assert resolve_size(parsed, 64, 32) >= 1


@given(st.integers(1, 999_999), st.integers(1, 999_999), st.sampled_from(["tokens", "width"]), st.integers(1, 9), SIZES)
def test_equal_size_expressions_are_written_alike_and_mean_what_they_say(
    factor: int, divisor: int, base: str, scale: int, size: int
) -> None:
    parsed = parse_size_expression(
        f" {factor:07} * {base} /{divisor}" if factor > 999_999 else f" {factor} * {base} /{divisor}"
    )
    assert isinstance(parsed, str)
    tokens, width = (size, 1) if base == "tokens" else (1, size)
    assert resolve_size(parsed, tokens, width) == max(1, int(Fraction(factor, divisor) * size))
    if max(factor, divisor) * scale <= 999_999:
        assert parse_size_expression(f"{factor * scale}*{base}/{divisor * scale}") == parsed


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("256", 256),
        (" 007 ", 7),
        ("2*width", "2*width"),
        ("02 * width", "2*width"),
        ("1*width/1", "width"),
        ("tokens/2", "tokens/2"),
        ("4*width/2", "2*width"),
        ("2*width/4", "width/2"),
        ("3*width/2", "3*width/2"),
    ],
)
def test_size_expressions_have_one_spelling(text: str, parsed: int | str) -> None:
    assert parse_size_expression(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "0", "1 2", "12 34*width", "0*width", "width/0", "width*2", "-2", "2.5", "٣", "٣*width", "²", "wid th"]
)
def test_what_is_no_size_expression_is_none(text: str) -> None:
    assert parse_size_expression(text) is None


def test_a_size_is_at_least_one_and_rounded_down() -> None:
    assert resolve_size("tokens/2", 1, 64) == 1
    assert resolve_size("3*width/2", 64, 5) == 7
    assert resolve_size(9, 64, 64) == 9


@given(WORDS, st.dictionaries(WORDS, WORDS), st.sampled_from([None, "mine.py", "../a b/mine.py", "C:\\mixers\\mine.py"]))
def test_a_mixer_string_splits_into_what_it_was_made_of(name: str, options: dict[str, str], file: str | None) -> None:
    text = ":".join(filter(None, [file, name, ",".join(f"{key}={value}" for key, value in options.items())]))
    expected = MixerSpec(name, tuple(options.items()), file)
    assert parse_mixer(text) == expected
    assert parse_mixer(f"  {text} ".replace("=", " = ").replace(",", " , ")) == expected


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mine.py:Class:base=other.py", MixerSpec("Class", (("base", "other.py"),), "mine.py")),
        ("a.python/mine.py:Class", MixerSpec("Class", (), "a.python/mine.py")),
        ("attention:", MixerSpec("attention")),
        ("attention:heads=4,", MixerSpec("attention", (("heads", "4"),))),
    ],
)
def test_the_first_file_name_ends_the_path_and_empty_options_are_none(text: str, spec: MixerSpec) -> None:
    assert parse_mixer(text) == spec


@given(LIKE_MIXERS)
def test_any_text_is_either_a_mixer_string_or_a_clear_error(text: str) -> None:
    spec = outcome(lambda: parse_mixer(text))
    if isinstance(spec, MixbenchError):
        assert repr(text)[:100] in str(spec), "a long text is shortened"
        assert spec.hint
    else:
        assert spec.name == spec.name.strip() != ""
        assert all(key and value for key, value in spec.options)
        assert spec.file is None or spec.file.endswith(".py")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "does not name a mixer", "mixbench list"),
        (":heads=4", "does not name a mixer", "mixbench list"),
        ("mine.py", "does not name a class", "path/to/file.py:ClassName"),
        ("attention:heads", "'heads' is not an option", "key=value"),
        ("attention:=4", "'=4' is not an option", "key=value"),
        ("attention:heads=4,heads=8", "gives 'heads' twice", "Give --mixer twice"),
    ],
)
def test_mixer_strings_that_are_wrong_say_why_and_what_to_write(text: str, message: str, hint: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        parse_mixer(text)
    assert hint in caught.value.hint


OPTION_TEXTS = (
    st.sampled_from(["4", "0", "true", "False", "auto", "none", "2*width", "tokens / 2", "²", "٣", "9" * 30]) | st.text()
)


@given(st.sampled_from(list(MIXERS.values())), st.data())
def test_any_text_for_an_option_is_either_its_value_or_a_clear_error(mixer: Mixer, data: st.DataObject) -> None:
    names = [option.name for option in mixer.options]
    given_texts = data.draw(
        st.dictionaries(st.sampled_from([*names, "colour"]) | st.text(max_size=3), OPTION_TEXTS, max_size=3)
    )
    config = outcome(lambda: mixer.config(given_texts))
    if isinstance(config, MixbenchError):
        assert mixer.name in str(config)
        assert config.hint
        return
    assert list(config) == names
    assert all(value == mixer.config({})[name] for name, value in config.items() if name not in given_texts)
    again = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in config.items()}
    assert canonical_json(mixer.config(again)) == canonical_json(config)
    with contextlib.suppress(RequestError):  # heads that do not divide the width
        arguments = mixer.arguments(config, 64, 32)
        sizes = [option.name.replace("-", "_") for option in mixer.options if option.kind in ("size", "count")]
        assert all(arguments[name] >= 1 for name in sizes)


@pytest.mark.parametrize(
    ("mixer", "options", "message", "hint"),
    [
        ("attention", {"head": "4"}, "unknown option 'head' of attention", "Did you mean 'heads'?"),
        ("none", {"heads": "4"}, "unknown option 'heads' of none", "There is no option of none."),
        ("attention", {"heads": "0"}, "option 'heads' of attention cannot be '0'", "It is a positive whole number."),
        ("gmlp", {"hidden": "width*4"}, "option 'hidden' of gmlp cannot be 'width*4'", "2*width, tokens/2"),
        ("hypermixer", {"tied": "yes"}, "option 'tied' of hypermixer cannot be 'yes'", "It is true or false."),
        ("hypermixer", {"grouping": "as-writen"}, "unknown value 'as-writen'", "Did you mean 'as-written'?"),
    ],
)
def test_options_that_are_wrong_say_why_and_what_to_write(mixer: str, options: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)) as caught:
        MIXERS[mixer].config(options)
    assert hint in caught.value.hint


@given(st.lists(st.floats(0.001, 1).map(lambda share: round(share, 3)) | st.integers(2, 10**6), min_size=1, max_size=5))
def test_shares_and_counts_come_back(parts: list[float]) -> None:
    assert parse_shares(",".join(map(str, parts)), "--sizes") == tuple(dict.fromkeys(parts))
    assert parse_shares(parts, "--sizes") == tuple(dict.fromkeys(parts))


def test_one_is_the_whole_training_set_and_ranges_double() -> None:
    assert parse_shares("1", "--sizes") == parse_shares("1.0", "--sizes") == parse_shares(1, "--sizes") == (1.0,)
    assert parse_shares("250..1000, .5", "--sizes") == (250, 500, 1000, 0.5)


@pytest.mark.parametrize("text", ["", "0", "0.0", "-0.5", "1.5", "2.5", "nan", "1e-3", "half", "0.5..1"])
def test_what_is_no_part_of_a_data_set_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="--sizes"):
        parse_shares(text, "--sizes")


def test_learning_rates_are_for_all_mixers_or_for_one() -> None:
    assert parse_learning_rates(["1e-3, hypermixer=3e-4", "gmlp = auto"]) == {"": 1e-3, "hypermixer": 3e-4, "gmlp": "auto"}
    assert parse_learning_rates([]) == {}
    with pytest.raises(RequestError, match="'gmlp=fast' is not a learning rate"):
        parse_learning_rates(["gmlp=fast"])


@given(st.lists(st.text(max_size=20), max_size=3))
def test_no_text_makes_the_parsers_of_training_options_raise_anything_else(texts: list[str]) -> None:
    for parse in (lambda: parse_learning_rates(texts), lambda: parse_shares(",".join(texts), "--sizes")):
        with contextlib.suppress(RequestError):
            parse()
