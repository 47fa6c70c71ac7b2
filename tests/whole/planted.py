"""Items with planted duplicates, as finished outputs, and what a plain reader says of a training set's files.

Every item has a price of its own, by which it is known again in any file.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from job.recipe.protocol import RecipeDescription, Roles, describe
from job.recipe.registry import settings_type
from tests.output.made import MadeOutput
from tests.selection.near_catalogue import catalogue

RECIPE = RecipeDescription(
    name="made",
    version=1,
    reasons=("too_dear",),
    columns={"asin": "string", "name": "string", "cost": "double", "text": "string"},
    roles=Roles(id="asin", title="name", price="cost", text="text"),
    prompt="{name}\n{text}\nPrice is $",
    completion="{cost}",
)
CATEGORIES = ("Toys", "Appliances")
Item = dict[str, Any]
Row = dict[str, Any]


def planted(size: int, seed: int = 3) -> list[Item]:
    """Returns items of which many repeat another one's id, title or text, or have a text that is nearly the same."""
    made = random.Random(seed)
    names, texts = catalogue(size, seed)
    items: list[Item] = []
    for number in range(size):
        item: Item = {"asin": f"B{number:05}", "name": names[number], "text": texts[number], "cost": number / 100 + 1}
        if number % 3:  # titles of variants are often the same: so most have something of their own
            item["name"] += " " + "".join(made.choices("bcdfghjklmnp", k=8))
        if items and (kind := made.randrange(30)) < 4:
            earlier = made.choice(items)
            item |= (
                {"asin": earlier["asin"]},
                {"name": f" {earlier['name'].upper()}\t"},
                {"text": earlier["text"].replace(" ", "  ")},
                {"asin": None},
            )[kind]
        items.append(item)
    for one, other in (("16 GB", "64 GB"), ("2-pack", "4-pack")):
        text = "a long text of a thing that is sold in more than one size and is the same in all other words of it "
        for size_word in (one, other):
            number = len(items)
            name = f"thing in {size_word}"
            items.append({"asin": f"B{number:05}", "name": name, "text": text + size_word, "cost": number / 100 + 1})
    return items


def written(root: Path, items: Sequence[Item], cuts: Sequence[int] = (400, 800)) -> Path:
    """Writes items as a finished output of two categories, whose shards are cut at some rows."""
    half = len(items) * 2 // 3
    output = MadeOutput(root, {"categories": list(CATEGORIES)}, RECIPE)
    for name, begin, end in ((CATEGORIES[0], 0, half), (CATEGORIES[1], half, len(items))):
        bounds = [begin, *(cut for cut in cuts if begin < cut < end), end]
        output.add(name, [items[first:last] for first, last in itertools.pairwise(bounds)])
    return output.close()


def of_course(root: Path, recipe: str, items: Sequence[Item]) -> Path:
    """Writes items of a course's recipe as a finished output."""
    description = describe(settings_type(recipe).model_validate({"name": recipe}).recipe_type())
    output = MadeOutput(root, {"categories": ["Appliances"]}, description)
    return output.add("Appliances", [items[:100], items[100:]]).close()


def split_rows(output: Path) -> dict[str, list[Row]]:
    """Returns the rows of each split, from its files alone."""
    found: dict[str, list[Row]] = {}
    for path in sorted((output / "data").glob("*.parquet")):
        found.setdefault(path.name.split("-")[0], []).extend(pq.read_table(path).to_pylist())
    return found


def removed_rows(output: Path) -> list[Row]:
    return [row for path in sorted((output / "_removed").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def fold(text: str | None) -> str:
    return " ".join((text or "").casefold().split())


def words_of(text: str) -> list[str]:
    found: list[str] = []
    for word in fold(text).split():
        while word and not word[0].isalnum():
            word = word[1:]
        while word and not word[-1].isalnum():
            word = word[:-1]
        found += [word] if word else []
    return found


def shingles_of(text: str) -> set[tuple[str, ...]]:
    words = words_of(text)
    return {tuple(words[at : at + 3]) for at in range(max(len(words) - 2, min(len(words), 1)))}


def similarity(one: str, other: str) -> float:
    ours, theirs = shingles_of(one), shingles_of(other)
    return len(ours & theirs) / max(len(ours | theirs), 1)


def near_pairs(items: Sequence[Item], threshold: float = 0.8) -> list[tuple[int, int]]:
    """Returns every pair that meets the definition, by comparing all."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, item in enumerate(items):
        words = [*words_of(item["name"]), *words_of(item["text"])]
        digits = tuple(sorted(word for word in words if any(map(str.isdigit, word))))
        if words_of(item["text"]):
            alike.setdefault(digits, []).append(number)
    return [
        pair
        for same in alike.values()
        for pair in itertools.combinations(same, 2)
        if similarity(items[pair[0]]["text"], items[pair[1]]["text"]) >= threshold
    ]


def exact_pairs(items: Sequence[Item]) -> list[tuple[int, int]]:
    """Returns pairs that link all items with the same id, title or text, where an item without an id has its text."""
    classes: dict[object, list[int]] = {}
    for number, item in enumerate(items):
        for kind, value in (("name", fold(item["name"])), ("text", fold(item["text"])), ("id", item["asin"])):
            if value:
                classes.setdefault((kind, value), []).append(number)
    return [pair for same in classes.values() for pair in itertools.pairwise(same)]


def groups(size: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Returns the smallest item of each item's group."""
    root = list(range(size))

    def top(number: int) -> int:
        while root[number] != number:
            number = root[number]
        return number

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        root[high] = low
    return [top(number) for number in range(size)]


def leaks_by_hand(splits: Mapping[str, Sequence[Row]], split: str, text: str) -> dict[str, int]:
    """Counts the rows of a split that are in train, by kind, in sets of plain values."""
    read = {
        "id": lambda row: row["id"],
        "title": lambda row: fold(row["title"]),
        "text": lambda row: fold(row[text]),
        "prompt": lambda row: row["prompt"],
    }
    found: dict[str, int] = {"rows": len(splits[split])}
    leaked: set[int] = set()
    for kind, value in read.items():
        train = {value(row) for row in splits["train"]} - {None, ""}
        rows = [number for number, row in enumerate(splits[split]) if value(row) in train]
        leaked |= {*rows}
        found[kind] = len(rows)
    return {**found, "any": len(leaked)}


def near_leaks_by_hand(splits: Mapping[str, Sequence[Row]], split: str, text: str) -> int:
    """Counts the rows of a split that nearly are in train, by comparing all."""
    rows = [{"name": row["title"], "text": row[text]} for name in ("train", split) for row in splits[name]]
    held = len(splits["train"])
    return len({other for one, other in near_pairs(rows) if one < held <= other})


def conflicts_by_hand(splits: Mapping[str, Sequence[Row]]) -> tuple[int, int, float, float]:
    """Returns groups, rows, the largest difference, and the mean error of guessing each group's median."""
    prices: dict[str, list[float]] = {}
    for rows in splits.values():
        for row in rows:
            prices.setdefault(row["prompt"], []).append(row["price"])
    groups_found = [sorted(found) for found in prices.values() if len(set(found)) > 1]
    errors = [abs(price - found[len(found) // 2]) for found in groups_found for price in found]
    largest = max((found[-1] - found[0] for found in groups_found), default=0.0)
    return len(groups_found), len(errors), largest, sum(errors) / max(len(errors), 1)
