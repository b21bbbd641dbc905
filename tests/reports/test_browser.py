"""A page in a browser: it opens from disk without a network, and does what its controls say."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_contents import COLOURS, CSV, HOSTILE, LATENCIES, MIXERS

if TYPE_CHECKING:
    from conftest import Opened

pytestmark = pytest.mark.slow

SHOWN = """
    return [...document.querySelectorAll(".plot")].map(
        (plot) => plot.data.filter((trace) => trace.visible !== "legendonly").map((trace) => trace.legendgroup))
"""
"""The mixers that each figure shows."""


def shown(page: Opened) -> list[list[str]]:
    for figure in page.all(".chart"):  # what is out of view is drawn when it is seen
        page.see(figure)
    found: list[list[str]] = page.run(SHOWN)
    return found


def without(*mixers: str) -> list[list[str]]:
    return [[mixer for mixer in MIXERS if mixer not in mixers]] * 2


def test_it_opens_without_a_network_and_asks_for_nothing(opened: Opened) -> None:
    opened.requests()
    opened.open_drawn()
    assert opened.complaints() == []
    assert {address.partition(":")[0] for address in opened.requests()} <= {"file", "data", "blob"}
    opened.run("fetch('https://example.org/').catch(() => 0); new Image().src = 'https://example.org/a.png'")
    opened.until(lambda: len(opened.complaints()) > 0)  # what a request would leave


def test_a_click_hides_a_mixer_in_every_figure_and_says_how_to_get_it_back(opened: Opened) -> None:
    opened.open_drawn()
    assert shown(opened) == without()
    chip = opened.all(".chip")[1]
    chip.click()
    opened.until(lambda: shown(opened) == without("fnet"))
    assert chip.get_attribute("aria-pressed") == "false"
    assert opened.one("[role=status] span").text == "fnet is hidden in every figure: click again to see it."
    opened.all(".chip")[2].click()
    opened.until(lambda: shown(opened) == without("fnet", HOSTILE[0]))
    opened.one("#show-all").click()
    opened.until(lambda: shown(opened) == without())
    assert not opened.one("#show-all").is_displayed()


def test_a_click_in_the_legend_of_a_figure_does_the_same(opened: Opened) -> None:
    from selenium.webdriver import ActionChains

    opened.open_drawn()
    entry = opened.all("#chart-trials .legendtoggle")[0]
    opened.see(entry)
    ActionChains(opened.driver).move_to_element(entry).click().perform()
    opened.until(lambda: shown(opened) == without("attention"))
    assert opened.all(".chip")[0].get_attribute("aria-pressed") == "false"


def test_a_figure_that_is_drawn_later_hides_what_is_hidden(opened: Opened) -> None:
    opened.open().run("document.querySelectorAll('.chart').forEach((each) => each.style.marginTop = '3000px')")
    opened.all(".chip")[0].click()
    for name in ("latency", "trials"):
        opened.see(opened.one(f"#chart-{name}"))
        opened.until(lambda name=name: bool(opened.all(f"#chart-{name} .main-svg .trace")))
    assert shown(opened) == without("attention")


def column(page: Opened) -> list[float | None]:
    """The numbers of the table's second column as they stand."""
    values = page.run("return [...document.querySelectorAll('td')].map((cell) => cell.dataset.value ?? null)")
    return [None if value is None else float(value) for value in values]


def test_a_table_is_sorted_by_number_with_failed_cells_last(opened: Opened) -> None:
    opened.open()
    heading, button = opened.all("thead th")[1], opened.all("thead button")[1]
    numbers = sorted(value for value in LATENCIES if value is not None)
    assert heading.get_attribute("aria-sort") == "none"
    button.click()
    assert (column(opened), heading.get_attribute("aria-sort")) == ([*numbers, None], "ascending")
    button.send_keys("\ue007")  # Enter
    assert (column(opened), heading.get_attribute("aria-sort")) == ([*numbers[::-1], None], "descending")
    button.send_keys(" ")
    assert (column(opened), heading.get_attribute("aria-sort")) == ([*LATENCIES], "none")
    opened.all("thead button")[0].click()
    assert opened.texts("tbody th bdi")[-1] == HOSTILE[3]  # Arabic comes after Latin
    assert heading.get_attribute("aria-sort") == "none"


def test_the_switch_makes_page_and_figures_dark(opened: Opened) -> None:
    look = """
        const plot = document.querySelector(".plot");
        return [getComputedStyle(document.body).backgroundColor, plot.layout.font.color, plot.data[0].line.color];
    """
    opened.open_drawn()
    light = opened.run(look)
    assert light == ["rgb(253, 253, 251)", "rgb(28, 31, 35)", COLOURS[0]]
    opened.one("#theme").click()
    opened.until(lambda: not set(opened.run(look)) & set(light))
    assert opened.one("#theme").get_attribute("aria-pressed") == "true"
    red, green, blue = map(int, re.findall(r"\d+", opened.run(look)[2]))
    assert min(red, green, blue) > 100  # black is no colour on a dark page
    opened.one("#theme").click()
    opened.until(lambda: opened.run(look) == light)


def test_a_system_that_is_dark_gets_a_dark_page(opened: Opened) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    opened.command("Emulation.setEmulatedMedia", features=features)
    try:
        opened.open()
        assert opened.run("return getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
        assert opened.one("#theme").get_attribute("aria-pressed") == "true"
    finally:
        opened.command("Emulation.setEmulatedMedia", features=[])


def test_data_are_saved_as_they_are(opened: Opened, tmp_path: Path) -> None:
    opened.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    opened.open().one("[data-file]").click()
    opened.until(lambda: (tmp_path / "a b.csv").exists() and (tmp_path / "a b.csv").stat().st_size > 0)
    assert (tmp_path / "a b.csv").read_text() == CSV


def test_it_can_be_read_without_scripts(opened: Opened) -> None:
    opened.open(scripts=False)
    try:
        assert [image.is_displayed() for image in opened.all(".static svg")] == [True]
        assert "this figure needs JavaScript" in opened.one("[data-static=trials]").text
        assert not any(button.is_displayed() for button in opened.all("button"))
        assert opened.all("tbody th")[0].text == "attention"
        assert opened.one("#data .unscripted").is_displayed()
    finally:
        opened.open()


def test_names_that_look_like_markup_stay_text_in_figures_too(opened: Opened) -> None:
    opened.open_drawn()
    assert opened.texts(".chip bdi") == [*MIXERS]
    assert opened.texts("#chart-latency .legendtext") == [*MIXERS]
    assert opened.all("main img[onerror], .plot .main-svg a") == []
    assert opened.driver.title == "Costs of <b>mixers</b> & others"


def test_on_paper_nothing_can_be_clicked_and_figures_are_static(opened: Opened) -> None:
    opened.open_drawn()
    opened.one("#theme").click()  # paper is light all the same
    opened.command("Emulation.setEmulatedMedia", media="print")
    try:
        assert not any(each.is_displayed() for each in opened.all(".interactive, .mixers, #theme, #print, [data-file]"))
        assert [image.is_displayed() for image in opened.all(".static svg")] == [True, True]
        assert [image.size["height"] > 100 for image in opened.all(".static svg")] == [True, True]
        assert opened.run("return getComputedStyle(document.querySelector('h1')).color") == "rgb(28, 31, 35)"
    finally:
        opened.command("Emulation.setEmulatedMedia", media="")
    pdf = base64.b64decode(opened.command("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 3  # answers, and a page for each study


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_as_wide_as_the_window(opened: Opened, width: int) -> None:
    opened.open(width=width)
    assert opened.run("return document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_controls_and_shows_where_it_is(opened: Opened) -> None:
    opened.open()
    seen = []
    for _ in range(8):
        opened.driver.switch_to.active_element.send_keys("\ue004")  # Tab
        focused = opened.driver.switch_to.active_element
        seen.append(focused.get_attribute("id") or focused.get_attribute("data-mixer") or focused.text)
        assert focused.value_of_css_property("outline-style") == "solid"
    assert [each for each in seen if each in ("theme", "print")] == ["theme", "print"]
    assert seen[0] == "Skip to the answers"
    controls = opened.run("return [...document.querySelectorAll('[onclick], [data-mixer], [data-file], th[aria-sort] > *')]")
    assert {control.tag_name for control in controls} == {"button"}
