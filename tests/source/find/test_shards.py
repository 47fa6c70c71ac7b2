"""Shards of any writer are one category, in the order of their numbers; a missing one is an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import UsageError
from job.source.find.folder import find_categories
from job.source.find.layout import choose_files
from tests.source.find.test_folder import names, put, refused

JOB = "1b6e3a34-0d1f-4c7a-9a29-0f5f4e7f2f10"
OTHER_JOB = "77777777-0d1f-4c7a-9a29-0f5f4e7f2f10"
SPARK = "part-{:05d}-" + JOB + "-c000.snappy.parquet"


def found(root: Path, *wanted: str) -> dict[str, list[str]]:
    return {category: files for category, (_, files) in names(find_categories(root, wanted)).items()}


WRITERS = [
    "part-{:05d}-" + JOB + "-c000.snappy.parquet",
    "part-{:05d}-" + JOB + ".c000.zstd.parquet",
    "part-{0:05d}-tid-4711-" + JOB + "-{0}-1-c000.snappy.parquet",
    "part-r-{:05d}-" + JOB + ".gz.parquet",
    "part-{:05d}.parquet",
    "part-{:05d}.jsonl",
    "part-{:05d}-" + JOB + "-c000.jsonl.gz",
    "train-{0:05d}-of-00003-{0}a1b2c3d4e5f6071.parquet",
    "train-{:05d}-of-00003.parquet",
    "{:05d}-of-00003.parquet",
    "{:04d}.parquet",
    "full-{:05d}-of-00003.jsonl",
    "data-{:05d}-of-00003.ndjson.zst",
]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("folder", ["", "data/", "train/", "default/train/", "default/partial-train/"])
def test_shards_whose_names_say_no_category_have_that_of_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    files = [folder + name.format(number) for number in range(3)]
    put(tmp_path / "Toys", *reversed(files), "_SUCCESS", "README.md", f".{name.format(0)}.crc")
    assert found(tmp_path / "Toys") == {"Toys": files}
    assert found(tmp_path / "Toys" / folder) == {"Toys": [file.removeprefix(folder) for file in files]}
    assert found(tmp_path) == {"Toys": [f"Toys/{file}" for file in files]}


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_shard_is_named_with_its_five_digits(tmp_path: Path, name: str) -> None:
    put(tmp_path / "Toys", *[name.format(number) for number in (0, 2)])
    message = refused(tmp_path / "Toys")
    assert "1 of 3 missing: 00001" in message
    assert str(tmp_path / "Toys") in message


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("Toys-{:05d}-of-00003.jsonl", "Toys"),
        ("Toys-{:05d}-of-00003.jsonl.gz", "Toys"),
        ("meta_Toys-{:05d}-of-00003.jsonl.zst", "Toys"),
        ("Toys-{0:05d}-of-00003-{0}a1b2c3d4e5f6071.parquet", "Toys"),
        ("Toys.{:05d}-of-00003.parquet", "Toys"),
        ("Toys_{:04d}-of-0003.parquet", "Toys"),
        ("Toys-part-{:05d}.jsonl", "Toys"),
        ("Toys-{:05d}-of-00003.PARQUET", "Toys"),
    ],
)
def test_the_common_part_of_the_names_is_the_category(tmp_path: Path, name: str, category: str) -> None:
    files = [name.format(number) for number in range(3)]
    put(tmp_path, *files)
    assert found(tmp_path) == {category: files}
    (tmp_path / files[1]).unlink()
    assert "1 of 3 missing: 00001" in refused(tmp_path)


def test_spark_s_output_folders_are_a_category_each_beside_other_files(tmp_path: Path) -> None:
    put(tmp_path, "Books.jsonl", "Games.json/part-00000.jsonl", "Games.json/_SUCCESS")
    put(tmp_path / "Toys.parquet", "_SUCCESS", SPARK.format(0), SPARK.format(1))
    toys = [f"Toys.parquet/{SPARK.format(number)}" for number in (0, 1)]
    assert found(tmp_path) == {"Books": ["Books.jsonl"], "Games": ["Games.json/part-00000.jsonl"], "Toys": toys}
    assert list(found(tmp_path / "Toys.parquet")) == ["Toys"]


def test_a_part_that_spark_has_split_is_read_in_order_and_a_missing_piece_is_named(tmp_path: Path) -> None:
    files = [f"part-{part:05d}-{JOB}-c{piece:03d}.parquet" for part, piece in [(0, 0), (0, 1), (0, 2), (1, 0)]]
    put(tmp_path / "Toys", *files)
    assert found(tmp_path / "Toys") == {"Toys": files}
    (tmp_path / "Toys" / files[1]).unlink()
    assert "missing: 00000-c001" in refused(tmp_path / "Toys")


def test_shards_of_two_jobs_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "Toys", SPARK.format(0), SPARK.format(0).replace(JOB, OTHER_JOB))
    message = refused(tmp_path / "Toys")
    assert f"part-*-{JOB}.parquet, part-*-{OTHER_JOB}.parquet" in message


def test_a_shard_that_is_there_twice_with_two_hashes_is_refused(tmp_path: Path) -> None:
    both = ["train-00000-of-00001-0a1b2c3d4e5f6071.parquet", "train-00000-of-00001-1a1b2c3d4e5f6071.parquet"]
    put(tmp_path / "Toys", *both)
    assert f"Toys: shard 00000 is in {tmp_path / 'Toys'} more than once: {', '.join(both)}" in refused(
        tmp_path / "Toys"
    )


def test_a_packed_shard_beside_the_plain_one_is_not_read_again(tmp_path: Path) -> None:
    put(tmp_path, "Toys-00000-of-00002.jsonl", "Toys-00000-of-00002.jsonl.gz", "Toys-00001-of-00002.jsonl.gz")
    assert found(tmp_path) == {"Toys": ["Toys-00000-of-00002.jsonl", "Toys-00001-of-00002.jsonl.gz"]}


@pytest.mark.parametrize(
    "files",
    [
        ["Toys_1.parquet", "Toys_2.parquet"],
        ["Toys-00001.jsonl", "Toys-00002.jsonl"],
        ["2022.parquet", "2023.parquet"],
        ["part.0.parquet", "part.1.parquet"],
        ["0000.jsonl", "0001.jsonl"],
    ],
)
def test_other_numbers_make_no_set(tmp_path: Path, files: list[str]) -> None:
    put(tmp_path, *files)
    assert list(found(tmp_path).values()) == [[name] for name in files]


def test_shards_may_be_counted_from_1(tmp_path: Path) -> None:
    files = ["Toys-00001-of-00002.parquet", "Toys-00002-of-00002.parquet"]
    put(tmp_path, *files)
    assert found(tmp_path) == {"Toys": files}


def test_two_splits_are_refused_with_how_to_read_one(tmp_path: Path) -> None:
    put(tmp_path / "Toys", "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet")
    message = refused(tmp_path / "Toys")
    assert "data/test-*-of-00001.parquet, data/train-*-of-00001.parquet" in message
    assert "split: train" in message


def test_a_folder_without_a_category_of_its_own_needs_its_name_beside_other_categories(tmp_path: Path) -> None:
    put(tmp_path / "mixed", SPARK.format(0), "Books.jsonl")
    assert "do not say which category they are\nname it: --category NAME" in refused(tmp_path / "mixed")
    assert found(tmp_path / "mixed", "Toys") == {"Toys": [SPARK.format(0)]}


def test_other_folders_are_looked_into_only_for_what_is_not_found(tmp_path: Path) -> None:
    put(
        tmp_path, "Books.jsonl", "Toys/part-00000.parquet", "Games/Games-00000-of-00001.parquet", "x/Art-0-of-1.parquet"
    )
    assert found(tmp_path) == {"Books": ["Books.jsonl"]}
    assert found(tmp_path, "Toys", "Games") == {
        "Toys": ["Toys/part-00000.parquet"],
        "Games": ["Games/Games-00000-of-00001.parquet"],
    }
    with pytest.raises(UsageError, match=r"Art-0-of-1\.parquet is there, but not read"):
        find_categories(tmp_path, ["Art-0-of-1"])


def test_a_count_of_any_size_costs_nothing() -> None:
    with pytest.raises(UsageError, match=r"999998 of 999999 missing: 00001-of-999999"):
        choose_files(["Toys-00000-of-999999.parquet"], [], "here")
    (chosen,) = choose_files(["Toys-0-of-99999999999999.parquet"], [], "here")
    assert chosen.category == "Toys-0-of-99999999999999"
