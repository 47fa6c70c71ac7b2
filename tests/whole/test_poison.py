"""Malformed rows of every kind, put where they hurt, cost themselves and nothing else; odd rows are rows."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.output.folder import OutputFolder
from job.output.records import Record
from job.recipe.course_2024.settings import Course2024Settings
from job.run import Outcome, run_job
from job.source.location import LocalFile
from job.source.read.jsonl import JsonlReader, read_lines
from job.source.sample.catalogue import make_catalogue
from tests.conftest import Curate
from tests.recipe import plain
from tests.source.hub_form import row_layout

pytestmark = pytest.mark.usefixtures("shared_ray")

MAX_ROW_BYTES = 2 << 20
KEPT_RAW_BYTES = 1 << 20
PARTITION_BYTES = 200_000
PARTITION_ROWS = 100
NUM_ROWS = 600


def curated(source: Path, output: Path, **settings: object) -> Outcome:
    return run_job(load_config(None, {"source.path": str(source), "output": str(output), **settings}), quiet=True)


# --- the poison

ZEROS = b"\0" * 5_000

POISON: list[tuple[bytes, str]] = [
    (b'{"title": "cut o', "not JSON: Unterminated string"),
    (b"title,price", "not JSON: Expecting value at character 0"),
    (b'{"title": "a"} {"title": "b"}', "not JSON: Extra data"),
    (b'{"title": "a",}', "not JSON"),
    (b"{'title': 'a'}", "not JSON"),
    (b'{"title": "bell \x07"}', "not JSON: Invalid control character"),
    (b'{"title": "a", "images": [01]}', "not JSON"),
    (b'{"title": "a", "images": "\\u12"}', "not JSON"),
    (b'{"rank": %s}' % (b"9" * 4301), "not JSON: Exceeds the limit"),
    (b"[1, 2]", "not an object but a list"),
    (b'"text"', "not an object but text"),
    (b"7", "not an object but a number"),
    (b"NaN", "not an object but a number"),
    (b"null", "not an object but null"),
    (b"true", "not an object but true or false"),
    (b'{"title": 7}', "title is a number, neither text nor null"),
    (b'{"title": "a", "title": ["b"]}', "title is a list, neither text nor null"),
    (b'{"title": "a", "price": [5]}', "price is a list, neither number, text nor null"),
    (b'{"title": "a", "price": {"usd": 5}}', "price is an object, neither number, text nor null"),
    (b'{"title": "a", "price": true}', "price is true or false, neither number, text nor null"),
    (b'{"title": "a", "description": "text"}', "description is text, not a list of strings"),
    (b'{"title": "a", "description": ["b", 7]}', "description has a number among its strings"),
    (b'{"title": "a", "features": ["b", null]}', "features has null among its strings"),
    (b'{"title": "a", "features": [["b"]]}', "features has a list among its strings"),
    (b'{"title": "\xff"}', "not UTF-8: byte 11 of the row: invalid start byte"),
    (b'{"title": "a", "images": ["\xc0\x80"]}', "not UTF-8: byte 27 of the row: invalid start byte"),
    (b'{"title": "\xed\xa0\x80"}', "not UTF-8: byte 11 of the row: invalid continuation byte"),
    (b'{"title": "\xe2\x82', "not UTF-8: byte 11 of the row: unexpected end of data"),
    ('{"title": "a"}'.encode("utf-16-le"), "not JSON"),
    ('\ufeff\ufeff{"title": "a"}'.encode(), "not JSON"),
    ("\ufeff".encode(), "not JSON"),
    ('\u00a0{"title": "a"}'.encode(), "not JSON"),
    (b'{"title": "a\0b"}', "not JSON: Invalid control character"),
    (ZEROS, "not JSON: Expecting value at character 0"),
    (b"\x1b[2J\x1b]0;owned\x07", "not JSON"),
    (b'{"images": ' + b"[" * 500 + b"]" * 500 + b"}", "nested deeper than 500"),
    (b"[" * 100_000, "nested deeper than 500"),
    (b'{"details":' * 50_000 + b"1" + b"}" * 50_000, "nested deeper than 500"),
    (b'{"title": "' + b"x" * (KEPT_RAW_BYTES + 50_000), "not JSON: Unterminated string"),
    (b'{"title": "' + b"x" * MAX_ROW_BYTES + b'"}', "longer than max_row_bytes, 2,097,152"),
    (b" " * (MAX_ROW_BYTES + 1), "longer than max_row_bytes, 2,097,152"),
]
CUT_OFF = b'{"title": "the file ends he'
"""The last line, which has no newline: it is no reject."""


@dataclass
class Laid:
    """A file as it is laid out: what it holds, and where the poison lies in it."""

    content: bytearray
    placed: list[tuple[int, bytes, str]]

    def pad(self, size: int) -> None:
        """A blank line, which is no row."""
        if size:
            self.content += b" " * (size - 1) + b"\n"

    def until(self, border: int, before: int) -> None:
        """Pads to so many bytes before the next partition's border that is far enough away."""
        self.pad((border - before - len(self.content)) % border)

    def poison(self, line: bytes, cause: str, end: bytes = b"\n") -> None:
        self.placed.append((len(self.content), line, cause))
        self.content += line + end


def laid(good: list[bytes]) -> Laid:
    """Mixes good rows with every kind of poison; some begin, end or lie across where a partition does."""
    dice = random.Random(7)
    poison = [(line, cause) for line, cause in POISON if len(line) < PARTITION_BYTES]
    dice.shuffle(poison)
    poison += [(line, cause) for line, cause in POISON if len(line) >= PARTITION_BYTES]
    # The first byte after a border, the newline before it, the newline across it, the middle of the row.
    alignments = [lambda size: 0, lambda size: size, lambda size: size + 1, lambda size: size // 2]
    file = Laid(bytearray(), [])
    file.poison(*poison.pop(0))
    places = sorted(dice.sample(range(len(good)), len(poison)))
    for index, row in enumerate(good):
        while places and places[0] == index:
            places.pop(0)
            line, cause = poison.pop(0)
            if len(places) % 3 == 0:
                file.until(PARTITION_BYTES, alignments[len(places) // 3 % 4](len(line)))
            file.poison(line, cause, end=b"\r\n" if len(places) % 5 == 0 else b"\n")
        file.content += row + b"\n"
    assert not poison
    file.until(PARTITION_BYTES, len(CUT_OFF))
    file.content += CUT_OFF
    return file


# --- poison in Parquet

PARQUET_COLUMNS = ("title", "parent_asin", "price", "details")
BAD_TEXT = b"bad \xff text"


def string_array(values: list[bytes | str | None]) -> pa.Array:
    """Text that nobody has checked."""
    return pa.array([value.encode() if isinstance(value, str) else value for value in values], pa.binary()).view(
        pa.string()
    )


def parquet_poison() -> list[tuple[str, Any, str]]:
    """Which column is poisoned, with what, and the cause."""
    long = "x" * (MAX_ROW_BYTES + 1)
    return [
        *[(name, BAD_TEXT, f"not UTF-8: {name}") for name in PARQUET_COLUMNS],
        ("description", [BAD_TEXT], "not UTF-8: description"),
        ("features", ["good", BAD_TEXT], "not UTF-8: features"),
        ("description", [None], "description has null among its strings"),
        ("features", ["good", None, "good"], "features has null among its strings"),
        ("title", long, "longer than max_row_bytes, 2,097,152"),
        ("details", long, "longer than max_row_bytes, 2,097,152"),
        ("features", [long[: MAX_ROW_BYTES // 2]] * 3, "longer than max_row_bytes, 2,097,152"),
    ]


def parquet_rows() -> Iterator[dict[str, Any]]:
    for number in range(4 * PARTITION_ROWS):
        yield {
            "title": f"Kettle of brass number {number}",
            "parent_asin": f"B{number:09d}",
            "price": str(number / 2),
            "details": json.dumps({"Brand": f"Smith {number}"}),
            "description": ["It boils water well and keeps it warm for hours. " * 16],
            "features": [f"holds {number} cups", ""],
        }


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    columns: dict[str, pa.Array] = {name: string_array([row[name] for row in rows]) for name in PARQUET_COLUMNS}
    for name in ("description", "features"):
        sizes = [0]
        for row in rows:
            sizes.append(sizes[-1] + len(row[name]))
        texts = string_array([text for row in rows for text in row[name]])
        columns[name] = pa.ListArray.from_arrays(pa.array(sizes, pa.int32()), texts)
    pq.write_table(pa.table(columns), path, row_group_size=PARTITION_ROWS)


def poisoned_parquet(good: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
    """Puts poison between rows: the first, the last, and beside every border of a row group."""
    poison = parquet_poison()
    places = {0, 99, 100, 199, 200, 250, 251, 252, 299, 300, len(good) + len(poison) - 1}
    assert len(places) == len(poison)
    rows: list[dict[str, Any]] = []
    placed: list[tuple[int, str]] = []
    left = iter(good)
    for index in range(len(good) + len(poison)):
        if index in places:
            column, value, cause = poison.pop()
            placed.append((index, cause))
            rows.append({**good[index % len(good)], column: value})
        else:
            rows.append(next(left))
    return rows, placed


# --- odd rows, which are rows

DESCRIPTION = "A lamp of oak and brass that stands on any desk and gives a warm light for many quiet evenings. " * 9
PRICED = b'"price": 12.5'
ODD_TITLES = {"surrogate": "a \ufffd lamp", "pair": "a 😀 lamp", "nul": "a \0 lamp", "escape": "a \x1b[2J lamp"}


def line(asin: str, *more: bytes, title: bytes = b'"title": "a lamp"', end: bytes = b"\n") -> bytes:
    fields = (b'"parent_asin": "%s"' % asin.encode(), b'"description": ["%s"]' % DESCRIPTION.encode(), title, *more)
    return b"{" + b", ".join(field for field in fields if field) + b"}" + end


def details_line(asin: str, source: bytes) -> bytes:
    short = DESCRIPTION[:700].encode()
    return b'{"parent_asin": "%s", "title": "a lamp", "description": ["%s"], "price": 12.5, "details": %s}\n' % (
        asin.encode(),
        short,
        source,
    )


DETAILS: dict[str, tuple[bytes, str | None]] = {
    "details-text": (b'"made of \\u20ac oak"', "made of € oak"),
    "details-list": (b'["oak","brass"]', '["oak", "brass"]'),
    "details-number": (b"1e2", "100.0"),
    "details-null": (b"null", "null"),
    "details-empty": (b"{}", "{}"),
    "details-nan": (b'{"weight": NaN}', '{"weight": NaN}'),
    "details-huge": (b'{"weight": -1e400}', '{"weight": -Infinity}'),
    "details-surrogate": (b'{"a": "\\ud800"}', '{"a": "\\ud800"}'),
    "details-twice": (b'{"a": 1, "a": 2}', '{"a": 2}'),
}

ODD: dict[str, tuple[bytes, str]] = {
    "plain": (line("plain", PRICED), "kept"),
    "mark": ("\ufeff".encode() + line("mark", PRICED), "kept"),
    "crlf": (line("crlf", PRICED, end=b"\r\n"), "kept"),
    "blanks": (b" \t" + line("blanks", PRICED, end=b" \t\n"), "kept"),
    "return": (line("return", b'\r"price":\r12.5'), "kept"),
    "surrogate": (line("surrogate", PRICED, title=b'"title": "a \\ud800 lamp"'), "kept"),
    "pair": (line("pair", PRICED, title=b'"title": "a \\ud83d\\ude00 lamp"'), "kept"),
    "nul": (line("nul", PRICED, title=b'"title": "a \\u0000 lamp"'), "kept"),
    "escape": (line("escape", PRICED, title=b'"title": "a \\u001b[2J lamp"'), "kept"),
    "twice": (line("twice", b'"price": "none"', PRICED), "kept"),
    "first-is-wrong": (line("first-is-wrong", b'"price": []', PRICED), "kept"),
    "unread": (line("unread", PRICED, b'"images": [NaN, 1e400, {"a": "\\udfff"}], "": {}'), "kept"),
    "text": (line("text", b'"price": " 12.50 "'), "kept"),
    "shallow": (line("shallow", PRICED, b'"images": ' + b"[" * 499 + b"]" * 499), "kept"),
    "brackets": (line("brackets", PRICED, b'"images": "' + b"[" * 600 + b'"'), "kept"),
    "no-asin": (line("no-asin", PRICED, b'"parent_asin": null'), "kept"),
    "empty-title": (line("empty-title", PRICED, title=b'"title": ""'), "kept"),
    "nan": (line("nan", b'"price": NaN'), "price_out_of_range"),
    "infinite": (line("infinite", b'"price": Infinity'), "price_out_of_range"),
    "huge": (line("huge", b'"price": 1e400'), "price_out_of_range"),
    "tiny": (line("tiny", b'"price": -1e400'), "price_out_of_range"),
    "long": (line("long", b'"price": ' + b"9" * 4300), "price_out_of_range"),
    "dash": (line("dash", '"price": "—"'.encode()), "price_missing"),
    "null": (line("null", b'"price": null'), "price_missing"),
    "last-is-null": (line("last-is-null", PRICED, b'"price": null'), "price_missing"),
    "surrogate-price": (line("surrogate-price", b'"price": "\\ud800"'), "price_missing"),
    "no-price": (line("no-price"), "price_missing"),
    "no-title": (line("no-title", PRICED, title=b""), "title_missing"),
    "null-title": (line("null-title", PRICED, title=b'"title": null'), "title_missing"),
    "null-text": (line("null-text", PRICED, b'"description": null'), "text_too_short"),
    "nothing": (b"{}\n", "price_missing"),
    **{name: (details_line(name, source), "kept") for name, (source, _) in DETAILS.items()},
}
BLANK_LINES = (b"\n", b"\r\n", b" \t\n", b"\v\f\n")


def odd_file() -> bytes:
    """The odd rows, blank lines between them, the last one without a newline."""
    lines = [source for source, _ in ODD.values()]
    mixed = [lines[0]] + [blank + row for blank, row in zip(BLANK_LINES * len(lines), lines[1:], strict=False)]
    return b"".join(mixed).removesuffix(b"\n")


# --- one run with the poison, one without


@dataclass(frozen=True)
class Runs:
    with_poison: Path
    without: Path
    toys: Laid
    boxes: list[tuple[int, str]]

    def records(self, category: str) -> list[Record]:
        output = OutputFolder(self.with_poison)
        plan = output.plan()
        assert plan is not None
        return output.records(plan.categories[category])

    def rejects(self, category: str) -> list[dict[str, Any]]:
        files = sorted((self.with_poison / "_rejects" / category).iterdir())
        return [row for file in files for row in pq.read_table(file).to_pylist()]

    def manifest(self, output: Path, category: str) -> dict[str, Any]:
        return json.loads((output / "manifest.json").read_bytes())["categories"][category]


def items(output: Path, category: str) -> list[dict[str, Any]]:
    files = sorted((output / "data" / category).iterdir())
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.fixture(scope="module")
def runs(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("poison")
    make_catalogue(folder / "made", rows=NUM_ROWS, categories=["Toys"], file_format="jsonl")
    good = (folder / "made/raw/meta_categories/meta_Toys.jsonl").read_bytes().splitlines()
    toys = laid(good)
    rows = list(parquet_rows())
    poisoned, boxes = poisoned_parquet(rows)
    for name in ("bad", "good"):
        (folder / name).mkdir()
    (folder / "good/Toys.jsonl").write_bytes(b"\n".join(good))
    (folder / "bad/Toys.jsonl").write_bytes(toys.content)
    write_parquet(folder / "good/Boxes.parquet", rows)
    write_parquet(folder / "bad/Boxes.parquet", poisoned)
    (folder / "bad/Odd.jsonl").write_bytes(odd_file())
    skipping = {"skip_damaged_files": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("job.source.read.partitions.MIN_JSONL_BYTES", PARTITION_BYTES)
        patch.setattr("job.source.read.partitions.MIN_PARQUET_ROWS", PARTITION_ROWS)
        curated(folder / "bad", folder / "out", max_malformed=1_000, max_row_bytes=MAX_ROW_BYTES, **skipping)
    curated(folder / "good", folder / "expected")
    return Runs(folder / "out", folder / "expected", toys, boxes)


@pytest.mark.parametrize("category", ["Toys", "Boxes"])
def test_good_rows_give_the_items_that_they_give_without_poison(runs: Runs, category: str) -> None:
    found, expected = (runs.manifest(output, category) for output in (runs.with_poison, runs.without))
    assert found["num_items"] > 100
    assert found["content_digest"] == expected["content_digest"]
    assert {**found["funnel"], "malformed": 0} == expected["funnel"]
    assert items(runs.with_poison, category) == items(runs.without, category)


@pytest.mark.parametrize("category", ["Toys", "Boxes"])
def test_each_malformed_row_is_counted_in_its_partition_and_in_all(runs: Runs, category: str) -> None:
    placed = len(runs.toys.placed) if category == "Toys" else len(runs.boxes)
    assert runs.manifest(runs.with_poison, category)["funnel"]["malformed"] == placed
    for record in runs.records(category):
        rejects = [] if record.rejects is None else pq.read_table(runs.with_poison / record.rejects).to_pylist()
        assert len(rejects) == record.funnel.get("malformed", 0)
        assert all(record.start <= reject["position"] < record.end for reject in rejects)
    assert len(runs.records(category)) > 4


def test_each_malformed_line_lies_aside_as_it_came_with_file_offset_and_cause_in_order(runs: Runs) -> None:
    for reject, (offset, row, cause) in zip(runs.rejects("Toys"), runs.toys.placed, strict=True):
        assert (reject["category"], reject["file"], reject["position"]) == ("Toys", "Toys.jsonl", offset)
        assert reject["raw"] == row[:KEPT_RAW_BYTES]
        assert reject["cause"].startswith(cause), row[:80]


def test_the_line_that_the_file_ends_in_is_left_out_and_named(runs: Runs) -> None:
    size = len(runs.toys.content)
    (damage,) = runs.manifest(runs.with_poison, "Toys")["damaged"]
    assert (damage["file"], damage["start"], damage["end"], damage["cut_off"]) == (
        "Toys.jsonl",
        size - len(CUT_OFF),
        size,
        True,
    )


def test_poison_lay_at_every_kind_of_border(runs: Runs) -> None:
    """That the file above is what it was meant to be."""
    borders = {record.start for record in runs.records("Toys")}
    spans = [(offset, offset + len(row)) for offset, row, _ in runs.toys.placed]
    assert borders >= {index * PARTITION_BYTES for index in range(10)}
    assert sum(begin in borders for begin, _ in spans) >= 3
    assert sum(end in borders for _, end in spans) >= 2
    assert sum(end + 1 in borders for _, end in spans) >= 2
    assert sum(any(begin < border < end for border in borders) for begin, end in spans) >= 4
    assert spans[0][0] == 0
    assert runs.toys.content.endswith(b"\n" + CUT_OFF)
    assert len(runs.toys.content) % PARTITION_BYTES == 0
    assert any(record.num_rows == 0 for record in runs.records("Toys"))


def test_each_malformed_parquet_row_lies_aside_with_its_number_and_cause_in_order(runs: Runs) -> None:
    rejects = runs.rejects("Boxes")
    assert [(reject["position"], reject["cause"]) for reject in rejects] == runs.boxes
    for reject in rejects:
        assert (reject["category"], reject["file"]) == ("Boxes", "Boxes.parquet")
        if reject["cause"].startswith("longer"):
            assert len(reject["raw"]) == KEPT_RAW_BYTES
        elif reject["cause"].startswith("not UTF-8"):
            assert rb"bad \\xff text" in reject["raw"]
        else:
            assert None in json.loads(reject["raw"])[reject["cause"].split()[0]]


def test_no_odd_row_is_malformed_and_blank_lines_are_no_rows(runs: Runs) -> None:
    found = runs.manifest(runs.with_poison, "Odd")
    verdicts = Counter(verdict for _, verdict in ODD.values())
    assert found["num_rows"] == len(ODD)
    assert {verdict: count for verdict, count in found["funnel"].items() if count} == verdicts


@pytest.fixture(scope="module")
def odd_items(runs: Runs) -> dict[str | None, dict[str, Any]]:
    return {item["parent_asin"]: item for item in items(runs.with_poison, "Odd")}


@pytest.mark.parametrize("name", [name for name, (_, verdict) in ODD.items() if verdict == "kept"])
def test_an_odd_row_is_the_item_that_the_recipe_says(odd_items: dict[str | None, dict[str, Any]], name: str) -> None:
    item = odd_items[None if name == "no-asin" else name]
    title = "" if name == "empty-title" else ODD_TITLES.get(name, "a lamp")
    description, details = (DESCRIPTION[:700], DETAILS[name][1]) if name in DETAILS else (DESCRIPTION, None)
    row = {"title": title, "price": "12.5", "description": [description], "features": None, "details": details}
    assert (item["title"], item["price"]) == (title, 12.5)
    assert ("kept", item["prompt"], item["token_count"]) == plain.judge(row, Course2024Settings())


def test_all_malformed_rows_can_be_listed_without_a_control_character(runs: Runs, curate: Curate) -> None:
    listed = curate("rejects", runs.with_poison)
    assert listed.exit_code == 0
    count = len(runs.toys.placed) + len(runs.boxes)
    assert listed.out.splitlines()[-1] == f"{count} malformed rows"
    assert len(listed.out.splitlines()) == count + 1
    assert all(character.isprintable() or character == "\n" for character in listed.out)
    assert curate("verify", runs.with_poison).exit_code == 0


# --- rows of an unreasonable size


def read_all(path: Path, max_row_bytes: int, partitions: int) -> list[dict[str, Any]]:
    """Reads a file in so many partitions; returns its rows, without the messages that end partitions."""
    size = path.stat().st_size
    reader = JsonlReader(row_layout((), max_row_bytes))
    cuts = [size * index // partitions for index in range(partitions + 1)]
    rows: list[dict[str, Any]] = []
    for index in range(partitions):
        tables = list(reader.read(LocalFile(path), index, cuts[index], cuts[index + 1]))
        rows += [row for table in tables[:-1] for row in table.select(["position", "cause", "raw"]).to_pylist()]
    return rows


def sparse(path: Path, size: int) -> Path:
    """A row, a line of so many NUL bytes that take no room on the disk, and another row."""
    with path.open("wb") as stream:
        stream.write(b'{"title": "first", "price": null}\n')
        stream.seek(size, 1)
        stream.write(b'\n{"title": "last"}\n')
    return path


def test_a_range_within_a_long_line_reads_hardly_more_than_itself(tmp_path: Path) -> None:
    path = sparse(tmp_path / "Toys.jsonl", 40_000_000)
    with path.open("rb", buffering=0) as stream:
        assert list(read_lines(cast(BinaryIO, stream), 10_000_000, 10_500_000, MAX_ROW_BYTES)) == []
        assert stream.tell() < 12_000_000


@pytest.mark.parametrize("partitions", [1, 48])
def test_a_line_of_200_mb_costs_itself_and_no_memory_to_speak_of(tmp_path: Path, partitions: int) -> None:
    path = sparse(tmp_path / "Toys.jsonl", 200_000_000)
    tracemalloc.start()
    try:
        rows = read_all(path, MAX_ROW_BYTES, partitions)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [(row["position"], row["cause"]) for row in rows] == [
        (0, None),
        (34, "longer than max_row_bytes, 2,097,152"),
        (200_000_035, None),
    ]
    assert rows[1]["raw"] == bytes(KEPT_RAW_BYTES)
    assert peak < 8 * MAX_ROW_BYTES


def test_a_line_of_200_mb_costs_the_job_itself(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    sparse(tmp_path / "source/Toys.jsonl", 200_000_000)
    manifest = curated(tmp_path / "source", tmp_path / "out").manifest
    assert manifest.funnel | {"price_missing": 2, "malformed": 1} == manifest.funnel
    assert manifest.num_rows == 3


def test_valid_rows_of_10_mb_are_rows(tmp_path: Path) -> None:
    text = (DESCRIPTION * 20_000)[:10_000_000]
    row = {"title": "a lamp", "price": 5, "description": [], "features": [], "details": {}}
    huge = [{**row, "description": [text]}, {**row, "features": [text]}, {**row, "details": {"Use": text}}]
    (tmp_path / "source").mkdir()
    (tmp_path / "source/Toys.jsonl").write_text("\n".join(map(json.dumps, huge)))
    curated(tmp_path / "source", tmp_path / "out", max_malformed=0)
    found = [(item["prompt"], item["token_count"]) for item in items(tmp_path / "out", "Toys")]
    for item, given in zip(found, huge, strict=True):
        judged = plain.judge(
            {**given, "price": "5", "details": json.dumps(given["details"])[:2_000]}, Course2024Settings()
        )
        assert ("kept", *item) == judged


# --- the budget

PLAIN_ROW = b'{"title": "plain", "price": null}\n'


def toys(folder: Path, rows: int, malformed: int) -> Path:
    """So many rows, so many of them malformed."""
    folder.mkdir()
    (folder / "Toys.jsonl").write_bytes(PLAIN_ROW * (rows - malformed) + b"broken\n" * malformed)
    return folder


@pytest.mark.parametrize(
    ("given", "rows", "allowed"),
    [
        ([], 20_000, 20),  # the default, a thousandth
        ([], 10_999, 10),
        ([], 300, 10),  # never less than ten
        (["--set", "max_malformed=0.1"], 300, 30),
        (["--set", "max_malformed=1e-1"], 300, 30),
        (["--set", "max_malformed=0.0"], 300, 10),
        (["--set", "max_malformed=0"], 300, 0),
        (["--set", "max_malformed=1"], 300, 1),
        (["--set", "max_malformed=30"], 300, 30),
    ],
)
def test_at_the_budget_a_job_passes_and_with_one_row_more_it_ends_with_3_and_all_good_work_kept(
    tmp_path: Path, curate: Curate, given: list[str], rows: int, allowed: int
) -> None:
    within, over = toys(tmp_path / "within", rows, allowed), toys(tmp_path / "over", rows, allowed + 1)
    out = tmp_path / "out"
    result = curate("run", "--source", within, "--output", tmp_path / "fine", *given, "--json")
    assert (result.exit_code, json.loads(result.out)["funnel"]["malformed"]) == (0, allowed)

    command = ("run", "--source", over, "--output", out)
    result = curate(*command, *given, "--json")
    assert (result.exit_code, json.loads(result.out)["exit_code"]) == (3, 3)
    assert f"{allowed + 1:,} of {rows:,} rows are malformed, and max_malformed allows {allowed:,}\n" in result.err
    assert not (out / "manifest.json").exists()
    stamps = {path: path.stat().st_mtime_ns for path in (out / "data").rglob("*.parquet")}
    assert len(stamps) == 1

    result = curate(*command, "--set", f"max_malformed={allowed + 1}", "--json")
    assert (result.exit_code, json.loads(result.out)["new_partitions"]) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert curate("verify", out).exit_code == 0


@pytest.mark.parametrize(("share", "malformed"), [(0.29, 29), (0.57, 57), (0.58, 58), (0.3, 30), (1.0, 99)])
def test_a_share_is_exact_where_binary_fractions_are_not(
    tmp_path: Path, curate: Curate, share: float, malformed: int
) -> None:
    """29 of 100 rows are 0.29 of them, though `int(0.29 * 100)` is 28."""
    source = toys(tmp_path / "source", 100, malformed)
    given = ("--source", source, "--output", tmp_path / "out", "--set", f"max_malformed={share}", "--json")
    assert curate("run", *given).exit_code == 0
