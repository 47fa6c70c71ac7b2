"""The other commands on training sets: dry runs, `show`, `status`, `rejects`, `diff`, `verify`, and the document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from job.craft import craft_set
from job.errors import CurateError
from job.output.verify import verify_output
from tests.conftest import Curate, tree
from tests.selection.presets import plain
from tests.selection.presets.made import items
from tests.selection.presets.plain import Plain
from tests.servers.s3 import S3
from tests.whole.crafting import expected_rows, rows_in, settings, write_items

pytestmark = pytest.mark.usefixtures("shared_ray")

COUNT = 1_000
SPLITS = {"train": 700, "validation": 40, "test": 50}
MADE = items(COUNT, seed=9)
EXPECTED: Plain = plain.course_2024(MADE, splits=(700, 40, 50))
PRESET = (
    *("--preset", "course-2024", "--workers", "2", "--set", "splits.train=700"),
    *("--set", "splits.validation=40", "--set", "splits.test=50"),
)


@pytest.fixture(scope="module")
def its_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("items") / "items", "course-2024", MADE).close()


@pytest.fixture(scope="module")
def finished(shared_ray: int, its_items: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("set") / "set"
    craft_set(settings(its_items, output, preset="course-2024", splits=SPLITS), quiet=True)
    return output


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished set, to spoil."""
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_dry_run_says_what_would_be_drawn_and_touches_nothing(
    its_items: Path, tmp_path: Path, curate: Curate
) -> None:
    before = tree(its_items)
    words = ("craft", "--items", its_items, "--output", tmp_path / "set", *PRESET, "--dry-run")
    said = curate(*words)
    assert said.exit_code == 0, said.err
    assert [line.split() for line in said.out.splitlines()[2:6]] == [
        ["train", "700"],
        ["validation", "40"],
        ["test", "50"],
        ["not", "drawn", str(list(EXPECTED.reasons.values()).count("not_drawn"))],
    ]
    assert "nothing was touched" in said.out
    document = json.loads(curate(*words, "--json").out)
    assert document["num_items"] == COUNT
    assert document["done"] == 0
    assert document["funnel"] == {
        **SPLITS,
        **dict.fromkeys(("duplicate_id", "duplicate_title", "duplicate_text", "duplicate_near"), 0),
        **{reason: list(EXPECTED.reasons.values()).count(reason) for reason in ("not_drawn", "unused")},
    }
    assert curate(*words, "--quiet").out == ""
    assert list(tmp_path.iterdir()) == []
    assert tree(its_items) == before


def test_the_json_document_has_the_totals(
    its_items: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curate: Curate
) -> None:
    (tmp_path / "here").symlink_to(its_items.parent)
    monkeypatch.chdir(tmp_path)  # paths are relative to where the command is typed, also in workers
    result = curate("craft", "--items", "here/items", "--output", "set", *PRESET, "--json")
    assert result.exit_code == 0, result.err
    assert result.err == ""
    document = json.loads(result.out)
    manifest = json.loads((finished / "manifest.json").read_bytes())
    del manifest["checksum"]
    assert document == {**manifest, "output": "set", "new_shards": 4}
    assert document["funnel"]["train"] == document["splits"]["train"]["num_rows"] == 700
    assert rows_in(tmp_path / "set") == rows_in(finished)


def test_status_of_a_finished_set(finished: Path, curate: Curate) -> None:
    num_removed = len(EXPECTED.reasons)
    assert curate("status", finished).out.splitlines() == [
        "train: 1 of 1 shards done · 700 of 700 rows",
        "validation: 1 of 1 shards done · 40 of 40 rows",
        "test: 1 of 1 shards done · 50 of 50 rows",
        f"removed: 1 of 1 shards done · {num_removed:,} of {num_removed:,} rows",
        "complete",
    ]


def test_rows_are_shown_by_split_and_number(finished: Path, curate: Curate, its_items: Path) -> None:
    first, last = expected_rows("course-2024", [EXPECTED.test[0], EXPECTED.test[49]])
    said = curate("show", finished, 0, 49, "--split", "test")
    assert said.exit_code == 0, said.err
    for number, row in ((0, first), (49, last)):
        assert f"test {number}: {row['title']!r} · {row['category']} · ${row['price']} · id {row['id']}\n" in said.out
        assert f"--- completion\n{row['completion']}\n" in said.out
    assert said.out.index("test 0: ") < said.out.index("test 49: ")
    row = expected_rows("course-2024", EXPECTED.train[:1])[0]
    assert f"id {row['id']}" in curate("show", finished).out
    for words, error in (
        (("--split", "nope"), f"no split 'nope' in {finished}; it has: train, validation, test"),
        (("--split", "tset"), f"no split 'tset' in {finished}; did you mean test?; it has: train, validation, test"),
        ((50, "--split", "test"), f"no row 50: test of {finished} has 50, counted from 0"),
        (("--split", "test", "--", "-1"), f"no row -1: test of {finished} has 50, counted from 0"),
        (("--split", "removed"), "no split 'removed'"),
    ):
        result = curate("show", finished, *words)
        assert (result.exit_code, result.out) == (2, "")
        assert result.err.startswith(f"error: {error}")
    result = curate("show", its_items, 0, "--split", "test")
    assert (result.exit_code, result.out) == (2, "")
    assert f"--split is for training sets, and {its_items} holds items" in result.err


def test_commands_for_items_say_that_it_is_a_training_set(finished: Path, its_items: Path, curate: Curate) -> None:
    said = f"error: {finished} is a training set, and not items; it was made of those in {its_items}\n"
    for words in (
        ("rejects", finished),
        ("verify", finished, "--source"),
        ("diff", its_items, finished),
    ):
        result = curate(*words)
        assert (result.exit_code, result.out, result.err) == (2, "", said), words


def wrong_with(output: Path) -> list[str]:
    with pytest.raises(CurateError) as found:
        verify_output(output)
    return str(found.value).splitlines()[1:-1]


TRAIN = "data/train-00000-of-00001.parquet"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (TRAIN, "its bytes are not those that were written"),
        ("_removed/removed-00000-of-00001.parquet", "its bytes are not those that were written"),
        ("_partitions/test/00000.json", "damaged"),
        ("_decision.parquet", "missing or damaged"),
        ("README.md", "damaged, or its totals are not those of the records"),
        ("manifest.json", "missing or damaged"),
        ("_run.json", "damaged"),
    ],
)
def test_a_changed_byte_is_found_and_the_set_repaired_as_verify_says(
    name: str, complaint: str, copy: Path, finished: Path, its_items: Path, curate: Curate
) -> None:
    content = (copy / name).read_bytes()
    for position in (0, len(content) // 2, len(content) - 2):
        changed = bytearray(content)
        changed[position] ^= 1
        (copy / name).write_bytes(changed)
        assert f"{name}: {complaint}" in wrong_with(copy)
    (copy / name).unlink()
    if name == "_run.json":
        assert verify_output(copy).startswith("intact: ")
        return
    unfinished = "test: 1 of 1 shards are not done: 0"
    assert any(name in line or line == unfinished for line in wrong_with(copy))
    result = curate("craft", "--items", its_items, "--output", copy, *PRESET, "--quiet")
    assert (result.exit_code, result.err) == (0, "")
    assert verify_output(copy).startswith("intact: ")
    assert {**tree(copy), "_run.json": b""}.keys() == tree(finished).keys()
    assert rows_in(copy) == rows_in(finished)
    assert (copy / "README.md").read_bytes() == (finished / "README.md").read_bytes()


def test_a_plan_with_a_changed_byte_is_damaged(copy: Path, its_items: Path, curate: Curate) -> None:
    content = (copy / "plan.json").read_bytes()
    (copy / "plan.json").write_bytes(content.replace(b"700", b"701"))
    before = tree(copy)
    for words in (("verify", copy), ("craft", "--items", its_items, "--output", copy, *PRESET)):
        result = curate(*words)
        assert result.exit_code == 1
        assert f"damaged: {copy}/plan.json: " in result.err
    assert tree(copy) == before


def test_strangers_and_missing_files_are_found(copy: Path) -> None:
    for name in ("mine.txt", "data/train-00001-of-00002.parquet", "_removed/mine", "_partitions/train/00001.json"):
        (copy / name).write_text("mine")
        assert wrong_with(copy) == [f"{name}: belongs to nothing"]
        (copy / name).unlink()
    (copy / TRAIN).unlink()
    assert wrong_with(copy) == [f"{TRAIN}: missing"]


def test_a_set_that_is_read_only_is_complete(copy: Path, its_items: Path, curate: Curate) -> None:
    (copy / "_run.json").unlink()
    before = tree(copy)
    result = curate("craft", "--items", its_items, "--output", copy, *PRESET)
    assert result.exit_code == 0
    assert "complete already: 700 train, 40 validation, 50 test" in result.out
    assert tree(copy) == before


def test_items_and_set_in_a_bucket(s3: S3, its_items: Path, finished: Path, curate: Curate) -> None:
    for name, content in tree(its_items).items():
        s3.client.put_object(Bucket="bucket", Key=f"shop/items/{name}", Body=content)
    words = ("craft", "--items", "s3://bucket/shop/items", *PRESET)
    for output in (
        "s3://bucket/shop/items",
        "s3://bucket/shop/items/set",
        "s3://bucket/shop",
        "s3://bucket/shop/items/",
    ):
        result = curate(*words, "--output", output)
        assert (result.exit_code, result.out) == (2, ""), output
        assert "name another folder: --output DIR" in result.err
    result = curate(*words, "--output", "s3://bucket/shop/items-set", "--set", "splits.train=5000")
    assert result.exit_code == 2, result.err
    assert {name.partition("/")[0] for name in s3.tree("bucket", "shop/")} == {"items"}
    assert curate(*words, "--output", "s3://bucket/shop/items-set", "--dry-run").exit_code == 0
    assert {name.partition("/")[0] for name in s3.tree("bucket", "shop/")} == {"items"}
    result = curate(*words, "--output", "s3://bucket/shop/items-set")
    assert result.exit_code == 0, result.err
    made = s3.tree("bucket", "shop/items-set/")
    expected = tree(finished)
    assert made.keys() == expected.keys()
    for name in (*rows_in(finished), "README.md", "_decision.parquet"):
        assert made[name] == expected[name], name
    assert curate("verify", "s3://bucket/shop/items-set").out.startswith("intact: ")
    assert curate("status", "s3://bucket/shop/items-set").out.endswith("complete\n")
    assert "test 3: " in curate("show", "s3://bucket/shop/items-set", 3, "--split", "test").out
    again = curate(*words, "--output", "s3://bucket/shop/items-set")
    assert "complete already" in again.out
    refused = curate(*words, "--output", "s3://bucket/shop/items-set", "--set", "seed=7")
    assert refused.exit_code == 4
    assert "changed since: seed was 42, is 7" in refused.err
    fresh = curate(*words, "--output", "s3://bucket/shop/items-set", "--set", "seed=7", "--fresh")
    assert fresh.exit_code == 0, fresh.err
    assert s3.tree("bucket", "shop/items-set/").keys() == expected.keys()
