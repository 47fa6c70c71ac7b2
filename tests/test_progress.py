"""What is shown while a run works: how far it is, in what the screen has room for."""

from __future__ import annotations

import importlib.util
import io
import itertools
import time
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
import rich.console
from rich.cells import cell_len
from rich.console import Console

from job.cluster.counting import Inside
from job.plan.work import CategoryWork
from job.progress import display, watched
from job.progress.display import fitted, progress_display
from job.progress.snapshots import Download, Snapshot
from job.recipe.verdicts import KEPT, MALFORMED
from job.source.read.partitions import Partition

LONG = "Clothing_Shoes_and_Jewelry_and_whatever_else_there_may_be_in_a_wardrobe"


@dataclass
class Record:
    """As much of a record as counts."""

    num_rows: int
    funnel: dict[str, int]
    partition: int = 0
    damaged: str | None = None


@dataclass
class Plan:
    category: str = "Toys"
    partitions: list[Partition] = field(
        default_factory=lambda: [Partition(0, 0, 1_000), Partition(0, 1_000, 3_000), Partition(1, 0, 1_000)]
    )


def work_with(*records: Record, plan: Plan | None = None) -> CategoryWork:
    anything: Any = None
    found: Any = records
    of: Any = plan or Plan()
    work = CategoryWork(source=anything, plan=of, config=anything)
    work.know(found)
    return work


def snapshot(inside: dict[int, Inside], **records: Record) -> Snapshot:
    known = [replace(record, partition=int(name.removeprefix("of_"))) for name, record in records.items()]
    return watched._snapshot(work_with(*known), inside)  # pyright: ignore[reportPrivateUsage]


def test_rows_inside_partitions_count_before_any_is_done() -> None:
    at = snapshot({1: Inside(20, 1_500), 2: Inside(5, 250)})
    assert (at.done, at.num_rows, at.rows_inside, at.num_items) == (0, 25, 25, 0)
    assert at.share == (500 + 250) / 4_000


def test_a_partition_with_a_record_counts_by_its_record_alone() -> None:
    at = snapshot({1: Inside(77, 2_900), 2: Inside(5, 250)}, of_1=Record(80, {KEPT: 20, MALFORMED: 1, "dull": 59}))
    assert (at.done, at.num_rows, at.rows_inside, at.num_items, at.num_malformed) == (1, 85, 5, 20, 1)
    assert at.share == (2_000 + 250) / 4_000
    assert at.kept == "25% kept"


def test_a_partition_that_has_just_begun_or_reads_beyond_its_end_is_a_share_from_0_to_1() -> None:
    assert snapshot({1: Inside(0, 0)}).share == 0.0
    assert snapshot({1: Inside(90, 9_999)}).share == 2_000 / 4_000


def test_a_damaged_partition_that_is_tried_again_counts_no_more() -> None:
    removed: list[list[int]] = []
    output: Any = SimpleNamespace(remove_records=lambda _, numbers: removed.append([*numbers]))
    config: Any = SimpleNamespace(skip_damaged_files=False)
    whole = Record(80, {KEPT: 20, MALFORMED: 1, "dull": 59}, partition=1)
    work = work_with(whole, replace(whole, partition=2, damaged="it is cut off"))
    work.config = config
    assert watched._snapshot(work, {}).share == 3_000 / 4_000  # pyright: ignore[reportPrivateUsage]
    work.retry_damaged(output)
    at = watched._snapshot(work, {})  # pyright: ignore[reportPrivateUsage]
    assert (at.done, at.num_rows, at.num_items, at.num_malformed, at.share) == (1, 80, 20, 1, 2_000 / 4_000)
    assert removed == [[2]]


def test_all_of_a_category_is_1_also_without_rows() -> None:
    record = Record(0, {})
    assert snapshot({}, of_0=record, of_1=record, of_2=record).share == 1.0
    work = work_with(record, plan=Plan(partitions=[Partition(0, 0, 0)]))
    assert watched._snapshot(work, {}).share == 1.0  # pyright: ignore[reportPrivateUsage]


AT = Snapshot("Toys", 5, 2, num_rows=12_345, rows_inside=345, num_items=3_000, new_rows=6_000, elapsed_s=2)


@pytest.mark.parametrize(
    ("at", "line"),
    [
        (Snapshot("Toys", 5), "Toys: 0 of 5 partitions · waiting for the first rows"),
        (Snapshot("Toys", 5, 2, num_rows=9, share=0.4), "Toys: 2 of 5 partitions · waiting for the first rows"),
        (
            Snapshot(
                "Toys", 5, num_rows=2_000, rows_inside=2_000, new_rows=2_000, share=0.1, new_share=0.1, elapsed_s=4
            ),
            "Toys: 0 of 5 partitions · 2,000 rows · 500 rows/s · 36 s left",
        ),
        (
            replace(AT, share=0.5, new_share=0.25),
            "Toys: 2 of 5 partitions · 12,345 rows · 3,000 rows/s · 25% kept · 4 s left",
        ),
        (replace(AT, done=5, share=1.0), "Toys: 5 of 5 partitions · 12,345 rows · 3,000 rows/s · 25% kept"),
        (Download("Toys", 2_000_000, 1_000_000), "fetching Toys: 1 of 2 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_says_how_far_it_is_and_what_is_left(at: Snapshot | Download, line: str) -> None:
    assert at.line() == line


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (100, "2 of 5 · 12,345 rows · 3,000 rows/s · 25% kept"),
        (80, "2 of 5 · 12,345 rows · 3,000 rows/s"),
        (60, "2 of 5 · 12,345 rows"),
        (40, "2 of 5"),
        (10, "2 of 5"),
    ],
)
def test_the_text_beside_a_bar_has_the_parts_that_there_is_room_for(width: int, text: str) -> None:
    assert fitted(replace(AT, new_share=0.1).states, [LONG, "Toys"], width) == text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("count", [1, 34])
def test_bars_fit_into_the_screen(monkeypatch: pytest.MonkeyPatch, width: int, count: int) -> None:
    screen = Console(file=io.StringIO(), width=width, height=24, force_terminal=True, color_system=None)
    monkeypatch.setattr(display, "_console", lambda: screen)
    with display._bar() as show:  # pyright: ignore[reportPrivateUsage]
        for number in range(count):
            for share in (0.0, 0.5, 1.0):
                done = round(share * 1_250)
                at = Snapshot(f"{number}{LONG}", 1_250, done, share=share, new_share=share, elapsed_s=9)
                show(Download(at.category, 100_000_000, round(share * 100_000_000)))
                show(replace(at, num_rows=48_000_000, new_rows=48_000_000, num_items=1))
        if count == 34:
            show(Snapshot("the last", 5))
    written = screen.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    lines = written.replace("\x1b[2K", "").replace("\x1b[1A", "").replace("\r", "\n").splitlines()
    assert len(lines) > count
    assert max(map(cell_len, lines)) <= width
    assert any("1250 of 1250" in line and "0:00:00" in line for line in lines)
    assert count == 1 or any(line.startswith("the last ") and "0 of 5" in line for line in lines)


@pytest.mark.parametrize("has_widgets", [True, False])
def test_a_notebook_without_widgets_has_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], has_widgets: bool
) -> None:
    find_spec = importlib.util.find_spec

    def found(name: str, package: str | None = None) -> object:
        return has_widgets or None if name == "ipywidgets" else find_spec(name, package)

    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: True)
    monkeypatch.setattr(importlib.util, "find_spec", found)
    assert display._is_live() == has_widgets  # pyright: ignore[reportPrivateUsage]
    if not has_widgets:
        with progress_display(quiet=False) as show:
            show(replace(AT, done=5, share=1.0))
        captured = capsys.readouterr()
        assert captured.err == "Toys: 5 of 5 partitions · 12,345 rows · 3,000 rows/s · 25% kept\n"
        assert captured.out == ""


def test_records_are_looked_for_as_rarely_as_the_storage_wants_and_rows_are_shown_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look at the records of a bucket costs requests, and the pace of the work is reckoned from look to look."""
    monkeypatch.setattr(watched, "_LOOK_S", 0.01)
    looks: list[int] = []
    after, between = list[Snapshot](), list[Snapshot]()
    work = work_with()
    monkeypatch.setattr(CategoryWork, "look", lambda *_: looks.append(1))
    monkeypatch.setattr(CategoryWork, "copy", lambda *_: None)
    output: Any = SimpleNamespace(store=SimpleNamespace(poll_s=0.5))
    rows = itertools.count(1)
    inside = lambda: {1: Inside(next(rows), 1_500)}  # noqa: E731
    with watched.watched(work, output, after.append, inside, between.append):
        until = time.monotonic() + 30
        while len(after) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(looks) == len(after) == 3  # the last one is at the end
    assert len(between) > len(after)
    counts = [at.num_rows for at in sorted([*after, *between], key=lambda at: at.num_rows)]
    assert counts == list(range(1, len(counts) + 1))
