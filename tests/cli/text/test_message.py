"""Messages wrap between words, and what is to be copied stays on one line."""

from __future__ import annotations

import pytest

from mixbench.cli.text.message import fill_message


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_a_command_is_never_broken_and_no_word_either(width: int) -> None:
    command = "mixbench speed --tokens 100 --width 32 --scope block --mode training"
    text = f"Measure first: {command}. Or train with more sizes: mixbench data-efficiency. Failed cells and runs are not drawn."
    lines = fill_message(text, width, "  ").split("\n")
    assert any(command in line for line in lines)
    assert " ".join(line.strip() for line in lines) == text
    assert all(line.startswith("  ") for line in lines)
    assert all(len(line) <= width for line in lines if command not in line)


def test_lines_of_their_own_stay_lines_of_their_own() -> None:
    commands = "  mixbench tune --results somewhere/far\n  mixbench speed --tokens 100 --width 32"
    assert fill_message(f"Run first, because the cost needs it:\n{commands}", 30, "  ").split("\n") == [
        "  Run first, because the cost",
        "  needs it:",
        "    mixbench tune --results somewhere/far",
        "    mixbench speed --tokens 100 --width 32",
    ]


def test_an_option_stays_with_its_value_and_a_number_with_its_unit() -> None:
    assert fill_message("give one: --tokens 256, or twice --tokens 128", 20).split("\n") == [
        "give one:",
        "--tokens 256, or",
        "twice --tokens 128",
    ]
    assert fill_message("`mixbench list` shows every mixer", 18).split("\n") == ["`mixbench list`", "shows every mixer"]
    assert fill_message("it takes up to 30 % of it", 18).split("\n") == ["it takes up to", "30 % of it"]
