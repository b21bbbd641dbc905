"""A page in Chromium, without a network; tests that need it are skipped where there is none."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_contents import SVG, contents

from mixbench.reports.page import page_of

_SECONDS = 60.0
_FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-dev-shm-usage",
    "force-prefers-reduced-motion",
    "host-resolver-rules=MAP * ~NOTFOUND",
)


class Opened:
    """A page that is open in a browser."""

    def __init__(self, driver: Any, file: Path) -> None:
        self.driver = driver
        self.file = file

    def open(self, *, width: int = 1280, scripts: bool = True) -> Opened:
        """Load it anew, in a window of this width."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get(self.file.as_uri())
        return self

    def open_drawn(self) -> Opened:
        """Load it anew, and see every figure once."""
        self.open()
        for figure in self.all(".chart"):
            self.see(figure)
            self.until(lambda figure=figure: self.run("return Boolean(arguments[0].querySelector('.main-svg .trace'))", figure))
        return self

    def see(self, element: Any) -> None:
        """Scroll an element into the middle of the window."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)

    def command(self, name: str, **values: Any) -> Any:
        """A command of the protocol of developers' tools."""
        return self.driver.execute_cdp_cmd(name, values)

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of elements, whether they are in view or not."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector)  # type: ignore[no-any-return]

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            time.sleep(0.02)

    def requests(self) -> list[str]:
        """What was asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """What the browser said since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """The example of a page; the browser starts once for a file of tests, and is offline."""
    binary, program = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and program):
        pytest.skip("there is no chromium with its chromedriver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in _FLAGS:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    file = tmp_path_factory.mktemp("page") / "a report.html"
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr("mixbench.reports.page._MOST_STATIC", len(SVG))  # the second figure comes compressed
        file.write_text(page_of(contents()), encoding="utf-8")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(program))
    try:
        page = Opened(driver, file)
        page.command("Network.enable")
        page.command("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        yield page
    finally:
        driver.quit()
