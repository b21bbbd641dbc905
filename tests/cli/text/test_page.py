from __future__ import annotations

import pytest

from mixbench.cli.text.page import Section, layout, show

LINES = (("short", "word " * 40), ("a label that is far too long for its column", "text"), ("", ""), ("", "continued"))


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, layout(LINES, width))) <= width


def test_texts_are_aligned_in_one_column():
    assert layout([("a", "one"), ("long", "two"), ("", "three")], 80) == ["  a     one", "  long  two", "        three"]


def test_a_wrapped_text_stays_in_its_column():
    assert layout([("a", "one two three four five six")], 26) == ["  a  one two three four", "     five six"]


def test_a_label_that_is_too_long_gets_its_own_line():
    assert layout([("l" * 30, "text")], 80) == ["  " + "l" * 30, " " * 28 + "text"]


def test_when_piped_every_entry_is_one_line():
    assert len(layout(LINES, None)) == len(LINES)
    assert layout(LINES, None)[1] == "  a label that is far too long for its column  text"


def test_a_word_that_does_not_fit_is_not_broken():
    assert layout([("a", "x" * 100)], 40)[-1].endswith("x" * 100)


def test_an_empty_pair_is_a_blank_line():
    assert layout([("a", "one"), ("", ""), ("b", "two")], 80)[1] == ""


def test_piped_sections_carry_no_colour_and_are_not_wrapped(capsys):
    show([Section("First", [("a", "one " * 50)]), Section("Second", [("b", "two")])])
    assert capsys.readouterr().out == f"First\n  a  {'one ' * 50}".rstrip() + "\n\nSecond\n  b  two\n"


def test_sections_on_a_terminal_are_wrapped_to_its_width(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    show([Section("First", [("a", "one " * 50)])])
    assert max(map(len, capsys.readouterr().out.splitlines()[1:])) <= 40
