"""A data set that `datasets` opens gives the same items as its rows in a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.errors import CurateError, RefusedError, UsageError
from job.run import Outcome, run_job
from job.source.files import CategorySource
from job.source.find.load_dataset import loaded_category
from tests.conftest import Curate, shards, tree
from tests.source.own_catalogue import FIELDS, goods, goods_table

NUM_ROWS = 40


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache per test. It is patched, since `datasets` chooses its folder when it is imported."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(folder))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    return folder


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(goods_table(rows), path)


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], None]] = {
    "csv": write_csv,
    "json": write_json,
    "parquet": write_parquet,
}


def folder_with_card(folder: Path, *, splits: str = "train") -> Path:
    """A data set as a folder with a card that says which file is which split."""
    folder.mkdir()
    listed = ""
    for split in splits.split():
        write_json(folder / f"rows_of_{split}.json", goods(NUM_ROWS))
        listed += f"      - split: {split}\n        path: rows_of_{split}.json\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n  - config_name: default\n    data_files:\n{listed}---\n")
    return folder


def curated(output: Path, source: dict[str, Any], **settings: Any) -> Outcome:
    given = {"source.fields": FIELDS, "categories": ["Kettles"], "output": str(output), **settings}
    return run_job(load_config(None, {**source, **given}), quiet=True)


def rows_of(found: CategorySource) -> list[dict[str, Any]]:
    (file,) = found.files
    path = file.location.local_path
    assert path is not None
    assert path.stat().st_size == file.size_bytes
    return pq.read_table(path).to_pylist()


@pytest.fixture(scope="module")
def expected(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The shards of the same rows, read from a folder."""
    folder = tmp_path_factory.mktemp("expected")
    (folder / "source").mkdir()
    write_parquet(folder / "source" / "Kettles.parquet", goods(NUM_ROWS))
    outcome = curated(folder / "out", {"source.path": str(folder / "source")})
    assert outcome.manifest.num_items == NUM_ROWS
    return shards(folder / "out")


@pytest.mark.parametrize("builder", WRITERS)
def test_files_that_a_builder_reads_give_the_items_of_a_folder(
    expected: dict[str, bytes], tmp_path: Path, builder: str
) -> None:
    path = tmp_path / "rows.txt"
    WRITERS[builder](path, goods(NUM_ROWS))
    outcome = curated(tmp_path / "out", {"source.load_dataset": {"path": builder, "data_files": str(path)}})
    assert outcome.manifest.funnel["kept"] == NUM_ROWS
    assert shards(tmp_path / "out") == expected


def test_a_folder_with_a_card_gives_the_items_of_a_folder(expected: dict[str, bytes], tmp_path: Path) -> None:
    folder = folder_with_card(tmp_path / "shop", splits="train extra")
    arguments = {"path": str(folder), "split": "extra"}
    curated(tmp_path / "out", {"source.load_dataset": arguments})
    assert shards(tmp_path / "out") == expected


def test_a_line_of_a_folder_s_jsonl_is_the_same_item(expected: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    write_json(tmp_path / "source" / "Kettles.jsonl", goods(NUM_ROWS))
    curated(tmp_path / "out", {"source.path": str(tmp_path / "source")})
    assert shards(tmp_path / "out") == expected


def test_a_second_run_is_complete_already_and_writes_nothing(
    expected: dict[str, bytes], tmp_path: Path, cache: Path
) -> None:
    write_csv(tmp_path / "rows.csv", goods(NUM_ROWS))
    arguments = {"path": "csv", "data_files": str(tmp_path / "rows.csv")}
    first = curated(tmp_path / "out", {"source.load_dataset": arguments})
    assert first.new_partitions == 1
    before = tree(tmp_path / "out")
    (written,) = (cache / "curate").iterdir()
    stamp = written.stat().st_mtime_ns, written.stat().st_ino
    second = curated(tmp_path / "out", {"source.load_dataset": arguments})
    assert second.new_partitions == 0
    assert second.manifest == first.manifest
    assert tree(tmp_path / "out") == before
    assert list((cache / "curate").iterdir()) == [written]
    assert (written.stat().st_mtime_ns, written.stat().st_ino) == stamp


def test_rows_that_have_changed_are_another_job(expected: dict[str, bytes], tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", goods(NUM_ROWS))
    source = {"source.load_dataset": {"path": "csv", "data_files": str(tmp_path / "rows.csv")}}
    curated(tmp_path / "out", source)
    write_csv(tmp_path / "rows.csv", goods(NUM_ROWS + 1))
    with pytest.raises(RefusedError, match=r"changed since: Kettles\.parquet was .* bytes, is"):
        curated(tmp_path / "out", source)
    assert shards(tmp_path / "out") == expected


def test_another_mapping_is_another_job(expected: dict[str, bytes], tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", goods(NUM_ROWS))
    source = {"source.load_dataset": {"path": "csv", "data_files": str(tmp_path / "rows.csv")}}
    curated(tmp_path / "out", source)
    with pytest.raises(RefusedError, match=r"fields\.description was blurb, is name"):
        curated(tmp_path / "out", source, **{"source.fields": FIELDS | {"description": "name"}})


def test_the_rows_are_written_once_and_whole(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def to_parquet(self: datasets.Dataset, path: Path, **arguments: Any) -> int:
        written.append(path)
        return whole(self, path, **arguments)

    whole = datasets.Dataset.to_parquet
    monkeypatch.setattr(datasets.Dataset, "to_parquet", to_parquet)
    write_json(tmp_path / "rows.json", goods(NUM_ROWS))
    arguments = {"path": "json", "data_files": str(tmp_path / "rows.json")}
    first, second = loaded_category(arguments, ["Kettles"]), loaded_category(arguments, ["Kettles"])
    assert first == second
    assert rows_of(first) == goods(NUM_ROWS)
    assert len(written) == 1
    assert written[0] != first.files[0].location.local_path  # under another name until it is whole
    assert [path.suffix for path in (cache / "curate").iterdir()] == [".parquet"]


def test_what_could_not_be_written_whole_is_not_taken(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def to_parquet(self: datasets.Dataset, path: Path, **arguments: Any) -> int:
        Path(path).write_bytes(b"PAR1 and no more")
        raise OSError(28, "No space left on device")

    write_json(tmp_path / "rows.json", goods(NUM_ROWS))
    arguments = {"path": "json", "data_files": str(tmp_path / "rows.json")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.Dataset, "to_parquet", to_parquet)
        with pytest.raises(CurateError, match="the disk is full"):
            loaded_category(arguments, ["Kettles"])
    assert list((cache / "curate").iterdir()) == []
    assert rows_of(loaded_category(arguments, ["Kettles"])) == goods(NUM_ROWS)


def test_several_splits_are_named(tmp_path: Path) -> None:
    folder = folder_with_card(tmp_path / "shop", splits="train validation extra")
    with pytest.raises(UsageError) as raised:
        loaded_category({"path": str(folder)}, ["Kettles"])
    assert str(raised.value) == (
        f"{folder} has the splits train, validation, extra\nname one: --set source.load_dataset.split=..."
    )


def test_the_only_split_needs_no_name(tmp_path: Path) -> None:
    folder = folder_with_card(tmp_path / "shop", splits="extra")
    assert rows_of(loaded_category({"path": str(folder)}, ["Kettles"])) == goods(NUM_ROWS)


@pytest.mark.parametrize(("name", "category"), [("shop", "shop"), ("my.shop-2", "my_shop_2"), ("shop/", "shop")])
def test_without_a_name_the_category_has_the_data_set_s(tmp_path: Path, name: str, category: str) -> None:
    folder_with_card(tmp_path / name)
    found = loaded_category({"path": f"{tmp_path}/{name}"}, [])
    assert (found.category, found.file_format, found.files[0].name) == (category, "parquet", f"{category}.parquet")


def test_a_data_set_s_name_that_cannot_be_a_category_s_asks_for_one(tmp_path: Path) -> None:
    folder = folder_with_card(tmp_path / "default")
    with pytest.raises(UsageError, match="'default' is no category's name") as raised:
        loaded_category({"path": str(folder)}, [])
    assert str(raised.value).endswith("name the category: --category NAME")
    assert loaded_category({"path": str(folder)}, ["Kettles"]).category == "Kettles"


def test_more_than_one_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is one category, and 2 are named"):
        loaded_category({"path": str(tmp_path)}, ["Kettles", "Toys"])


@pytest.mark.parametrize("more", [{}, {"split": "train"}], ids=["all splits", "one split"])
def test_a_streaming_data_set_is_refused(tmp_path: Path, more: dict[str, str]) -> None:
    write_json(tmp_path / "rows.json", goods(1))
    arguments = {"path": "json", "data_files": str(tmp_path / "rows.json"), "streaming": True}
    with pytest.raises(UsageError, match=r"remove streaming from source\.load_dataset"):
        loaded_category(arguments | more, ["Kettles"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "FOLDER/none"}, "FOLDER/none"),
        ({"path": "csv", "data_files": "FOLDER/none.csv"}, "FOLDER/none.csv"),
        ({"path": "json", "data_files": "FOLDER/rows.json", "split": "tset"}, 'Unknown split "tset"'),
        ({"path": "json", "data_files": "FOLDER/rows.json", "splt": "x"}, "unexpected keyword argument 'splt'"),
        ({"path": "nobody/nothing"}, "nobody/nothing"),
    ],
    ids=["folder", "file", "split", "argument", "on the Hub"],
)
def test_what_cannot_be_opened_is_one_clear_error(
    tmp_path: Path, curate: Curate, arguments: dict[str, str], said: str
) -> None:
    write_json(tmp_path / "rows.json", goods(1))
    here = {name: value.replace("FOLDER", str(tmp_path)) for name, value in arguments.items()}
    out = tmp_path / "out"
    place = f"source.load_dataset={json.dumps(here)}"
    result = curate("run", "--category", "Kettles", "--set", place, "--output", out, "--quiet")
    assert result.exit_code == 2
    assert result.out == ""
    assert "Traceback" not in result.err
    lines = result.err.splitlines()
    first, second = lines[[line.startswith("error: ") for line in lines].index(True) :]
    assert first.startswith(f"error: load_dataset cannot open {here['path']}: ")
    assert said.replace("FOLDER", str(tmp_path)) in first
    assert second.startswith("try it in Python: ")
    assert not out.exists()


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"cost": None}, {"cost": 5.5}),
        ({"cost": None}, {"cost": "5.50"}),
        ({"cost": 5.5}, {"cost": "from 5.50"}),
        ({"blurb": []}, {"blurb": ["A kettle."]}),
        ({}, {"cost": 5.5}),
    ],
    ids=["null, then a number", "null, then text", "a number, then text", "no texts, then some", "a column more"],
)
def test_rows_unlike_the_first_10_mb_are_read_with_source_instead(
    tmp_path: Path, first: dict[str, Any], later: dict[str, Any]
) -> None:
    path = tmp_path / "Kettles.jsonl"
    beginning = json.dumps({"name": "Kettle", "pad": "x" * 5_000, **first}) + "\n"
    path.write_text(beginning * 2_200 + json.dumps({"name": "Kettle", **later}) + "\n")
    with pytest.raises(UsageError, match="the first 10 MB of a file decide the types") as raised:
        loaded_category({"path": "json", "data_files": str(path)}, ["Kettles"])
    assert f"\na JSONL file on this machine is read row by row instead: --source {path}\n" in str(raised.value)


def test_a_column_that_the_data_set_lacks_is_named_with_what_it_has(tmp_path: Path) -> None:
    write_csv(tmp_path / "rows.csv", goods(1))
    source = {"source.load_dataset": {"path": "csv", "data_files": str(tmp_path / "rows.csv")}}
    with pytest.raises(UsageError, match=r"no column nmae; did you mean name.*\nit has: name, cost, blurb\n"):
        curated(tmp_path / "out", source, **{"source.fields": {"title": "nmae", "price": "cost"}})


@pytest.mark.parametrize("arguments", [{}, {"name": "shop"}, {"path": 5}], ids=str)
def test_load_dataset_without_a_path_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="load_dataset needs a path"):
        load_config(None, {"source.load_dataset": arguments})


def test_a_data_set_and_a_folder_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="give one of these: path, dataset with revision, load_dataset"):
        load_config(None, {"source": {"path": "shop", "load_dataset": {"path": "csv"}}})


def test_a_data_set_given_over_a_config_s_folder_takes_its_place(tmp_path: Path) -> None:
    config = tmp_path / "shop.yaml"
    config.write_text("source:\n  path: shop\n  fields: {title: name}\n")
    source = load_config(config, {"source.load_dataset": {"path": "csv"}}).source
    assert (source.path, source.load_dataset, source.fields) == (None, {"path": "csv"}, {"title": "name"})
