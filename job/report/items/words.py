"""How numbers and names of a report are written."""

from __future__ import annotations

from job.report.figures.tally import CENTS

MINUS = "\u2212"
"""The sign, which is as wide as a plus."""


def words(name: str) -> str:
    """Writes the name of a verdict or a category for people."""
    return name.replace("_", " ")


def dollars(cents: int) -> str:
    """Writes a price: `$1,234.50`, or `$20` where there are no cents."""
    sign, (whole, rest) = "-" if cents < 0 else "", divmod(abs(cents), CENTS)
    return f"{sign}${whole:,}" + (f".{rest:02d}" if rest else "")


def short(number: int) -> str:
    """Writes a number in a few characters, for an axis: `9,999`, `12.3k`, `2.34M`."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if abs(number) >= size * (10 if unit == "k" else 1):
            return f"{number / size:.3g}{unit}"
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """Writes a part in percent; what is not nothing is never written as 0%."""
    if not part or not whole:
        return "0%"
    percent = 100 * part / whole
    return "<0.1%" if percent < 0.1 else f"{percent:.1f}%"


def of_width(part: float, whole: float) -> float:
    """Returns a part in percent of a width, rounded so that a page stays small."""
    return round(100 * part / whole, 2) if whole else 0.0


def how_many(count: int, noun: str) -> str:
    """Writes a number with what it counts: `1 group`, `2,000 groups`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
