"""The default of `curate craft` from items to files: duplicates, groups, leaks, any workers, other shards, a kill."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from job.craft import craft_set
from tests.conftest import Curate, tree
from tests.whole import planted
from tests.whole.crafting import settings
from tests.whole.planted import Item, Row

pytestmark = pytest.mark.usefixtures("shared_ray")

SPLITS = ("--set", "splits.validation=0.3", "--set", "splits.test=0.3")


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return planted.planted(1_200)


@pytest.fixture(scope="module")
def near(items: list[Item]) -> list[tuple[int, int]]:
    return planted.near_pairs(items)


@pytest.fixture(scope="module")
def source(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.written(tmp_path_factory.mktemp("planted") / "items", items)


@pytest.fixture(scope="module")
def whole(shared_ray: int, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set that two workers make in one run."""
    output = tmp_path_factory.mktemp("whole") / "set"
    craft_set(settings(source, output, workers=2, splits={"validation": 0.3, "test": 0.3}), quiet=True)
    return output


def crafted(curate: Curate, source: Path, output: Path, *more: object) -> Any:
    """Crafts a set, and returns its manifest."""
    result = curate("craft", "--items", source, "--output", output, "--workers", 2, "--json", *more)
    assert result.exit_code == 0, result.err
    return json.loads(result.out)


def files(output: Path) -> dict[str, bytes]:
    return {**tree(output / "data"), **tree(output / "_removed")}


def split_of(output: Path, items: list[Item]) -> dict[int, str]:
    """Returns the split of each item that is in one."""
    number_of = {item["cost"]: number for number, item in enumerate(items)}
    return {number_of[row["price"]]: name for name, rows in planted.split_rows(output).items() for row in rows}


def assert_no_group_is_in_two_splits(output: Path, items: list[Item], near: list[tuple[int, int]]) -> None:
    split = split_of(output, items)
    pairs = planted.exact_pairs(items)
    group = planted.groups(len(items), pairs)
    splits_of: dict[int, set[str]] = {}
    for number, name in split.items():
        splits_of.setdefault(group[number], set()).add(name)
    assert all(len(found) == 1 for found in splits_of.values())
    apart = [pair for pair in near if pair[0] in split and pair[1] in split and split[pair[0]] != split[pair[1]]]
    assert len(near) > 200
    assert len(apart) <= len(near) / 100


def test_no_group_is_in_two_splits_and_the_files_hold_every_item(
    curate: Curate, whole: Path, items: list[Item], near: list[tuple[int, int]]
) -> None:
    manifest = json.loads((whole / "manifest.json").read_bytes())
    assert_no_group_is_in_two_splits(whole, items, near)

    splits, removed = planted.split_rows(whole), planted.removed_rows(whole)
    assert sorted(splits) == ["test", "train", "validation"]
    costs = [row["price"] for rows in (*splits.values(), removed) for row in rows]
    assert sorted(costs) == [item["cost"] for item in items]
    counts = Counter({name: len(rows) for name, rows in splits.items()}) + Counter(row["reason"] for row in removed)
    assert {name: count for name, count in manifest["funnel"].items() if count} == counts
    assert sum(manifest["funnel"].values()) == manifest["num_items"] == len(items)
    for kind in ("id", "title", "text", "near"):
        assert counts[f"duplicate_{kind}"] > 10

    kept = set(split_of(whole, items))
    assert not [pair for pair in planted.exact_pairs(items) if kept.issuperset(pair)]
    missed = [pair for pair in near if kept.issuperset(pair)]
    assert len(missed) <= len(near) / 100
    sizes = {item["name"] for number, item in enumerate(items) if number in kept}
    assert {"thing in 16 GB", "thing in 64 GB", "thing in 2-pack", "thing in 4-pack"} <= sizes
    assert_similarities_are_true(splits, removed, items)
    assert [row["price"] for row in removed] == sorted(row["price"] for row in removed)  # in load order

    leaks = manifest["findings"]["leaks"]
    for name in ("validation", "test"):
        assert leaks[name]["counts"] == {**planted.leaks_by_hand(splits, name, "text"), "near": 0}
        assert leaks[name]["counts"]["any"] == 0
        assert planted.near_leaks_by_hand(splits, name, "text") <= len(missed)
    assert curate("verify", whole).exit_code == 0


def assert_similarities_are_true(splits: dict[str, list[Row]], removed: list[Row], items: list[Item]) -> None:
    text_of = {item["cost"]: item["text"] for item in items}
    kept_text = {row["id"]: row["text"] for rows in splits.values() for row in rows if row["id"]}
    compared = 0
    for row in removed:
        assert (row["similarity"] is not None) == (row["reason"] == "duplicate_near")
        if row["similarity"] is not None and row["kept_id"] is not None:
            assert row["similarity"] == planted.similarity(text_of[row["price"]], kept_text[row["kept_id"]])
            compared += 1
    assert compared > 50


def test_with_duplicates_kept_no_group_is_in_two_splits_either(
    curate: Curate, source: Path, tmp_path: Path, items: list[Item], near: list[tuple[int, int]]
) -> None:
    crafted(curate, source, tmp_path / "set", "--set", "deduplicate=[]", *SPLITS)
    assert len(split_of(tmp_path / "set", items)) == len(items)
    assert_no_group_is_in_two_splits(tmp_path / "set", items, near)


def test_other_workers_and_other_shards_give_the_same_bytes(
    curate: Curate, source: Path, whole: Path, tmp_path: Path, items: list[Item]
) -> None:
    cut = planted.written(tmp_path / "items", items, cuts=(1, 2, 150, 151, 500, 900, 1_100))
    found = [files(whole)]
    findings = [json.loads((whole / "manifest.json").read_bytes())["findings"]]
    for number, (made_of, workers) in enumerate([(source, 1), (cut, 4)]):
        output = tmp_path / f"set{number}"
        manifest = crafted(curate, made_of, output, "--workers", workers, *SPLITS)
        found.append(files(output))
        findings.append(manifest["findings"])
    assert len(found[0]) == 4
    assert found[1] == found[0] == found[2]
    assert findings[1] == findings[0] == findings[2]


def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    curate: Curate, source: Path, whole: Path, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "job", "craft", "--items", source, "--output", killed, "--workers", "2", *SPLITS]
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as temporary:
        run = subprocess.Popen(
            [*map(str, command)],
            env={**os.environ, "TMPDIR": temporary},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not (killed / "plan.json").exists() and run.poll() is None:
            time.sleep(0.01)
        below = psutil.Process(run.pid).children(recursive=True)
        for process in (psutil.Process(run.pid), *below):
            with contextlib.suppress(psutil.Error):
                process.kill()
        run.wait()
        psutil.wait_procs(below, timeout=30)
    assert not (killed / "manifest.json").exists()
    decision = (killed / "_decision.parquet").read_bytes()
    assert curate("leaks", killed).exit_code == 2
    crafted(curate, source, killed, *SPLITS)
    assert (killed / "_decision.parquet").read_bytes() == decision
    assert files(killed) == files(whole)
    assert json.loads((killed / "manifest.json").read_text()) == json.loads((whole / "manifest.json").read_text())


def letters(number: int) -> str:
    """Writes a number in letters: texts with different numbers are no near duplicates."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def course_items(recipe: str) -> list[Item]:
    """Returns 300 items of a course, of which many are alike in one way."""
    made = random.Random(recipe)
    items: list[Item] = []
    for number in range(300):
        kind = made.randrange(6)
        of = made.randrange(25)
        title = f"Kettle {letters(of)}" if kind == 1 else f"KETTLE  {letters(of)}" if kind == 2 else letters(number)
        body = " ".join(letters((of if kind in (3, 4) else number) * 1000 + place) for place in range(30))
        body += f" {letters(number)}" if kind == 4 else ""
        item: Item = {"parent_asin": f"B{of if kind == 5 else number + 1000}", "title": title}
        item["price"] = round(made.uniform(5, 30), 2) if number % 4 else 20.0
        if recipe == "course-2024":
            item |= {"prompt": f"How much?\n\n{body}\n\nPrice is ${item['price']:.0f}.00", "token_count": 160}
        else:
            item |= {"full": body, "weight": 0.0}
        items.append(item)
    return items


@pytest.mark.parametrize(
    ("recipe", "text", "settings"),
    [
        ("course-2024", "prompt", ("sample.slot_cap=40", "splits.train=160", "splits.validation=30", "splits.test=60")),
        ("course-2025", "full", ("deduplicate=[]", "sample.size=280", "splits.train=180", "splits.validation=30")),
    ],
)
def test_leaks_and_label_conflicts_of_a_preset_equal_a_count_by_hand(
    curate: Curate, tmp_path: Path, recipe: str, text: str, settings: tuple[str, ...]
) -> None:
    source = planted.of_course(tmp_path / "items", recipe, course_items(recipe))
    flags = [word for setting in settings for word in ("--set", setting)]
    manifest = crafted(curate, source, tmp_path / "set", "--preset", recipe, *flags)
    splits = planted.split_rows(tmp_path / "set")
    by_hand = {name: planted.leaks_by_hand(splits, name, text) for name in ("validation", "test")}
    found = manifest["findings"]["leaks"]
    for name, counts in by_hand.items():
        assert found[name]["counts"] == {**counts, "near": None}
    assert all(by_hand["test"][kind] > 2 for kind in ("id", "title", "text", "prompt"))
    conflicts = manifest["findings"]["conflicts"]
    groups, rows, largest, error = planted.conflicts_by_hand(splits)
    assert groups > 3
    assert (conflicts["groups"], conflicts["rows"], conflicts["largest_difference"]) == (groups, rows, largest)
    assert conflicts["mean_absolute_error"] == pytest.approx(error, rel=1e-12)

    looked = curate("leaks", tmp_path / "set", "--near", "--examples", 1000, "--json", "--workers", 2)
    told = json.loads(looked.out)
    for name, counts in by_hand.items():
        near = planted.near_leaks_by_hand(splits, name, text)
        assert told["leaks"][name]["near"] == near == len(told["leaks"][name]["examples"].get("near", []))
        assert near > 1 or name == "validation"
        for kind in ("id", "title", "text", "prompt"):
            examples = told["leaks"][name]["examples"].get(kind, [])
            assert len(examples) == counts[kind]
            for example in examples:
                row = splits[name][example["row"]["number"]]
                assert (example["row"]["id"], example["row"]["price"]) == (row["id"], row["price"])
                assert splits["train"][example["train_row"]["number"]]["id"] == example["train_row"]["id"]
    assert told["conflicts"]["groups"] == groups == len(told["conflicts"]["examples"])
    assert curate("verify", tmp_path / "set").exit_code == 0
    lines = curate("leaks", tmp_path / "set").out
    assert "near duplicates were not looked for" in lines
    assert "of 60 rows of test are in train (" in lines or recipe == "course-2025"


def test_items_that_are_nearly_all_removed_are_told_with_the_counts(curate: Curate, tmp_path: Path) -> None:
    same = [{"asin": None, "name": "", "text": "the same text", "cost": float(number)} for number in range(50)]
    source = planted.written(tmp_path / "items", same, cuts=())
    output = tmp_path / "set"
    result = curate("craft", "--items", source, "--output", output, "--workers", 2)
    assert result.exit_code == 0, result.err
    assert "mind: none of the 50 items has an id; the text stands for it" in result.err
    assert "mind: the title of all 50 items is empty, so by title none is a duplicate" in result.err
    assert "mind: 49 of 50 items, more than half, are removed as duplicates by id" in result.err
    assert "mind: without duplicates, 1 of 50 items are left" in result.err
    assert "49 of 50 items, more than half" in (output / "README.md").read_text()
    assert "of 50 items" in " ".join(json.loads((output / "manifest.json").read_text())["warnings"])
