from __future__ import annotations

import pytest

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Table, caption, fitted, heading, notes, packed
from mixbench.stats import Interval
from mixbench.verdicts.entries import UNKNOWN, Entry, change_text, difference_text, interval_text


def shown(*parts: Paragraph | Table, room: int | None = None) -> list[str]:
    return fitted(parts, room).plain.split("\n")


def numbers(heading: str, *values: str) -> Column:
    return Column(heading, [Entry(value) for value in values])


SIZES = [numbers("100", "1.5", "12.5"), numbers("1000", "2", "3")]


def test_numbers_stand_below_their_heading_and_labels_before_them() -> None:
    assert shown(Table(["attention", "none"], SIZES)) == [
        "mixer       100  1000",
        "attention   1.5     2",
        "none       12.5     3",
    ]


def test_a_terminal_rules_the_header_off() -> None:
    assert shown(Table(["none"], [numbers("100", "1")]), room=40)[:2] == ["mixer  100", "──────────"]


def test_columns_that_do_not_fit_move_to_a_table_below() -> None:
    assert shown(Table(["attention", "none"], SIZES), room=16) == [
        "mixer       100",
        "───────────────",
        "attention   1.5",
        "none       12.5",
        "",
        "mixer      1000",
        "───────────────",
        "attention     2",
        "none          3",
    ]


@pytest.mark.parametrize(
    ("widths", "room", "together"),
    [
        ((4, 4, 4, 4), 100, [4]),
        ((4, 4, 4, 4), 18, [2, 2]),
        ((4, 4, 4, 4, 4, 4, 4), 36, [4, 3]),
        ((4, 4, 4, 20), 39, [2, 2]),
        ((20, 4, 4), 30, [1, 2]),
        ((30, 30), 32, [1, 1]),
        ((50,), 10, [1]),
    ],
)
def test_columns_are_spread_over_as_few_tables_as_possible_and_evenly(
    widths: tuple[int, ...], room: int, together: list[int]
) -> None:
    columns = [numbers("x" * width, "1") for width in widths]
    assert [len(part) for part in packed(columns, room)] == together
    assert [column for part in packed(columns, room) for column in part] == columns


def test_a_long_label_wraps_beside_its_entries() -> None:
    lines = shown(Table(["hypermixer heads=4 tied=true"], [numbers("100", "1.5")]), room=24)
    assert lines[2:] == ["hypermixer  1.5", "heads=4", "tied=true"]


def test_the_tail_of_an_entry_is_aligned_to_the_left_and_what_is_missing_is_a_dash() -> None:
    column = Column("ratio", [Entry("1.25", " (1–2)"), None, Entry("12", " (11–13)")])
    assert shown(Table(["a", "b", "c"], [column])) == [
        "mixer         ratio",
        "a      1.25 (1–2)",
        "b         –",
        "c        12 (11–13)",
    ]


def test_words_among_numbers_reach_into_the_room_of_the_tails() -> None:
    column = Column("≤ 1.8", [Entry("625", " (549–687)"), Entry("not reached"), Entry("oom"), None])
    assert shown(Table(["a", "b", "c", "d"], [column])) == [
        "mixer          ≤ 1.8",
        "a      625 (549–687)",
        "b      not reached",
        "c      oom",
        "d        –",
    ]


def test_a_column_that_would_stand_alone_for_want_of_room_has_what_follows_words_on_a_line_below() -> None:
    columns = [
        Column("data", [Entry("1.5", " (1–2)"), Entry("not reached", " (4590 to > 12 800)")]),
        Column("trials", [Entry("13.7", " (8–20)"), Entry("1.0", " (1–2)")]),
    ]
    table = Table(["a", "b"], columns)
    assert len(shown(table, room=60)) == 4
    assert shown(table, room=45) == [
        "mixer                data       trials",
        "──────────────────────────────────────",
        "a               1.5 (1–2)  13.7 (8–20)",
        "b       not reached         1.0 (1–2)",
        "       (4590 to > 12 800)",
    ]


def test_columns_of_words_are_aligned_to_the_left() -> None:
    column = Column("over tokens", [Entry("64, 128"), Entry("64")], words=True)
    assert shown(Table(["a", "b"], [column, numbers("k", "1", "2")])) == [
        "mixer  over tokens  k",
        "a      64, 128      1",
        "b      64           2",
    ]


def test_a_reason_takes_the_place_of_entries_and_is_given_once() -> None:
    table = Table(["attention", "none"], SIZES, instead={0: "oom: needs 12 GiB"})
    assert shown(table)[1] == "attention  oom: needs 12 GiB"
    narrow = shown(table, room=17)
    assert " ".join(" ".join(narrow[2:5]).split()) == "attention oom: needs 12 GiB"
    assert narrow[narrow.index("") + 3] == "attention  oom"


def test_a_column_before_the_labels_is_not_repeated_on_a_terminal() -> None:
    table = Table(["a", "b", "a"], [numbers("ms", "1", "2", "3")], first=numbers("tokens", "64", "64", "128"))
    assert shown(table) == ["tokens  mixer  ms", "    64  a       1", "    64  b       2", "   128  a       3"]
    assert shown(table, room=80)[2:] == ["    64  a       1", "        b       2", "   128  a       3"]


def test_paragraphs_wrap_but_for_commands_and_blank_lines_at_the_end_are_dropped() -> None:
    words = "one two three four"
    assert shown(Paragraph(words), Paragraph(words, wraps=False), BLANK, room=10) == ["one two", "three four", words]
    assert shown(Paragraph("at most 95 % of"), room=11) == ["at most", "95 % of"]
    styled = fitted([heading("h"), caption("c"), *notes(["n"])], None)
    assert [str(span.style) for span in styled.spans] == ["bold cyan", "italic", "dim"]


def test_bounds_a_thousandfold_apart_are_unknown() -> None:
    assert interval_text(Interval(20.0, 1e-6, 3e8)) == ("20.0", UNKNOWN)
    assert interval_text(Interval(20.0, 1.0, 400.0)) == ("20.0", " (1.00–400)")
    assert interval_text(Interval(20.0)) == ("20.0", "")


@pytest.mark.parametrize(("high", "bounds"), [(2.0, " (+0.1 to +2.0)"), (1e4, UNKNOWN), (None, "")])
def test_a_change_that_may_be_a_thousandfold_is_unknown(high: float | None, bounds: str) -> None:
    change = Interval(1.0, None if high is None else 0.1, high)
    assert change_text(change, lambda value: f"{value:+.1f}") == ("+1.0", bounds)


def test_of_a_difference_near_0_nothing_is_unknown() -> None:
    assert difference_text(Interval(0.1, 0.0001, 0.2), lambda value: f"{value:+.4f}") == ("+0.1000", " (+0.0001 to +0.2000)")
    change = Interval(0.5, 0.001, 1.25)  # one time is 1.001 to 2.25 times the other
    assert change_text(change, lambda value: f"{value:+.3f}") == ("+0.500", " (+0.001 to +1.250)")


def test_a_name_without_end_is_shown_by_its_beginning_and_its_end() -> None:
    table = Table(["a" * 10**6 + "z", "b"], [Column("ms", [Entry("1"), Entry("2")])])
    for room in (None, 80):
        text = fitted([table], room).plain
        assert len(text) < 2000
        assert "…" in text
        assert "z" in text
    assert len(fitted([Paragraph("c" * 10**6)], None).plain) < 2100


def test_nothing_that_is_printed_controls_the_terminal() -> None:
    assert fitted([Paragraph("a\x1b[31m\x07b\u202ec·é\N{NARROW NO-BREAK SPACE}")], None).plain == "a�[31m�b�c·é"
