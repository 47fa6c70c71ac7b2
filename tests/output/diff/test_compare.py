"""`curate diff`: every kind of difference between two outputs is found, counted and shown."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from job.errors import CurateError, UsageError
from job.output.diff import multiset
from job.output.diff.compare import CategoryDifference, Difference, compare
from job.output.diff.text import difference_lines
from job.output.shard import items_schema
from job.recipe.protocol import Roles
from job.source.files import FileIdentity, Repository
from tests.output.made import DESCRIPTION, MadeOutput, item
from tests.paths import ROOT

CONFIG = {"recipe": {"name": "made", "max_cost": 10.0}, "limit": None, "output": "out", "source": {"path": "in"}}
ITEMS = [item(f"K{number}", f"kettle {number}", number + 0.5) for number in range(6)]


def made(root: Path, *shards: Sequence[Mapping[str, Any]], **more: Any) -> Path:
    """Makes an output of one category, `Toys`."""
    return MadeOutput(root, CONFIG).add("Toys", shards, **more).close()


def toys(difference: Difference) -> CategoryDifference:
    return difference.categories["Toys"]


def found(tmp_path: Path, a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> Any:
    """Returns what is different between items, in one shard on each side."""
    for name, items in (("a", a), ("b", b)):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        made(tmp_path / name, items)
    return toys(compare(tmp_path / "a", tmp_path / "b", num_examples=10)).items


def test_the_same_items_in_other_shards_and_another_order_are_equal(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS[:2], ITEMS[2:])
    b = made(tmp_path / "b", ITEMS[:1:-1], ITEMS[:2], [])
    difference = compare(a, b)
    assert difference.equal is True
    assert list(difference_lines(difference)) == [
        f"a: {a}, 6 items, complete",
        f"b: {b}, 6 items, complete",
        "config: the same",
        "Toys: the same source, counts and 6 items",
        "equal: the same items and counts",
    ]


def test_items_that_are_gone_added_and_changed_are_counted_and_shown(tmp_path: Path) -> None:
    now = [*ITEMS[1:3], {**ITEMS[3], "cost": 9.0, "tags": ["red", "new"]}, {**ITEMS[4], "cost": None}, item("K9")]
    items = found(tmp_path, ITEMS, now)
    assert (items.same, items.gone, items.added, items.changed) == (2, 2, 1, 2)
    assert items.changed_columns == {"cost": 2, "tags": 1}
    assert [each["key"] for each in items.examples.gone] == ["K0", "K5"]
    assert [each["key"] for each in items.examples.added] == ["K9"]
    assert [each.columns for each in items.examples.changed] == [["cost", "tags"], ["cost"]]
    lines = list(difference_lines(compare(tmp_path / "a", tmp_path / "b")))
    at = lines.index("  items: 2 gone, 1 added, 2 changed, 2 the same")
    assert lines[at + 1 : at + 7] == [
        "    changed: cost in 2, tags in 1",
        '    changed K3 · kettle 3 · 3.5 · ["red"]',
        "      cost: 3.5 → 9.0",
        '      tags: ["red"] → ["red", "new"]',
        '    changed K4 · kettle 4 · 4.5 · ["red"]',
        "      cost: 4.5 → null",
    ]
    assert lines[-1] == "different: 2 gone, 1 added, 2 changed"


def test_of_many_examples_the_first_of_each_kind_are_shown(tmp_path: Path) -> None:
    before = [item(f"K{number}") for number in range(100)]
    a, b = (
        made(tmp_path / "a", before[:50], before[50:]),
        made(tmp_path / "b", [{**each, "cost": 2.0} for each in before]),
    )
    items = toys(compare(a, b, num_examples=2)).items
    assert items is not None
    assert (items.changed, [each.b["key"] for each in items.examples.changed]) == (100, ["K0", "K1"])
    assert toys(compare(a, b, num_examples=0)).items == msgspec.structs.replace(items, examples=type(items.examples)())


def test_a_long_text_is_shown_where_it_has_changed(tmp_path: Path) -> None:
    text = "word " * 100
    made(tmp_path / "a", [item("K", text + "old end")])
    made(tmp_path / "b", [item("K", text + "new\x1b[31m\nend")])
    lines = list(difference_lines(compare(tmp_path / "a", tmp_path / "b")))
    assert "      name: …word word word old end → …word word word new\\x1b[31m\\nend" in lines


def test_items_without_an_id_are_gone_or_added_but_never_changed(tmp_path: Path) -> None:
    items = found(tmp_path, [item(None, "a"), item(None, "a"), ITEMS[0]], [item(None, "b"), item(None, "a"), ITEMS[0]])
    assert (items.same, items.gone, items.added, items.changed, items.without_id) == (2, 1, 1, 0, 2)


def test_ids_that_repeat_count_as_often_as_they_are_there(tmp_path: Path) -> None:
    items = found(
        tmp_path,
        [item("K", "a"), item("K", "b"), item("K", "c"), item("L", "a")],
        [item("K", "b"), item("K", "d"), item("L", "a"), item("L", "a")],
    )
    assert (items.same, items.gone, items.added, items.changed, items.repeated) == (2, 1, 1, 1, 1)
    (changed,) = items.examples.changed
    assert (changed.a["name"], changed.b["name"]) == ("a", "d")


def test_rows_that_are_there_twice_are_not_the_same_as_once(tmp_path: Path) -> None:
    items = found(tmp_path, [ITEMS[0], ITEMS[0]], [ITEMS[0]])
    assert (items.same, items.gone, items.added, items.changed) == (1, 1, 0, 0)


def test_null_empty_text_and_two_zeros_are_different_values(tmp_path: Path) -> None:
    items = found(tmp_path, [item("K", cost=0.0), item("", "")], [item("K", cost=-0.0), item(None, "")])
    assert (items.same, items.gone, items.added, items.changed) == (0, 1, 1, 1)
    assert items.changed_columns == {"cost": 1}


def test_a_recipe_without_an_id_column_is_compared_by_whole_rows(tmp_path: Path) -> None:
    description = msgspec.structs.replace(DESCRIPTION, roles=Roles())
    a = MadeOutput(tmp_path / "a", CONFIG, description).add("Toys", [ITEMS]).close()
    b = MadeOutput(tmp_path / "b", CONFIG, description).add("Toys", [[*ITEMS[1:], item("K0", "kettle 0", 7.0)]]).close()
    difference = compare(a, b)
    items = toys(difference).items
    assert items is not None
    assert (items.id, items.same, items.gone, items.added, items.changed) == (None, 5, 1, 1, 0)
    assert any("no column identifies items" in line for line in difference_lines(difference))


@pytest.mark.parametrize("seed", range(5))
def test_any_items_in_any_number_of_parts_give_what_counting_gives(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiset, "ROWS_PER_PART", 7)
    chance = random.Random(seed)

    def some() -> list[dict[str, Any]]:
        keys = [None, *map(str, range(25))]
        return [item(chance.choice(keys), "ab"[chance.randrange(2)], chance.randrange(3)) for _ in range(120)]

    a, b = some(), some()
    items = found(tmp_path, a, b)
    before, now = [Counter((each["key"], each["name"], each["cost"]) for each in side) for side in (a, b)]
    gone, added = before - now, now - before
    left, right = [Counter({key: 0}) for key in (None, None)]
    for rows, by_key in ((gone, left), (added, right)):
        for (key, _, _), count in rows.items():
            by_key[key] += count
    changed = sum(min(left[key], right[key]) for key in left if key is not None)
    assert items.changed == changed > 0
    assert (items.gone, items.added) == (gone.total() - changed, added.total() - changed)
    assert items.same == 120 - gone.total()
    assert items.without_id == left[None] + right[None] > 0


def test_shards_that_are_on_both_sides_are_not_read(tmp_path: Path) -> None:
    a, b = made(tmp_path / "a", ITEMS[:3], ITEMS[3:]), made(tmp_path / "b", ITEMS[:3], ITEMS[3:5])
    for output in (a, b):
        (path,) = (output / "data/Toys").glob("items-00000-*")
        path.write_bytes(b"x" * path.stat().st_size)
    items = toys(compare(a, b)).items
    assert items is not None
    assert (items.same, items.gone) == (5, 1)


def test_progress_goes_up_to_the_number_of_items_of_both(tmp_path: Path) -> None:
    a = MadeOutput(tmp_path / "a", CONFIG).add("Toys", [ITEMS[:2], ITEMS[2:]]).add("Books", [[item("B")]]).close()
    b = MadeOutput(tmp_path / "b", CONFIG).add("Toys", [ITEMS[:2], ITEMS[3:]]).add("Books", [[item("B")]]).close()
    said: list[int] = []
    compare(a, b, 3, lambda total: contextlib.nullcontext(lambda done: said.append(total - done)))
    assert said == [9, 6, 2, 0]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_items(tmp_path: Path) -> None:
    """Four times the items take hardly more memory: 160,000 of 420 characters on each side are 134 MB of text."""
    if not Path("/proc/self/status").exists():
        pytest.skip("reads the peak where Linux has it")
    peaks: list[int] = []
    for count in (40_000, 160_000):
        root = tmp_path / str(count)
        root.mkdir()
        for name, change in (("a", 0), ("b", 1)):
            MadeOutput(root / name, CONFIG).add("Toys", big_shards(count, change)).close()
        code = (
            "import sys\nfrom pathlib import Path\nfrom job.output.diff.compare import compare\n"
            "from job.output.diff import multiset\nmultiset.ROWS_PER_PART = 10_000\n"
            "found = compare(Path(sys.argv[1]), Path(sys.argv[2])).categories['Toys'].items\n"
            "print(found.changed, Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
        )
        printed = subprocess.run(
            [sys.executable, "-c", code, root / "a", root / "b"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        assert int(printed[0]) == count // 100
        peaks.append(int(printed[1]) // 1024)
    assert peaks[1] < peaks[0] + 30, peaks
    assert peaks[1] < 350, peaks


def big_shards(count: int, change: float) -> Iterator[pa.Table]:
    """Yields shards of 10,000 items; every hundredth item has another cost."""
    for start in range(0, count, 10_000):
        numbers = range(start, start + 10_000)
        columns = {
            "category": ["Toys"] * len(numbers),
            "key": [f"K{number}" for number in numbers],
            "name": [f"{number} " + "kettle " * 60 for number in numbers],
            "cost": [number + (change if number % 100 == 0 else 0.0) for number in numbers],
            "tags": [["a"]] * len(numbers),
        }
        yield pa.table(columns, schema=items_schema(DESCRIPTION))


def test_a_shard_that_is_there_twice_is_not_the_same_as_once(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS[:2], ITEMS[:2], ITEMS[2:3])
    b = made(tmp_path / "b", ITEMS[:2], ITEMS[2:3])
    items = toys(compare(a, b)).items
    assert items is not None
    assert (items.same, items.gone, items.added, items.changed) == (3, 2, 0, 0)


def test_config_settings_source_and_counts_that_differ_are_shown(tmp_path: Path) -> None:
    repository = [Repository("owner/name", letter * 40) for letter in "ab"]
    files = [
        [FileIdentity("x", 10, "1"), FileIdentity("y", 20, "1")],
        [FileIdentity("y", 20, "2"), FileIdentity("z", 5, "1")],
    ]
    sides: list[Path] = []
    for number, (name, max_cost, limit) in enumerate((("a", 10.0, None), ("b", 50.0, 7))):
        recipe = {"name": "made", "max_cost": max_cost}
        output = MadeOutput(tmp_path / name, {**CONFIG, "recipe": recipe, "limit": limit})
        settings: dict[str, Any] = {
            "recipe": recipe,
            "limit": limit,
            "files": files[number],
            "repository": repository[number],
        }
        settings["versions"] = {"recipe": 1, "pyarrow": f"2{number}.0.0"}
        sides.append(output.add("Toys", [ITEMS], {"too_dear": 3 - number}, **settings).close())
    lines = list(difference_lines(compare(sides[0], sides[1])))
    assert lines[2:] == [
        "config:",
        "  recipe.max_cost: 10.0 → 50.0",
        "  limit: not set → 7",
        "Toys:",
        "  source:",
        f"    repository: owner/name at {'a' * 40} → owner/name at {'b' * 40}",
        "    y has 20 bytes as before, but others",
        "    z is new",
        "    x is gone",
        "  settings:",
        "    versions.pyarrow: 20.0.0 → 21.0.0",
        "  counts                a           b      change",
        "    rows                9           8          -1",
        "    too dear            3           2          -1",
        "    unnamed             0           0",
        "    malformed           0           0",
        "    kept                6           6",
        "  items: the same 6",
        "different: the same items, but not the same counts, columns or categories",
    ]


def test_a_copy_of_the_hubs_files_in_a_folder_is_no_other_source(tmp_path: Path) -> None:
    on_hub = made(
        tmp_path / "a", ITEMS, repository=Repository("o/n", "a" * 40), files=[FileIdentity("x", 10, "a" * 64)]
    )
    copied = made(tmp_path / "b", ITEMS, files=[FileIdentity("x", 10, "b" * 64)])
    difference = compare(on_hub, copied)
    assert toys(difference).files == []
    assert f"    repository: o/n at {'a' * 40} → not set" in list(difference_lines(difference))


def test_a_category_that_only_one_output_has_is_different(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS)
    b = MadeOutput(tmp_path / "b", CONFIG).add("Toys", [ITEMS]).add("Books", [[item("B1"), item("B2")]]).close()
    difference = compare(a, b, 1)
    books = difference.categories["Books"].items
    assert books is not None
    assert (difference.equal, books.gone, books.added, [each["key"] for each in books.examples.added]) == (
        False,
        0,
        2,
        ["B1"],
    )
    assert "Books: only in b" in list(difference_lines(difference))
    turned = compare(b, a, 1).categories["Books"].items
    assert turned is not None
    assert (turned.gone, turned.added) == (2, 0)


def test_columns_that_only_one_output_has_do_not_count_as_changed_items(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS)
    b = made(tmp_path / "b", [{**each, "store": "here"} for each in ITEMS], keep_columns=["store"])
    difference = compare(a, b)
    items = toys(difference).items
    assert items is not None
    assert (difference.equal, items.same, items.is_equal) == (False, 6, True)
    lines = list(difference_lines(difference))
    assert lines[lines.index("  columns:") + 1] == "    store: not set → string"


def test_an_unfinished_category_is_compared_without_counts_and_items(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS[:3], ITEMS[3:])
    b = made(tmp_path / "b", ITEMS[:3], unfinished=1)
    difference = compare(a, b)
    assert (difference.equal, difference.b.complete, toys(difference).items) == (None, False, None)
    lines = list(difference_lines(difference))
    assert "  1 of 2 partitions are done in b: counts and items are not compared" in lines
    assert lines[-1] == f"no difference so far; {b} not complete: run the same command for it again, then compare again"


def test_a_shard_that_is_not_what_its_record_says_is_an_error(tmp_path: Path) -> None:
    a, b = made(tmp_path / "a", ITEMS), made(tmp_path / "b", ITEMS[1:])
    (path,) = (a / "data/Toys").iterdir()
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(CurateError, match="curate verify"):
        compare(a, b)


def test_what_is_no_output_is_refused(tmp_path: Path) -> None:
    a = made(tmp_path / "a", ITEMS)
    with pytest.raises(UsageError, match="no output of this program"):
        compare(a, tmp_path)


def test_nothing_is_imported_because_an_output_names_it(tmp_path: Path) -> None:
    recipe = {"name": "evil.py:Evil"}
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    description = msgspec.structs.replace(DESCRIPTION, name="evil.py:Evil")
    for name, items in (("a", ITEMS), ("b", ITEMS[1:])):
        output = MadeOutput(tmp_path / name, {**CONFIG, "recipe": recipe}, description)
        output.add("Toys", [items], recipe=recipe).close()
    ended = subprocess.run(
        [sys.executable, "-m", "job", "diff", "a", "b", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["categories"]["Toys"]["items"]["gone"] == 1
