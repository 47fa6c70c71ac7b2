"""Makes the HTML of a page from its templates. All text is escaped, and shown as it is: listings may have anything."""

from __future__ import annotations

import functools
import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from job.errors import printable
from job.report.page.parts import Page, Part

_MARKS = re.compile("[\u061c\u200e\u200f]")
"""Marks that turn the direction of what stands beside them; `printable` leaves them to the terminal."""


def html(page: Page) -> str:
    """Returns a page as HTML. It needs nothing else: no script, no network."""
    return _templates().get_template("page.html").render(page=page)


def part_html(part: Part) -> str:
    """Returns one part of a page as HTML with its own styles, to stand in another page."""
    return _templates().get_template("part.html").render(part=part)


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("job.report.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _shown(value: object) -> object:
    """Writes characters that control a screen or the direction of text as escapes."""
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _MARKS.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(value))
