"""The first rows of a new category: what can only give nothing is refused, or said, before work starts."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from job.config.load import load_config
from job.errors import UsageError
from job.plan import first_rows
from job.recipe.course_2024.recipe import Course2024
from job.run import prospects
from job.source.location import LocalFile
from tests.conftest import Curate
from tests.servers.hub import Hub

LAMP: dict[str, Any] = {
    "title": "Lamp",
    "description": ["A lamp."],
    "features": ["Bright"],
    "details": "{}",
    "parent_asin": "B0",
    "price": "24.99",
}
REVIEW = {"rating": 5.0, "title": "Good", "text": "I like it.", "asin": "B0", "parent_asin": "B0", "timestamp": 1}
LISTING_2018 = {"title": "Lamp", "feature": ["Bright"], "description": ["A lamp."], "price": "$24.99", "asin": "B0"}
FORMATS = [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"]


def lamp(**fields: Any) -> dict[str, Any]:
    return {**LAMP, **fields}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in LAMP.items() if key != name}


def written(folder: Path, rows: list[dict[str, Any]], suffix: str = ".jsonl", name: str = "Toys") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}{suffix}"
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema([pa.field("price", pa.string()), *_OTHERS])), path)
    else:
        pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
        path.write_bytes(pack(lines))
    return path


_TEXTS = pa.list_(pa.string())
_OTHERS = [
    *[pa.field(name, pa.string()) for name in ("title", "details", "parent_asin")],
    *[pa.field(name, _TEXTS) for name in ("description", "features")],
]


def said(folder: Path, **settings: Any) -> list[str]:
    """Returns the warnings about a folder. Raises UsageError when it is refused."""
    lines: list[str] = []
    config = load_config(None, {"source.path": str(folder), "output": str(folder.parent / "out"), **settings})
    prospects(config, say=lines.append)
    return lines


def refused(folder: Path, *words: str, **settings: Any) -> None:
    with pytest.raises(UsageError) as raised:
        said(folder, **settings)
    for word in words:
        assert word in str(raised.value), str(raised.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_prices_with_signs_and_commas_are_refused_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    rows = [lamp(price=None), lamp(price="$24.99"), lamp(price="1,299.00"), lamp(price="")]
    path = written(tmp_path / "shop", rows * 1_000, suffix)
    refused(
        tmp_path / "shop",
        f"Toys: no price in its first 1,000 rows is a number: '$24.99', '1,299.00'\nin {path}, whose rows have: ",
        "title, ",
        "\nwrite prices as 24.99 or 1299.00, without signs, commas or words; or name the column",
    )


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_price_that_is_a_number_among_the_first_1000_rows_is_enough(tmp_path: Path, suffix: str) -> None:
    wrong = [lamp(price="$5")] * 999
    written(tmp_path / "shop", [*wrong, lamp(), *wrong], suffix)
    assert said(tmp_path / "shop") == []
    written(tmp_path / "shop", [*wrong, lamp(price="$5"), lamp()], suffix)
    refused(tmp_path / "shop", "no price in its first 1,000 rows is a number: '$5'\n")


@pytest.mark.parametrize("price", ["0.10", "5000", " 12 ", "1e2", 0, 1_000_000])
def test_a_number_out_of_range_is_a_number(tmp_path: Path, price: object) -> None:
    written(tmp_path / "shop", [lamp(price="from $5"), lamp(price=price)])
    assert said(tmp_path / "shop") == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_prices_that_are_all_missing_are_no_error_but_a_warning(tmp_path: Path, suffix: str) -> None:
    rows = [lamp(price=None), lamp(price=""), lamp(price="None"), lamp(price=" "), lamp(price="nan"), without("price")]
    written(tmp_path / "shop", rows * 200, suffix)
    assert said(tmp_path / "shop") == ["Toys: none of its first 1,000 rows has a price; rows without one are dropped"]
    written(tmp_path / "shop", [*rows * 200, lamp(price="$5")], suffix)
    assert len(said(tmp_path / "shop")) == 1
    written(tmp_path / "shop", [*rows, lamp()], suffix)
    assert said(tmp_path / "shop") == []


@pytest.mark.parametrize("suffix", FORMATS[:3])
def test_rows_without_the_key_price_are_refused(tmp_path: Path, suffix: str) -> None:
    written(tmp_path / "shop", [without("price")] * 1_000 + [lamp()], suffix)
    refused(
        tmp_path / "shop",
        "Toys: none of its first 1,000 rows has the key 'price'\n",
        "whose rows have: title, description, features, details, parent_asin\n",
        "--set source.fields='{title: NAME, price: NAME, description: NAME}'",
    )
    written(tmp_path / "shop", [without("price")] * 999 + [lamp()], suffix)
    assert said(tmp_path / "shop") == []


def test_reviews_are_refused_and_called_by_their_name(tmp_path: Path) -> None:
    written(tmp_path / "shop", [REVIEW] * 5)
    refused(
        tmp_path / "shop",
        "none of its first 5 rows has the key 'price'",
        "whose rows have: rating, title, text, asin, parent_asin, timestamp",
        "these seem to be reviews: take the listings, in files that begin with meta_",
    )


def test_the_listings_of_2018_are_refused_for_their_prices(tmp_path: Path) -> None:
    written(tmp_path / "shop", [LISTING_2018, {"title": "Lamp", "price": ""}])
    refused(tmp_path / "shop", "no price in its first 2 rows is a number: '$24.99'", "title, feature, description")


def test_rows_without_any_text_of_the_recipe_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "shop", [{"name": "Lamp", "price": 5, "title": None, "details": None}] * 3)
    refused(
        tmp_path / "shop",
        "none of its first 3 rows has any of title, description, features, details\n",
        "whose rows have: name, price, title, details",
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (without("title"), "none of its first row has a title; rows without one are dropped"),
        ({"title": "Lamp", "price": 5}, "has any of description, features, details; rows with little text are dropped"),
    ],
)
def test_what_else_drops_every_row_is_a_warning(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    written(tmp_path / "shop", [row])
    (line,) = said(tmp_path / "shop")
    assert line.endswith(words)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_the_names_are_those_of_the_source(tmp_path: Path, suffix: str) -> None:
    fields = {"source.fields": {"title": "name", "price": "cost", "description": "blurb"}}
    row = {"name": "Lamp", "cost": "$5", "blurb": "A lamp."}
    (tmp_path / "shop").mkdir()
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "shop/Toys.parquet")
    else:
        written(tmp_path / "shop", [row])
    refused(tmp_path / "shop", "no cost in its first row is a number: '$5'", "rows have: name, cost, blurb", **fields)


def test_a_category_of_several_files_is_looked_at_across_them(tmp_path: Path) -> None:
    for number in range(3):
        name = f"Toys-{number:05d}-of-00003"
        written(tmp_path / "shop", [lamp(price="$5")] * 400, ".parquet", name)
    refused(tmp_path / "shop", "no price in its first 1,000 rows is a number")
    written(tmp_path / "shop", [lamp()], ".parquet", "Toys-00002-of-00003")
    assert said(tmp_path / "shop") == []


def test_each_category_is_looked_at(tmp_path: Path) -> None:
    written(tmp_path / "shop", [lamp()], name="Books")
    written(tmp_path / "shop", [lamp(price="$5")], name="Toys")
    refused(tmp_path / "shop", "Toys: no price in its first row is a number: '$5'")
    assert said(tmp_path / "shop", categories=["Books"]) == []


def test_only_rows_within_the_limit_count(tmp_path: Path) -> None:
    written(tmp_path / "shop", [lamp(price="$5")] * 3 + [lamp()])
    assert said(tmp_path / "shop") == []
    refused(tmp_path / "shop", "no price in its first 3 rows is a number", limit=3)


def test_malformed_rows_do_not_count(tmp_path: Path) -> None:
    path = written(tmp_path / "shop", [lamp(price="$5")] * 2)
    path.write_bytes(b'{"price": true}\nbroken\n\n' + path.read_bytes())
    refused(tmp_path / "shop", "no price in its first 2 rows is a number")
    path.write_bytes(b"broken\n" * 5)
    assert said(tmp_path / "shop") == []


def test_long_prices_and_control_characters_are_shown_short_and_safe(tmp_path: Path) -> None:
    written(
        tmp_path / "shop", [lamp(price="\x1b[31m" + "x" * 5_000), *[lamp(price=f"${number}") for number in range(9)]]
    )
    refused(tmp_path / "shop", r"is a number: '\x1b[31m" + "x" * 35 + "...', '$0', '$1', '$2', '$3', ...\n")


def test_a_row_longer_than_what_is_read_is_left_to_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_rows, "_MAX_BYTES", 300_000)
    written(tmp_path / "shop", [lamp(price="$5", title="x" * 600_000)] * 3)
    assert said(tmp_path / "shop") == []


def test_a_huge_row_group_is_not_read_for_its_first_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = random.Random(1)
    rows = [lamp(price="$5", title=noise.randbytes(300).hex()) for _ in range(40_000)]
    size = written(tmp_path / "shop", rows, ".parquet").stat().st_size
    assert size > 10_000_000
    read = [0]

    class Counted(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            content = super().read(size)
            read[0] += len(content)
            return content

    monkeypatch.setattr(LocalFile, "open", lambda file, *_: Counted(io.FileIO(file.path)))
    refused(tmp_path / "shop", "no price in its first 1,000 rows is a number: '$5'")
    assert 500_000 < read[0] < size / 3


def test_of_a_file_on_the_hub_only_the_beginning_is_fetched(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "there/raw/meta_categories").mkdir(parents=True)
    rows = [lamp(price="$5", title="x" * 3_000)] * 10_000
    written(tmp_path / "there/raw/meta_categories", rows, name="meta_Toys")
    hub.put("McAuley-Lab/Amazon-Reviews-2023", tmp_path / "there")
    lines_said: list[str] = []
    config = load_config(None, {"categories": ["Toys"], "output": str(tmp_path / "out"), "source.stream": True})
    with pytest.raises(UsageError, match=r"Toys: no price in its first 1,000 rows is a number: '\$5'"):
        prospects(config, say=lines_said.append)
    assert 3_000_000 < sum(hub.bytes_sent.values()) < 5_000_000


@pytest.mark.parametrize("suffix", FORMATS[1:])
def test_what_cannot_be_read_is_left_to_the_work_to_say(tmp_path: Path, suffix: str) -> None:
    path = written(tmp_path / "shop", [lamp(price="$5", title=str(number)) for number in range(5_000)], suffix)
    content = bytearray(path.read_bytes())
    content[10 : len(content) // 2] = b"\0" * (len(content) // 2 - 10)
    path.write_bytes(content)
    assert said(tmp_path / "shop") == []


def test_the_command_refuses_with_2_and_makes_nothing(tmp_path: Path, curate: Curate) -> None:
    written(tmp_path / "shop", [lamp(price="$24.99")])
    for more in ([], ["--dry-run"], ["--fresh"], ["--json"]):
        result = curate("run", "--source", tmp_path / "shop", "--output", tmp_path / "out", *more)
        assert result.exit_code == 2
        assert "is a number: '$24.99'" in result.err
        assert not (tmp_path / "out").exists()


def test_a_dry_run_warns_too_unless_it_is_quiet(tmp_path: Path, curate: Curate) -> None:
    written(tmp_path / "shop", [lamp(price=None)])
    command = ("run", "--source", tmp_path / "shop", "--output", tmp_path / "out", "--dry-run")
    assert curate(*command).err == "Toys: none of its first row has a price; rows without one are dropped\n"
    assert curate(*command, "--quiet").err == ""


def test_a_recipe_that_does_not_look_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "shop", [lamp(price="$5")])
    monkeypatch.delattr(Course2024, "first_rows")
    assert said(tmp_path / "shop") == []


@pytest.mark.parametrize("strange", [{"brand": float("nan")}, {"brand": "\ud83d"}, {"\ud83d": 1}, {"brand": 10**400}])
def test_rows_that_only_the_second_reading_takes_have_keys_too(tmp_path: Path, strange: dict[str, Any]) -> None:
    written(tmp_path / "shop", [lamp(**strange)] * 20)
    assert said(tmp_path / "shop") == []
    written(tmp_path / "shop", [without("price") | strange] * 20)
    refused(tmp_path / "shop", "has the key 'price'\n", "whose rows have: title, description, features, details,")


@pytest.mark.parametrize("written_as", [json.dumps, repr])
@pytest.mark.parametrize("name", ["description", "features"])
def test_lists_that_became_text_on_the_way_are_no_error_but_a_warning(
    tmp_path: Path, name: str, written_as: Callable[[object], str]
) -> None:
    text = written_as(["A lamp.", 'It is 5" high.'])
    written(tmp_path / "shop", [lamp(**{name: [text]}), lamp(**{name: []}), lamp(**{name: ["[Red]"]})] * 3)
    assert said(tmp_path / "shop") == []
    written(tmp_path / "shop", [lamp(**{name: [text]}), lamp(**{name: []}), lamp(**{name: [text]})] * 3)
    (line,) = said(tmp_path / "shop")
    assert line.startswith(
        f"Toys: in most of its first 9 rows, {name} is one text that looks like a list: {text[:40]!r};"
    )
