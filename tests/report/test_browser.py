"""The page in a real browser: no message, no request, nothing that sticks out, whatever stands in a listing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from job.output.folder import OutputFolder
from job.output.report_files import sealed_page
from job.output.training_set.finished import open_finished
from job.report.items.page import items_page
from job.report.make import figures_of
from job.report.page.parts import Page
from job.report.page.render import html
from job.report.sets.gather import figures_of_set
from job.report.sets.page import set_page
from tests.report.browser import Browser, started_browser
from tests.report.made import PRESET, made_output, made_set

pytestmark = pytest.mark.seconds

MAX_BYTES = 2_000_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


def written(root: Path, shown: Page) -> Path:
    page = root / "report.html"
    page.write_bytes(sealed_page(html(shown)))
    assert page.stat().st_size < MAX_BYTES
    return page


def page_of(output: OutputFolder) -> Path:
    """Writes the page of an output beside it, counted in this process."""
    return written(Path(str(output.root)), items_page(figures_of(output, lambda _: None, in_process_items=10**6)))


def page_of_set(root: Path) -> Path:
    """Writes the page of a training set beside it."""
    return written(root, set_page(figures_of_set(*open_finished(root))))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(made_output(tmp_path_factory.mktemp("made") / "out"))


@pytest.fixture(scope="module")
def pages_of_sets(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pages of two sets: one has near duplicates, the rows of the other leak."""
    roots = tmp_path_factory.mktemp("near"), tmp_path_factory.mktemp("leaks")
    return [page_of_set(made_set(roots[0])), page_of_set(made_set(roots[1], **PRESET))]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_is_said_or_asked_for_and_nothing_sticks_out(
    browser: Browser, page: Path, pages_of_sets: list[Path], width: int, dark: bool
) -> None:
    titles: list[str] = []
    for each in (page, *pages_of_sets):
        seen = browser.look(each, width, dark=dark)
        assert (seen.messages, seen.requests, seen.overflowing, seen.width) == ([], [], [], width)
        titles.append(seen.title)
    assert titles == ["Made <items>", *2 * ["Training set: Price prompts"]]


def test_what_stands_in_a_listing_is_shown_as_it_is(browser: Browser, page: Path) -> None:
    text = browser.look(page, 1280).text
    assert "</style></details><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)> " in text
    assert r"\x1b[31m\u202e\u200f" in text
    assert not {"\x1b", "\u202e", "\u200f"} & {*text}
    assert "It adds up: 96 rows read \u2212 84 dropped \u2212 6 malformed = 6 items." in re.sub(r"\s+", " ", text)
    assert "cost: 12000.5, at most 10 needed" in text


def test_the_browser_notices_a_page_that_is_not_as_it_should_be(browser: Browser, page: Path, tmp_path: Path) -> None:
    """So that the test above can fail: without our policy a script speaks, an image is fetched, a word sticks out."""
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text(encoding="utf-8"))
    wrong = "<script>console.log('I run')</script><img src='other.png'><p style='white-space: nowrap'>" + "wide " * 300
    bad = tmp_path / "bad.html"
    bad.write_text(text.replace("<main>", f"<main>{wrong}</p>"), encoding="utf-8")
    seen = browser.look(bad, 375)
    assert any("I run" in message for message in seen.messages)
    assert seen.requests == [(tmp_path / "other.png").as_uri()]
    assert seen.overflowing
    assert seen.width > 375


def test_the_policy_of_the_page_stops_a_script_that_got_into_it(browser: Browser, page: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    text = page.read_text(encoding="utf-8")
    bad.write_text(text.replace("<main>", "<main><script>document.title = 'mine'</script>"), encoding="utf-8")
    seen = browser.look(bad, 1280)
    assert seen.title == "Made <items>"
    assert any("Content Security Policy" in message for message in seen.messages)
