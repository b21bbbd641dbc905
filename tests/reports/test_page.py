"""A page is one file that loads nothing, with every text as it is, answers first, and marks beside their numbers."""

from __future__ import annotations

import base64
import gzip
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from page_contents import CSV, HOSTILE, LATENCIES, SVG, contents

from mixbench.errors import RequestError
from mixbench.reports import page
from mixbench.reports.contents import Cell, Chart, Contents, Section, Table
from mixbench.reports.packing import packed_json
from mixbench.reports.page import page_of

STYLES = Path(page.__file__).parent / "page_parts"
LOADING = {"src", "href", "srcset", "data", "poster", "action", "background", "xlink:href"}


class Parsed(HTMLParser):
    """What a browser would see: elements with their attributes, text by element, and what is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.loads: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.stores: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.loads += [value or "" for name, value in attrs if name in LOADING]

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        self.texts.setdefault(tag, []).append(data)
        if tag == "script":
            self.stores.setdefault(attributes.get("id") or "", data)

    def stored(self, name: str) -> str:
        return gzip.decompress(base64.b64decode(self.stores[f"store-{name}"])).decode()


@pytest.fixture(scope="module")
def text() -> str:
    return page_of(contents())


@pytest.fixture(scope="module")
def parsed(text: str) -> Parsed:
    return Parsed(text)


def test_nothing_is_loaded_from_elsewhere(text: str, parsed: Parsed) -> None:
    assert parsed.loads
    assert [address for address in parsed.loads if not address.startswith(("#", "data:"))] == []
    styles = "".join(parsed.texts["style"])
    assert not re.search(r"@import|url\(", styles)
    policy = next(attributes["content"] for tag, attributes in parsed.elements if "http-equiv" in attributes)
    assert str(policy).startswith("default-src 'none'")


def test_a_page_that_loads_something_would_be_noticed() -> None:
    assert Parsed('<img src="https://example.org/a.png">').loads == ["https://example.org/a.png"]


def test_names_that_look_like_markup_stay_text(parsed: Parsed) -> None:
    tags = [tag for tag, _ in parsed.elements]
    assert tags.count("script") == 5  # four stores and the scripts
    assert "img" not in tags
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert set(HOSTILE) <= set(parsed.texts["bdi"])
    assert {attributes.get("data-mixer") for tag, attributes in parsed.elements if tag == "button"} >= set(HOSTILE)


def test_answers_come_first_and_what_was_left_out_is_seen_before_the_figures(text: str) -> None:
    body = text[text.index("<body>") :]
    places = [
        body.index(part)
        for part in (
            "Which one is cheaper?",
            "times as fast",
            "1 cell failed",
            'id="speed"',
            'id="tuning"',
            "Example CPU",
            "a b.csv",
        )
    ]
    assert places == sorted(places)


def test_a_mark_stands_beside_its_number_and_a_failed_cell_has_no_number_to_sort_by(parsed: Parsed) -> None:
    cells = [attributes for tag, attributes in parsed.elements if tag == "td"]
    assert [cell.get("data-value") for cell in cells] == [None if value is None else f"{value:g}" for value in LATENCIES]
    assert [text for text in parsed.texts["span"] if text in ("failed: oom", "disturbed")] == ["failed: oom", "disturbed"]


def test_figures_are_seen_without_scripts(text: str) -> None:
    assert text.count(SVG) == 2


def test_static_figures_for_which_there_is_no_room_are_kept_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_MOST_STATIC", len(SVG))
    made = page_of(contents())
    assert made.count(SVG) == made.count("this figure needs JavaScript") == 1
    assert json.loads(Parsed(made).stored("statics")) == {"trials": SVG}


def test_the_data_to_save_are_in_the_page(parsed: Parsed) -> None:
    assert json.loads(parsed.stored("downloads")) == {"a b.csv": CSV}


def test_the_page_is_the_same_every_time_and_below_its_limit(text: str) -> None:
    assert page_of(contents()) == text
    assert len(text.encode()) < 2.5e6


def test_a_table_that_is_too_wide_for_upright_paper_is_printed_across() -> None:
    intervals = [Cell("0.00551 (0.00471–0.00619)", 0.00551)] * 6
    narrow, wide = (
        Table("a", "A", ["mixer", "ms"], [[Cell("x"), intervals[0]]]),
        Table("b", "B", list("abcdefg"), [[Cell("x"), *intervals]]),
    )
    made = page_of(Contents("a", "", [], [Section("s", "S", tables=[narrow, wide])]))
    classes = [attributes["class"] for tag, attributes in Parsed(made).elements if tag == "figure"]
    assert classes == ["table", "table wide"]


def test_long_entries_of_tables_have_room_in_a_narrow_window() -> None:
    long = Cell("supported if the interval of the ratio lies below 1 at every length")
    longer = Cell(f"{long.text}, " * 3 + "at 95 %")
    table = Table("a", "A", ["claim", "rule"], [[Cell("x"), long], [Cell("95 %"), longer]])
    made = page_of(Contents("a", "", [], [Section("s", "S", tables=[table])]))
    assert [attributes.get("class") for tag, attributes in Parsed(made).elements if tag == "td"] == ["prose", "prose long"]
    assert "at 95\N{NO-BREAK SPACE}%" in made, "lines do not end within a number"


def test_verdicts_stand_out_and_numbers_stay_on_one_line() -> None:
    section = Section("s", "S", ["Undecided: for mse ≤ 0.3 it needs 12 800 examples, 5 % more."])
    made = Parsed(page_of(Contents("a", "", section.answers, [section])))
    assert made.texts["strong"][0] == "Undecided: "
    assert "for mse ≤\xa00.3 it needs 12\xa0800 examples, 5\xa0% more." in "".join(made.texts["strong"])


def test_a_sentence_at_the_top_is_not_repeated_right_below_it() -> None:
    first, second = Section("s", "S", ["One.", "Two."]), Section("t", "T", ["Three."])
    assert page_of(Contents("a", "", ["One."], [first])).count("One.") == 1
    made = page_of(Contents("a", "", ["One.", "Three."], [first, second]))
    assert [made.count(answer) for answer in ("One.", "Two.", "Three.")] == [1, 1, 2]


def test_a_page_without_figures_carries_no_library() -> None:
    made = page_of(replace(contents(), sections=[Section("speed", "Speed", ["Nothing yet."])]))
    assert len(made) < 60_000
    assert "Nothing yet." in made
    assert "The results do not decide anything yet." in page_of(Contents("a", "", [], []))


def test_arrays_are_lists_and_what_json_lacks_is_null() -> None:
    chart = {"y": np.array([1.23456789, np.nan]), "n": np.int64(3), "w": float("inf"), "t": ("a", None)}
    unpacked = json.loads(gzip.decompress(base64.b64decode(packed_json(chart))))
    assert unpacked == {"y": [1.23457, None], "n": 3, "w": None, "t": ["a", None]}


def test_text_that_is_no_unicode_does_not_stop_a_page() -> None:
    broken = Chart("a", "half \ud800", "", [{"name": "\ud800"}], {}, SVG)
    made = page_of(replace(contents(), title="half \udcff", sections=[Section("s", "S", charts=[broken])]))
    assert "half " in made.encode(errors="backslashreplace").decode()


def test_without_the_extra_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "find_spec", lambda name: None if name == "plotly" else sys)
    with pytest.raises(RequestError, match="a report needs plotly") as raised:
        page_of(contents())
    assert raised.value.hint == "Install it with: pip install 'mixbench[report]'."


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_on_every_background(theme: int) -> None:
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (STYLES / "style.css").read_text())
    colours = {name: both[theme] for name, *both in found}
    for text, grounds in {"ink": ("paper", "plate", "rule"), "quiet": ("paper", "plate"), "link": ("paper",)}.items():
        assert min(contrast(colours[text], colours[ground]) for ground in grounds) >= 4.5, text
    assert min(contrast(colours["warn"], colours[ground]) for ground in ("paper", "plate", "warn-paper")) >= 4.5
