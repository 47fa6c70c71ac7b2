"""How fast do the courses make their training sets? One process, every item an object, `numpy`, `random`, `datasets`.

It follows the courses' notebooks step by step, in words of its own, and imports nothing from `job.selection`: so a
mistake of the job would have to be made twice to go unnoticed.

- Counted, as on anybody's first run, and also reported by itself as `load_dataset`: the time in which `load_dataset`
  converts the shards into its own cache.
- Not counted: the digests of the splits. They are made to compare the sets; the courses make none.
- An item is a dataclass with slots, which is made faster than the courses' own objects.
- Rows are read by the thousand. `for row in dataset`, as the courses write it, takes several times as long.
- The set is written as Parquet files on this disk, where the courses push it to the Hub.
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import msgspec
import numpy as np

from job.bench.baselines.craft_work import CraftInput, CraftResult, rows_digest

_QUESTION_END = "Price is $"
_DOLLARS = range(1, 1000)
_ROWS_AT_ONCE = 1000


@dataclass(slots=True, kw_only=True)
class Item2024:
    """An item of the course of 2024."""

    parent_asin: str
    category: str
    title: str
    price: float
    prompt: str
    token_count: int

    def test_prompt(self) -> str:
        """Returns the prompt without its answer."""
        return self.prompt.rpartition(_QUESTION_END)[0] + _QUESTION_END


@dataclass(slots=True, kw_only=True)
class Item2025:
    """An item of the course of 2025."""

    parent_asin: str
    category: str
    title: str
    price: float
    full: str
    weight: float
    summary: str | None = None
    prompt: str | None = None
    id: int | None = None


Splits = dict[str, list[Any]]
"""Items by split."""


def sample_2024(items: Iterable[Item2024], slot_cap: int, seed: int) -> list[Item2024]:
    """Draws the sample of 2024: at most so many of each rounded dollar below 240, and all of the dearer ones."""
    slots: defaultdict[int, list[Item2024]] = defaultdict(list)
    for item in items:
        slots[round(item.price)].append(item)
    np.random.seed(seed)  # the course's generator
    sample: list[Item2024] = []
    for dollar in _DOLLARS:
        slot = slots[dollar]
        if dollar >= 240 or len(slot) <= slot_cap:
            sample.extend(slot)
            continue
        weights = np.array([1 if item.category == "Automotive" else 5 for item in slot])
        weights = weights / np.sum(weights)
        chosen = np.random.choice(len(slot), size=slot_cap, replace=False, p=weights)
        sample.extend([slot[place] for place in chosen])
    return sample


def splits_2024(items: Iterable[Item2024], sizes: Mapping[str, int], seed: int) -> Splits:
    """Makes the training set of 2024."""
    sample = sample_2024(items, sizes["slot_cap"], seed)
    random.seed(seed)
    random.shuffle(sample)
    train, test = sizes["train"], sizes["test"]
    return {"train": sample[:train], "test": sample[train : train + test]}


def without_duplicates(items: Sequence[Item2025]) -> list[Item2025]:
    """Keeps the first item of each title, and of these the first one of each text."""
    by_title: dict[str, Item2025] = {}
    for item in items:
        by_title.setdefault(item.title, item)
    by_text: dict[str, Item2025] = {}
    for item in by_title.values():
        by_text.setdefault(item.full, item)
    return list(by_text.values())


def sample_2025(items: Sequence[Item2025], size: int, seed: int) -> list[Item2025]:
    """Draws the sample of 2025: dear items more often, and those of two categories less often."""
    np.random.seed(seed)
    prices = np.array([item.price for item in items], dtype=float)
    categories = np.array([item.category for item in items])
    places = (prices - prices.min()) / (prices.max() - prices.min() + 1e-9)
    weights = places**2
    weights[categories == "Tools_and_Home_Improvement"] *= 0.5
    weights[categories == "Automotive"] *= 0.05
    weights = weights / weights.sum()
    chosen = np.random.choice(len(items), size=size, replace=False, p=weights)
    return [items[place] for place in chosen]


def splits_2025(items: list[Item2025], sizes: Mapping[str, int], seed: int) -> Splits:
    """Makes the training set of 2025. The list of items is shuffled in place."""
    random.seed(seed)
    random.shuffle(items)
    sample = sample_2025(without_duplicates(items), sizes["size"], seed)
    random.seed(seed)
    random.shuffle(sample)
    first, second = sizes["train"], sizes["train"] + sizes["validation"]
    return {"train": sample[:first], "validation": sample[first:second], "test": sample[second:]}


def written(preset: str, name: str, items: Sequence[Any]) -> datasets.Dataset:
    """Returns a split as the course writes it."""
    if preset == "course-2025":
        columns = ("title", "category", "price", "full", "weight", "summary", "prompt", "id")
        return datasets.Dataset.from_dict({column: [getattr(item, column) for item in items] for column in columns})
    texts = [item.prompt if name == "train" else item.test_prompt() for item in items]
    return datasets.Dataset.from_dict({"text": texts, "price": [item.price for item in items]})


def craft(work: CraftInput, output: Path) -> CraftResult:
    """Makes the training set.

    Args:
        work: what to do.
        output: a folder that does not exist yet. The cache of `datasets` is beside it until the set is written.
    """
    times = [time.perf_counter()]
    output.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as cache:
        rows = datasets.load_dataset("parquet", data_files=work.parquet_files, split="train", cache_dir=cache)
        times.append(time.perf_counter())
        item_type = Item2024 if work.preset == "course-2024" else Item2025
        items: list[Any] = []
        for batch in rows.iter(_ROWS_AT_ONCE):
            values = zip(*batch.values(), strict=True)  # pyright: ignore[reportAttributeAccessIssue]
            items += [item_type(**dict(zip(batch, row, strict=True))) for row in values]
        times.append(time.perf_counter())
        make = splits_2024 if work.preset == "course-2024" else splits_2025
        splits = {name: split for name, split in make(items, work.sizes, work.seed).items() if split}
        times.append(time.perf_counter())
        made = datasets.DatasetDict({name: written(work.preset, name, split) for name, split in splits.items()})
        for name, split in made.items():
            split.to_parquet(output / f"{name}.parquet")
        times.append(time.perf_counter())
        parts: list[str] = ["load_dataset", "objects", "sample", "write"]
        spans = [after - before for before, after in itertools.pairwise(times)]
        digests = {
            name: rows_digest((item.parent_asin, item.price) for item in split) for name, split in splits.items()
        }
        return CraftResult(
            digests=digests,
            num_rows={name: len(split) for name, split in splits.items()},
            not_counted_s=time.perf_counter() - times[-1],
            apart_s=dict(zip(parts, spans, strict=True)),
        )


def main() -> None:
    """Runs the baseline. The command line holds the file with its input, and the output folder."""
    work_file, output = map(Path, sys.argv[1:])
    result = craft(msgspec.json.decode(work_file.read_bytes(), type=CraftInput), output)
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main()
