"""How many malformed rows a category may have, and what is said of more."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from job.errors import MalformedLimitError
from job.output.folder import OutputFolder
from job.output.limits import check_malformed
from job.output.records import Record

MADE = Path(__file__).parents[1] / "whole/old_output/output/_partitions/Old_Lines/00000.json"


def said(tmp_path: Path, malformed: int, rows: int, max_malformed: float) -> str | None:
    """Returns the first line of the error; None without one."""
    record = msgspec.json.decode(MADE.read_bytes(), type=Record)
    funnel = {"malformed": malformed, "kept": rows - malformed}
    record = msgspec.structs.replace(record, num_rows=rows, funnel=funnel, rejects=None)
    try:
        check_malformed(OutputFolder(tmp_path), "Toys", [record], max_malformed)
    except MalformedLimitError as error:
        lines = str(error).splitlines()
        advises = "--set max_malformed=" in lines[-1]
        assert advises == (malformed * 2 <= rows)
        return lines[0]
    return None


@pytest.mark.parametrize(
    ("malformed", "rows", "max_malformed"),
    [
        (0, 0, 0.001),
        (1, 2, 0.001),
        (5, 10, 0.001),
        (10, 20, 0.001),
        (10, 10_999, 0.001),
        (9, 10, 0.9),
        (9, 10, 9),
        (10, 10, 1.0),
        (600, 601, 600),
    ],
)
def test_as_many_pass_as_are_allowed(tmp_path: Path, malformed: int, rows: int, max_malformed: float) -> None:
    assert said(tmp_path, malformed, rows, max_malformed) is None


@pytest.mark.parametrize(
    ("malformed", "rows", "max_malformed"),
    [(2, 3, 0.001), (6, 11, 0.001), (9, 10, 0.001), (9, 10, 0.89), (9, 10, 8), (599, 600, 0.001), (11, 21, 0.001)],
)
def test_more_than_half_are_no_matter_of_the_limit(
    tmp_path: Path, malformed: int, rows: int, max_malformed: float
) -> None:
    assert said(tmp_path, malformed, rows, max_malformed) == (
        f"Toys: {malformed} of {rows} rows are malformed: is it JSONL, one object in each line?"
    )


def test_one_row_of_one_is_every_row(tmp_path: Path) -> None:
    assert said(tmp_path, 1, 1, 0.001) == "Toys: every row is malformed: is it JSONL, one object in each line?"


def test_half_and_less_can_be_accepted(tmp_path: Path) -> None:
    assert said(tmp_path, 11, 22, 0.001) == "Toys: 11 of 22 rows are malformed, and max_malformed allows 10"


@pytest.mark.parametrize(
    ("causes", "last"),
    [
        (["a", "b", "b", "c 1", "c 2", "c 3"], "  1: a, such as Toys.jsonl at 0"),
        (["a", "b", "b", "c", "c", "d", "d"], "  1: 1 more cause"),
        (["a", "b", "b", "c", "c", "d", "d", "e 1", "e 2", "f"], "  4: 3 more causes"),
    ],
)
def test_causes_that_are_not_shown_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, causes: list[str], last: str
) -> None:
    size = len(causes)
    rejects = pa.table({"file": ["Toys.jsonl"] * size, "position": range(size), "cause": causes})
    monkeypatch.setattr(OutputFolder, "table", lambda *_: rejects)
    record = msgspec.json.decode(MADE.read_bytes(), type=Record)
    record = msgspec.structs.replace(record, num_rows=size, funnel={"malformed": size}, rejects="rejects.parquet")
    with pytest.raises(MalformedLimitError) as raised:
        check_malformed(OutputFolder(tmp_path), "Toys", [record], 0)
    lines = str(raised.value).splitlines()
    assert lines[-2] == last
    assert sum(int(line.strip().partition(":")[0]) for line in lines[1:-1]) == size
