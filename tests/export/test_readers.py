"""Each form is read back as its reader reads it, and compared with the set row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from job.export.export import Exported, export
from job.output.folder import open_set
from job.recipe.course_2024.prompt import PRICE_PREFIX
from tests.export.made import rows_of

EACH = [
    (recipe, form)
    for recipe, forms in (
        ("course-2024", ("trl", "axolotl", "llama-factory", "openai-2024", "course-2024")),
        ("course-2025", ("trl", "axolotl", "llama-factory", "openai-2025", "course-2025")),
        ("own", ("trl", "axolotl", "llama-factory")),
    )
    for form in forms
]


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


def exported(sets: dict[str, Path], recipe: str, form: str, out: Path) -> Exported:
    return export(str(sets[recipe]), form, str(out))


@pytest.mark.parametrize(("recipe", "form"), EACH)
def test_every_form_is_read_back_row_by_row(recipe: str, form: str, sets: dict[str, Path], tmp_path: Path) -> None:
    """`load_dataset` of the folder alone gives the splits of the set, with as many rows as the manifest says."""
    exported(sets, recipe, form, tmp_path / "out")
    read: Any = datasets.load_dataset(str(tmp_path / "out"))
    manifest = open_set(sets[recipe])[0].set_manifest()
    assert manifest is not None
    assert {name: len(rows) for name, rows in read.items()} == {
        name: totals.num_rows for name, totals in manifest.splits.items()
    }
    for split, rows in read.items():
        compare(form, split, list(rows), rows_of(sets[recipe], split))


def compare(form: str, split: str, read: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    """Compares what was read with the rows of the set, by what a model is to see of each."""
    assert len(read) == len(rows) > 0
    for made, row in zip(read, rows, strict=True):
        if form in ("trl", "llama-factory"):
            assert made == {"prompt": row["prompt"], "completion": row["completion"]}
        elif form == "axolotl":
            learned = [(each["label"], each["text"]) for each in made["segments"]]
            assert learned == [(False, row["prompt"]), (True, row["completion"])]
        elif form == "openai-2024":
            system, user, assistant = made["messages"]
            assert system["content"].startswith("You estimate prices")
            assert row["title"] in user["content"]
            assert "to the nearest dollar" not in user["content"]
            assert assistant["content"] == f"Price is ${row['price']:.2f}"
        elif form == "openai-2025":
            user, assistant = made["messages"]
            assert user["content"].endswith("explanation\n\n" + row["full"])
            assert assistant["content"] == f"${row['price']:.2f}"
        elif form == "course-2024":
            cut = row["prompt"].split(PRICE_PREFIX)[0] + PRICE_PREFIX
            assert made["text"] == (cut if split == "test" else row["prompt"] + row["completion"])
            assert made["price"] == row["price"]
        else:
            filled = {name: row[name] for name in ("title", "category", "price", "full", "weight")}
            assert made == {**filled, "summary": None, "prompt": None, "id": None}


@pytest.mark.parametrize(("recipe", "form"), [pair for pair in EACH if pair[1].startswith("openai")])
def test_openai_finds_no_fault(recipe: str, form: str, sets: dict[str, Path], tmp_path: Path) -> None:
    """The checks of OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning"."""
    done = exported(sets, recipe, form, tmp_path)
    for split in done.splits:
        for line in (tmp_path / f"{split}.jsonl").read_bytes().decode("utf-8").removesuffix("\n").split("\n"):
            example = json.loads(line)
            assert list(example) == ["messages"]
            for message in example["messages"]:
                assert list(message) == ["role", "content"]
                assert message["role"] in ("system", "user", "assistant")
                assert isinstance(message["content"], str)
                assert message["content"]
            assert example["messages"][-1]["role"] == "assistant"


@pytest.mark.parametrize("recipe", ["course-2024", "course-2025", "own"])
def test_llama_factory_finds_its_files_and_columns(recipe: str, sets: dict[str, Path], tmp_path: Path) -> None:
    """By the rules of its `data/README.md`: the file lies beside, its type is known, and each column is there."""
    done = exported(sets, recipe, "llama-factory", tmp_path)
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert tuple(info) == done.splits
    for split, entry in info.items():
        assert {*entry} == {"file_name", "columns"}  # without `formatting` it is alpaca
        assert {*entry["columns"]} <= {"prompt", "query", "response", "history", "system"}
        read: Any = datasets.load_dataset("parquet", data_files=[str(tmp_path / entry["file_name"])], split="train")
        for row, wanted in zip(read, rows_of(sets[recipe], split), strict=True):
            asked, answered = (row[entry["columns"][name]] for name in ("prompt", "response"))
            assert (asked, answered) == (wanted["prompt"], wanted["completion"])


def test_axolotl_reads_segments_of_a_label_and_a_text(sets: dict[str, Path], tmp_path: Path) -> None:
    """By its `input_output` strategy: the whole text is the segments' texts one after the other."""
    exported(sets, "own", "axolotl", tmp_path)
    read: Any = datasets.load_dataset("json", data_files=str(tmp_path / "train.jsonl"), split="train")
    for row, wanted in zip(read, rows_of(sets["own"], "train"), strict=True):
        assert {type(segment["label"]) for segment in row["segments"]} == {bool}
        assert "".join(segment["text"] for segment in row["segments"]) == wanted["prompt"] + wanted["completion"]


def test_the_parquet_files_say_their_types_and_have_no_empty_row_group(sets: dict[str, Path], tmp_path: Path) -> None:
    exported(sets, "course-2025", "course-2025", tmp_path)
    for path in tmp_path.glob("*.parquet"):
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            assert 0 not in groups
            assert b"huggingface" in file.schema_arrow.metadata
