"""`curate verify`: whatever is changed, missing or too many in an output is noticed and named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.errors import CurateError
from job.output import verify
from job.output.folder import OutputFolder
from job.output.lock.ownership import sole_owner
from job.output.verify import verify_output
from job.recipe.protocol import RecipeDescription
from job.run import run_job
from tests.conftest import tree


@pytest.fixture(scope="module")
def whole(shared_ray: int, jsonl_only: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two categories, several partitions, rejects, a column carried along."""
    folder = tmp_path_factory.mktemp("verified")
    rows = (jsonl_only / "meta_Appliances.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "source").mkdir()
    (folder / "source/Appliances.jsonl").write_bytes(b"".join(rows[:3_500]))
    (folder / "source/Toys.jsonl").write_bytes(b"".join([b"broken\n", *rows[3_500:]]))
    settings = {"source.path": str(folder / "source"), "output": str(folder / "out"), "keep_columns": ["store"]}
    run_job(load_config(None, settings), quiet=True)
    return folder / "out"


@pytest.fixture
def output(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "out")
    return tmp_path / "out"


def test_an_output_as_it_was_written_is_intact(output: Path) -> None:
    assert verify_output(output).startswith(f"intact: {len(tree(output))} files, ")


def test_an_output_with_lists_carried_along_is_intact(shared_ray: int, catalogue: Path, tmp_path: Path) -> None:
    """Parquet has its own name for what a list holds, which is no difference."""
    columns = ["store", "categories", "features"]
    settings = {"source.path": str(catalogue), "output": str(tmp_path / "out"), "limit": 2_500}
    run_job(load_config(None, {**settings, "keep_columns": columns}), quiet=True)
    found = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "out/data").glob("*/*.parquet")))
    assert found.column_names[-3:] == columns
    assert all(any(found[name].to_pylist()) for name in columns)
    assert verify_output(tmp_path / "out") == f"intact: {len(tree(tmp_path / 'out'))} files, {found.num_rows:,} items"


@pytest.mark.parametrize("other", [pa.list_(pa.large_string()), pa.list_(pa.int64()), pa.string()], ids=str)
def test_a_list_of_another_type_is_another_schema(
    shared_ray: int, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: pa.DataType
) -> None:
    settings = {"source.path": str(catalogue), "output": str(tmp_path / "out"), "limit": 1_500}
    run_job(load_config(None, {**settings, "keep_columns": ["features"]}), quiet=True)
    verify_output(tmp_path / "out")
    items_schema = verify.items_schema

    def with_other_type(recipe: RecipeDescription, keep_columns: Sequence[str]) -> pa.Schema:
        schema = items_schema(recipe, keep_columns)
        return schema.set(schema.get_field_index("features"), pa.field("features", other))

    monkeypatch.setattr(verify, "items_schema", with_other_type)
    with pytest.raises(CurateError, match=r"data/Appliances/items-.*: its schema is another"):
        verify_output(tmp_path / "out")


def test_any_byte_that_is_changed_in_any_file_is_noticed(output: Path) -> None:
    """100 flips: at least two in each file, in one bit or in all of them, drawn from a seed."""
    chance = random.Random(4)
    files = [output / name for name in tree(output)]
    assert {path.suffix for path in files} == {".json", ".md", ".parquet"}
    picked = [*files, *files]
    picked += [chance.choice(files) for _ in range(100 - len(picked))]
    assert len(picked) == 100
    for path in picked:
        content = path.read_bytes()
        position = chance.randrange(len(content))
        flipped = bytearray(content)
        flipped[position] ^= chance.choice([0xFF, 1 << chance.randrange(8)])
        path.write_bytes(flipped)
        where = f"{path.relative_to(output)} at {position}: {content[position]:#x} -> {flipped[position]:#x}"
        with pytest.raises(CurateError) as found:
            verify_output(output)
        assert path.relative_to(output).as_posix() in str(found.value), where
        path.write_bytes(content)
    verify_output(output)


def test_a_file_that_is_cut_off_or_longer_is_noticed(output: Path) -> None:
    for name, content in tree(output).items():
        for other in (content[:-1], content + b"\n", b""):
            (output / name).write_bytes(other)
            with pytest.raises(CurateError, match=name.replace(".", r"\.")):
                verify_output(output)
        (output / name).write_bytes(content)


def complaints(output: Path) -> list[str]:
    """What is wrong with an output, without the lines before and after."""
    with pytest.raises(CurateError) as found:
        verify_output(output)
    return str(found.value).splitlines()[1:-1]


@pytest.mark.parametrize("name", ["data/Appliances/items-00001-of-00002.parquet", "_rejects/Toys/00000.parquet"])
def test_a_file_that_is_cut_off_or_gone_is_blamed_and_not_its_record(output: Path, name: str) -> None:
    content = (output / name).read_bytes()
    (output / name).write_bytes(content[:-1])
    assert complaints(output) == [f"{name}: {len(content) - 1:,} bytes, and {len(content):,} were written"]
    (output / name).unlink()
    assert complaints(output) == [f"{name}: missing"]


def test_a_record_that_is_damaged_or_of_other_work_is_blamed_and_not_its_shard(output: Path) -> None:
    first, second = "_partitions/Appliances/00000.json", "_partitions/Appliances/00001.json"
    whole = (output / first).read_bytes()
    (output / first).write_bytes(whole[:-9])
    assert complaints(output) == [f"{first}: damaged"]
    (output / first).write_bytes((output / second).read_bytes())
    assert complaints(output) == [f"{first}: of other work"]


def test_a_file_that_is_gone_is_noticed(output: Path) -> None:
    for name, content in tree(output).items():
        if name == "plan.json":
            continue  # then it is no output
        (output / name).unlink()
        if name == "_run.json":
            verify_output(output)  # it says how the last run went, nothing of the items
        else:
            with pytest.raises(CurateError, match=r"is not (intact|complete)"):
                verify_output(output)
        (output / name).write_bytes(content)


def test_an_output_that_is_not_finished_is_told_from_one_that_is_damaged(output: Path) -> None:
    for name in ("manifest.json", "README.md", "_partitions/Toys/00000.json", "data/Toys/items-00000-of-00002.parquet"):
        (output / name).unlink()
    (output / "_lock").touch()
    (output / "_running/Toys").mkdir(parents=True)
    (output / "_running/Toys/00000").touch()
    with pytest.raises(CurateError, match="not complete; what there is of it is intact:\nToys: 1 of 2"):
        verify_output(output)


@pytest.mark.parametrize(
    "name", ["data/Appliances/x.parquet", "data/x", "_rejects/Toys/x", "_partitions/Toys/99999.json", "x/y", "notes"]
)
def test_a_file_too_many_is_noticed(output: Path, name: str) -> None:
    (output / name).parent.mkdir(exist_ok=True)
    (output / name).touch()
    with pytest.raises(CurateError, match=f"{name}: belongs to nothing"):
        verify_output(output)


def test_files_that_have_changed_places_are_noticed(output: Path) -> None:
    for folder in ("data/Toys", "_partitions/Toys"):
        first, second = sorted((output / folder).iterdir())[:2]
        one, other = first.read_bytes(), second.read_bytes()
        first.write_bytes(other)
        second.write_bytes(one)
        with pytest.raises(CurateError, match="is not intact"):
            verify_output(output)
        first.write_bytes(one)
        second.write_bytes(other)


def test_an_output_that_a_run_works_on_is_not_verified(output: Path) -> None:
    with sole_owner(OutputFolder(output)), pytest.raises(CurateError, match="a run is working on"):
        verify_output(output)
