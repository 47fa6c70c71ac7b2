"""What the courses do next, without a GPU: guess the mean price of train for each row of test, and say how good it is.

    python configs/constant_baseline.py out/for-2024

The folder is one that `curate export SET --to course-2024` (or `course-2025`) wrote; nothing else is read. Put a model
of your own in place of `constant`: it gets the text of a row, and answers in words, of which the price is read.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets

HIT_DOLLARS, HIT_SHARE = 40, 0.2
"""A guess is a hit when it is off by less than this many dollars, or by less than this share of the price."""
TEXT_COLUMNS = ("text", "full")
"""What a model reads: in the form `course-2024`, and in `course-2025`."""


def constant(train: datasets.Dataset) -> Callable[[str], str]:
    """Returns a model that always answers with the mean price of train."""
    mean = sum(train["price"]) / len(train)
    return lambda _: f"{mean!r}"


def price_in(answer: str) -> float:
    """Returns the first number in an answer, as the courses read it; 0 without any."""
    found = re.search(r"[-+]?\d*\.\d+|\d+", answer.replace("$", "").replace(",", ""))
    return float(found[0]) if found else 0.0


def evaluate(model: Callable[[str], str], test: datasets.Dataset) -> dict[str, float]:
    """Asks a model for the price of each row.

    Args:
        model: answers a text.
        test: rows with a price, and a column of `TEXT_COLUMNS`.

    Returns:
        `error`, the mean error in dollars; `rmsle`, the root of the mean squared difference of the logarithms of price
        and guess, each plus 1; `hits`, in percent.
    """
    column = next(name for name in TEXT_COLUMNS if name in test.column_names)
    errors: list[float] = []
    squares: list[float] = []
    hits = 0
    rows: Any = test
    for row in rows:
        guess, truth = price_in(model(row[column])), row["price"]
        error = abs(guess - truth)
        errors.append(error)
        squares.append((math.log(truth + 1) - math.log(guess + 1)) ** 2)
        hits += error < HIT_DOLLARS or error / truth < HIT_SHARE
    count = len(errors)
    return {"error": sum(errors) / count, "rmsle": math.sqrt(sum(squares) / count), "hits": 100 * hits / count}


def main() -> None:
    """Evaluates the constant model on a folder."""
    parser = argparse.ArgumentParser(description="How good is it to guess the mean price of train?")
    parser.add_argument("folder", type=Path, help="what `curate export SET --to course-2024` or course-2025 wrote")
    parser.add_argument("--size", type=int, default=250, help="rows of test to evaluate; 250 as the course does")
    given = parser.parse_args()
    files = {name: str(given.folder / f"{name}.parquet") for name in ("train", "test")}
    read: Any = datasets.load_dataset("parquet", data_files=files)
    test = read["test"].select(range(min(given.size, len(read["test"]))))
    found = evaluate(constant(read["train"]), test)
    print(  # noqa: T201
        f"{len(test):,} rows of test: mean error ${found['error']:.2f}, RMSLE {found['rmsle']:.2f}, "
        f"hits {found['hits']:.1f}%"
    )


if __name__ == "__main__":
    main()
