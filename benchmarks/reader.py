"""The reader's waits, in a real browser: from a click or a moved threshold until all is drawn, beside an empty page.

All is timed inside the page, by its own clock and once the next frame has been painted, so that the program that
drives the browser adds nothing. The browser runs on the same cores as the server.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.load import Server, running_app
from benchmarks.timing import Times
from pulmoscan.errors import PulmoScanError
from pulmoscan.models.registry import DEFAULT_MODEL

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EMPTY, OPENED = "an empty page, opened", "a model's page, opened"
ASKED, SHOWN, MOVED = "gallery click to the question", "answer to everything", "threshold event to decision"
FIRST = "gallery click to everything, both together"

THRESHOLDS = tuple(round(0.1 + 0.02 * n, 3) for n in range(20))
"""Events of a round; each waits for its decision."""
REST = 200  # milliseconds between two of them, more than the slider's own pace
LATE = 8_000  # milliseconds after which something is amiss
NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

DRAWN = """
const every = (query, root = document) => [
  ...root.querySelectorAll(query),
  ...[...root.querySelectorAll("*")].flatMap((one) => (one.shadowRoot ? every(query, one.shadowRoot) : [])),
];
const still = () =>
  document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning" &&
  !document.querySelector("[data-stale=true]");
const pictures = (count) => {
  const drawn = every(".frame img").filter((picture) => !picture.hidden);
  return every(".frame img.base").length === count && drawn.every((one) => one.complete && one.naturalWidth);
};
const says = (words) => document.querySelector("[data-testid=stMain]")?.textContent.includes(words);
const frame = () => new Promise(requestAnimationFrame);
const painted = async (done) => {
  const late = performance.now() + LATE;
  do {
    await frame();
    if (performance.now() > late) throw new Error("the page did not come to it");
  } while (!done());
  await frame();
  return performance.now();
};
""".replace("LATE", str(LATE))
"""What the scripts below share; the first frame after all is there has it on the screen."""

OPEN = f"""async ([query, words]) => {{ {DRAWN}
  return await painted(() => still() && document.querySelector(query) && says(words));
}}"""
CLICK = f"""async (button, [count, words]) => {{ {DRAWN}
  const began = performance.now();
  button.click();
  return (await painted(() => pictures(count) && says(words) && still())) - began;
}}"""
MOVE = f"""async (slider, [at, words]) => {{ {DRAWN}
  const began = performance.now();
  slider.value = at;
  slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
  return (await painted(() => says(words))) - began;
}}"""


@dataclass
class Waits:
    """What was measured.

    Attributes:
        times: milliseconds of each thing.
        processor: the server's processor time, in milliseconds an event of the threshold, one figure a round.
    """

    times: dict[str, Times] = field(default_factory=dict)
    processor: Times = field(default_factory=Times)

    def add(self, name: str, milliseconds: float) -> None:
        self.times.setdefault(name, Times()).milliseconds.append(milliseconds)

    def ratio(self, name: str) -> float:
        """The median, over that of an empty page."""
        return self.times[name].median / self.times[EMPTY].median


def measure(rounds: int, tick: Callable[[], object], environment: dict[str, str] | None = None) -> Waits:
    """Open an empty page and the app's in turns, each as a new visitor of a server that has all loaded.

    Args:
        tick: called after each round; one more goes before, which does not count.

    Raises:
        PulmoScanError: there is no browser.
    """
    waits = Waits()
    with (
        running_app(environment) as server,
        running_app(script="benchmarks/empty_page.py") as empty,
        _browser() as browser,
    ):
        for number in range(rounds + 1):
            here = waits if number else Waits()
            with _visit(browser, empty.address) as page:
                here.add(EMPTY, page.evaluate(OPEN, ["[data-testid=stMarkdown]", "Nothing."]))
            with _visit(browser, f"{server.address}/{DEFAULT_MODEL}") as page:
                _read(page, server, here, number)
            tick()
    return waits


def _read(page: Page, server: Server, waits: Waits, number: int) -> None:
    waits.add(
        OPENED, page.evaluate(OPEN, [".st-key-gallery [data-testid=stButton] button", "try one from the gallery"])
    )
    # Of the others no question is asked.
    cases = page.locator(".st-key-gallery").get_by_test_id("stButton").get_by_role("button", name=re.compile("^Case "))
    case = cases.nth(number % cases.count())
    asked = case.evaluate(CLICK, [1, "Just show the result"])
    shown = page.get_by_role("button", name="Just show the result").evaluate(CLICK, [2, "the threshold of"])
    waits.add(ASKED, asked)
    waits.add(SHOWN, shown)
    waits.add(FIRST, asked + shown)
    slider = page.get_by_role("slider", name="Threshold")
    before = server.processor_seconds
    for threshold in THRESHOLDS:
        page.wait_for_timeout(REST)
        position = math.log(threshold / (1 - threshold))
        waits.add(MOVED, slider.evaluate(MOVE, [position, f"the threshold of {threshold:.3f}"]))
    waits.processor.milliseconds.append(1000 * (server.processor_seconds - before) / len(THRESHOLDS))


def chromium() -> str | None:
    """The program of an installed Chromium or Chrome; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def _browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise PulmoScanError("The part page drives a browser: pip install playwright.") from error
    path = chromium()
    if path is None:
        raise PulmoScanError(f"The part page drives a browser: none of {', '.join(NAMES)} is installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def _visit(browser: Browser, address: str) -> Iterator[Page]:
    """A visitor with nothing in the cache."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    yield page
    context.close()
