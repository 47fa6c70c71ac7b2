"""What a page is made of. Whoever makes a report fills these with numbers and texts; the templates draw them.

Each picture has the sentence that a screen reader says in its place, and below it a table that folds out.
Places in a picture are percents of its width or height, so that it fits any screen and its texts keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Numbers as text. The first column names the row; the others stand to the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What all pictures have."""

    title: str
    spoken: str
    """Says in a sentence what the picture shows."""
    table: Table
    note: str = ""
    """A line below the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A piece of a bar."""

    start: float
    """Percent of the width; so is the next one."""
    width: float
    color: str
    """Name of a color in the style sheet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A bar with its name at the left and its number at the right."""

    name: str
    number: str
    more: str = ""
    """Stands behind the number, and less prominent."""
    segments: Sequence[Segment]
    mark: float | None = None
    """Where a line crosses it, in percent of the width."""
    is_strong: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars(Picture):
    """Bars below one another."""

    kind: ClassVar = "bars"
    bars: Sequence[Bar]
    legend: Sequence[tuple[str, str]] = ()
    """Color and what it stands for."""
    ends: tuple[str, str] | None = None
    """What the left and the right end of all bars stand for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a histogram, its height in percent."""

    place: int
    height: float
    color: str = "main"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A label at an axis."""

    place: float
    """Percent."""
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Histogram(Picture):
    """Columns beside one another."""

    kind: ClassVar = "histogram"
    columns: Sequence[Column]
    num_columns: int
    """Places for columns, whether there is one or not."""
    ticks: Sequence[Tick]
    highest: str
    """What the full height stands for."""
    mean: float | None
    """Where the mean is, in percent of the width."""
    axis: str
    """What the columns are of, with the unit."""
    y_axis: str
    """What their height is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scatter(Picture):
    """Dots."""

    kind: ClassVar = "scatter"
    dots: Sequence[tuple[float, float]]
    """Percent from the left and from the top."""
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    x_axis: str
    y_axis: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A row of the source."""

    name: str
    about: str
    """Its id, say."""
    decided: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Examples of one thing."""

    kind: ClassVar = "examples"
    title: str
    note: str
    examples: Sequence[Example]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names with what is known of each."""

    kind: ClassVar = "facts"
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """A table that is always open."""

    kind: ClassVar = "numbers"
    title: str
    table: Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A run of words."""

    text: str
    is_marked: bool = False
    """Whether the other text has others in this place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two texts beside one another."""

    heading: str
    name: str
    about: str
    words: Sequence[Words]


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """Two texts beside one another, with their differences marked. On a narrow screen one is below the other."""

    kind: ClassVar = "beside"
    title: str
    sides: tuple[Side, Side]
    note: str
    """Says the differences in words, which marks do not say to all readers."""


Part = Bars | Histogram | Scatter | Examples | Facts | Numbers | Beside


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of the page under a heading."""

    name: str
    """For links: lower-case letters."""
    heading: str
    parts: Sequence[Part]
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A report."""

    title: str
    about: str
    """One sentence on what it is."""
    sum: str
    """What must add up, as an equation in numbers."""
    key_numbers: Sequence[tuple[str, str]]
    """The most important numbers, each with what it counts."""
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = field(default_factory=tuple[Section, ...])
    digest: str
    """Content digest of what the report is of."""
    foot: str
