"""Both courses' training sets the plain way, as the notebooks make them: lists of items, `random` and `numpy`.

Written from the rules, without the code under test. An item is a dict with `number`, `category`,
`price`, `title` and `text`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Item = dict[str, Any]


@dataclass
class Plain:
    """A training set: its splits, and why every other item is in none."""

    train: list[Item]
    validation: list[Item]
    test: list[Item]
    sample: list[Item]
    reasons: dict[int, str] = field(default_factory=dict)
    lost_to: dict[int, int] = field(default_factory=dict)

    def finish(self, items: list[Item]) -> Plain:
        drawn = {item["number"] for item in self.sample}
        used = {item["number"] for item in self.train + self.validation + self.test}
        for item in items:
            if item["number"] not in drawn:
                self.reasons.setdefault(item["number"], "not_drawn")
            elif item["number"] not in used:
                self.reasons[item["number"]] = "unused"
        return self


def divide(sample: list[Item], train: int | str, validation: int | str, test: int | str) -> list[list[Item]]:
    if train == "rest":
        train = len(sample) - int(validation) - int(test)
    if validation == "rest":
        validation = len(sample) - int(train) - int(test)
    if test == "rest":
        test = len(sample) - int(train) - int(validation)
    a, b, c = int(train), int(train) + int(validation), int(train) + int(validation) + int(test)
    return [sample[:a], sample[a:b], sample[b:c]]


def chances_2024(slot: list[Item], weights: dict[str, float], other: float) -> np.ndarray:
    w = np.array([weights.get(item["category"], other) for item in slot])
    return w / np.sum(w)


def course_2024(
    items: list[Item],
    *,
    seed: int = 42,
    cap: int | None = 1200,
    whole_from: int | None = 240,
    weights: dict[str, float] | None = None,
    other: float = 5,
    splits: tuple[int | str, int | str, int | str] = (400_000, 0, 2_000),
    lite: bool = False,
) -> Plain:
    weights = {"Automotive": 1} if weights is None else weights
    if lite:
        sample = [item for item in items if item["category"] == "Appliances"]
    else:
        slots: dict[int, list[Item]] = defaultdict(list)
        for item in items:
            slots[round(item["price"])].append(item)
        np.random.seed(seed)
        sample = []
        for dollar in range(1, 1000):
            slot = slots[dollar]
            if cap is None or len(slot) <= cap or (whole_from is not None and dollar >= whole_from):
                sample.extend(slot)
            else:
                w = chances_2024(slot, weights, other)
                chosen = np.random.choice(len(slot), size=cap, replace=False, p=w)
                sample.extend([slot[i] for i in chosen])
    shuffled = list(sample)
    random.seed(seed)
    random.shuffle(shuffled)
    train, validation, test = divide(shuffled, *splits)
    return Plain(train, validation, test, sample).finish(items)


def chances_2025(left: list[Item], power: float | None, weights: dict[str, float]) -> np.ndarray:
    prices = np.array([item["price"] for item in left])
    categories = np.array([item["category"] for item in left])
    w = np.ones(len(left))
    if power is not None:
        w = ((prices - prices.min()) / (prices.max() - prices.min() + 1e-9)) ** power
    for category, weight in weights.items():
        w[categories == category] *= weight
    return w / w.sum()


def course_2025(
    items: list[Item],
    *,
    seed: int = 42,
    deduplicate: tuple[str, ...] = ("title", "text"),
    size: int = 820_000,
    power: float | None = 2,
    weights: dict[str, float] | None = None,
    splits: tuple[int | str, int | str, int | str] = (800_000, 10_000, "rest"),
    lite: tuple[int, int, int] | None = None,
) -> Plain:
    weights = {"Tools_and_Home_Improvement": 0.5, "Automotive": 0.05} if weights is None else weights
    left = list(items)
    random.seed(seed)
    random.shuffle(left)
    reasons: dict[int, str] = {}
    lost_to: dict[int, int] = {}
    for kind in deduplicate:
        first: dict[str, Item] = {}
        for item in left:
            if item[kind] in first:
                reasons[item["number"]] = f"duplicate_{kind}"
                lost_to[item["number"]] = first[item[kind]]["number"]
            else:
                first[item[kind]] = item
        left = list(first.values())

    np.random.seed(seed)
    w = chances_2025(left, power, weights)
    sample = [left[i] for i in np.random.choice(len(left), size=size, replace=False, p=w)]

    shuffled = list(sample)
    random.seed(seed)
    random.shuffle(shuffled)
    if lite is None:
        train, validation, test = divide(shuffled, *splits)
    else:
        train, validation, test = shuffled[:800_000], shuffled[800_000:810_000], shuffled[810_000:]
        train, validation, test = train[: lite[0]], validation[: lite[1]], test[: lite[2]]
    return Plain(train, validation, test, sample, reasons, lost_to).finish(items)
