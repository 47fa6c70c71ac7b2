"""Shards in other people's hands: each library reads the items and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import datasets
import duckdb
import msgspec
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from job.config.columns import KEEPABLE_COLUMNS
from job.config.load import load_config
from job.output.folder import OutputFolder
from job.output.shard import items_schema, parquet_bytes
from job.recipe.course_2024.recipe import Course2024
from job.recipe.protocol import describe
from job.run import run_job
from job.source.sample.catalogue import make_catalogue
from tests.paths import README

COLUMNS = ["category", "parent_asin", "title", "price", "prompt", "token_count"]


@pytest.fixture(scope="module")
def output(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories, one of them with rejects, and one partition without an item."""
    folder = tmp_path_factory.mktemp("output")
    make_catalogue(folder / "source", rows=5_000, categories=["Appliances", "Toys"], file_format="jsonl")
    toys = folder / "source/raw/meta_categories/meta_Toys.jsonl"
    toys.write_bytes(toys.read_bytes() + b"broken\n" + b'{"title": "%s"}\n' % (b"no price " * 100) * 15_000)
    run_job(load_config(None, {"source.path": str(folder / "source"), "output": str(folder / "out")}), quiet=True)
    return folder / "out"


@pytest.fixture(scope="module")
def expected(output: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for path in sorted((output / "data").glob("*/*.parquet")):
        rows += pq.read_table(path).to_pylist()
    manifest = OutputFolder(output).manifest()
    assert manifest is not None
    assert manifest.funnel["malformed"] == 1
    assert len(rows) == manifest.num_items > 1_000
    assert {row["category"] for row in rows} == {"Appliances", "Toys"}
    return rows


def test_load_dataset(output: Path, expected: list[dict[str, object]], tmp_path: Path) -> None:
    found = datasets.load_dataset(str(output), cache_dir=str(tmp_path / "cache"))
    assert list(found) == ["train"]
    assert found["train"].column_names == COLUMNS
    assert found["train"].to_list() == expected
    toys = datasets.load_dataset(str(output), "Toys", split="train", cache_dir=str(tmp_path / "cache"))
    assert toys.to_list() == [row for row in expected if row["category"] == "Toys"]


def test_pyarrow_dataset(output: Path, expected: list[dict[str, object]]) -> None:
    assert pyarrow.dataset.dataset(output / "data").to_table().to_pylist() == expected


def test_polars(output: Path, expected: list[dict[str, object]]) -> None:
    assert polars.read_parquet(output / "data/**/*.parquet").to_dicts() == expected


def test_duckdb(output: Path, expected: list[dict[str, object]]) -> None:
    found = duckdb.sql(f"select * from '{output}/data/*/*.parquet'")
    assert found is not None
    assert found.columns == COLUMNS
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in found.fetchall()]
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_no_reader_of_the_readme_takes_a_folder_in_the_path_for_a_column(
    output: Path, expected: list[dict[str, object]], tmp_path: Path
) -> None:
    """By default DuckDB would: every item of the category `Other`, and a column `year` more."""
    there = tmp_path / "category=Other" / "year=2023" / "out"
    shutil.copytree(output, there)
    misread = duckdb.sql(f"from '{there}/data/*/*.parquet'")
    assert misread is not None
    assert misread.columns == [*COLUMNS, "year"]
    (line,) = re.findall(r"^items = (duckdb\..*)$", README, re.MULTILINE)
    found = eval(line.replace("out/sample", str(there)), {"duckdb": duckdb})
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    assert sorted(rows, key=str) == sorted(expected, key=str)
    assert pyarrow.dataset.dataset(there / "data").to_table().to_pylist() == expected
    assert polars.read_parquet(there / "data/**/*.parquet").to_dicts() == expected
    loaded = datasets.load_dataset(str(there), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == expected
    shard = sorted((there / "data/Toys").iterdir())[0]
    table = OutputFolder(there).table(str(shard.relative_to(there)))
    assert table.column_names == COLUMNS
    assert set(table["category"].to_pylist()) == {"Toys"}


def test_the_schema_is_what_datasets_would_write(output: Path) -> None:
    features = datasets.Features(
        {
            **dict.fromkeys(COLUMNS, datasets.Value("string")),
            "price": datasets.Value("float64"),
            "token_count": datasets.Value("int32"),
        }
    )
    for path in (output / "data").glob("*/*.parquet"):
        assert pq.read_schema(path).equals(features.arrow_schema, check_metadata=True)
    kept = items_schema(describe(Course2024), list(KEEPABLE_COLUMNS))
    assert datasets.Features.from_arrow_schema(kept).arrow_schema.equals(kept, check_metadata=True)


def test_a_partition_without_items_has_no_row_group(output: Path) -> None:
    groups = [pq.read_metadata(path).num_row_groups for path in (output / "data").glob("*/*.parquet")]
    assert 0 in groups
    assert 1 in groups


def test_the_manifest_says_what_lies_there(output: Path, expected: list[dict[str, object]]) -> None:
    manifest = json.loads((output / "manifest.json").read_bytes())
    named = [shard for category in manifest["categories"].values() for shard in category["shards"]]
    assert {shard["path"] for shard in named} == {
        str(path.relative_to(output)) for path in (output / "data").glob("*/*")
    }
    for shard in named:
        content = (output / shard["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (shard["size_bytes"], shard["sha256"])
    digests = [hashlib.sha256(msgspec.json.encode(list(row.values()))).digest() for row in expected]
    total = sum(int.from_bytes(digest, "big") for digest in digests) % 2**256
    assert manifest["content_digest"] == f"{total:064x}"


def test_parquet_bytes_do_not_depend_on_chunks() -> None:
    values = [f"{index} " * 50 for index in range(20_000)]
    whole = pa.table({"prompt": values})
    pieces = pa.concat_tables([whole.slice(start, 137) for start in range(0, 20_000, 137)])
    assert pieces["prompt"].num_chunks > 100
    assert parquet_bytes(pieces) == parquet_bytes(whole)
