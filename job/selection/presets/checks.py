"""What both presets ask of their items and settings, and the settings that a preset fills in itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from job.config.craft import Amount, CraftConfig
from job.errors import UsageError, printable, quoted
from job.selection.index import Index


def own_settings(config: CraftConfig) -> CraftConfig:
    """Returns the same preset with every setting as the preset has it."""
    given = {"items": config.items, "output": config.output, "preset": config.preset, "lite": config.lite}
    return CraftConfig.model_validate(given)


def full_settings(config: CraftConfig) -> CraftConfig:
    """Returns the full form of the same preset with every setting as the preset has it."""
    return own_settings(config.model_copy(update={"lite": False}))


def checked_prices(index: Index, config: CraftConfig) -> np.ndarray:
    """Returns the price of each item; float64.

    Raises:
        UsageError: when there are no items, or no prices, or a price is no finite number.
    """
    if not len(index):
        raise UsageError(
            f"{printable(config.items)} has no items to make a training set of\nname others: --set items=DIR"
        )
    if index.price is None:
        raise UsageError(
            f"preset {config.preset} needs prices, and the items of {printable(config.items)} have none\n"
            "name others, --set items=DIR, or leave the preset out: --set preset=null"
        )
    wrong = np.flatnonzero(~np.isfinite(index.price))
    if len(wrong):
        first = int(wrong[0])
        raise UsageError(
            f"preset {config.preset} needs finite prices, and {len(wrong):,} of {len(index):,} items have none; "
            f"the first is item {first}, of {index.categories[index.category[first]]}: {index.price[first]}\n"
            f"to see it: curate show {printable(quoted(config.items))} {first}"
        )
    return index.price


def smaller_splits(amounts: dict[str, Amount], asked: int, available: int) -> list[str]:
    """Returns settings of splits that fit, each about as large a part of the sample as before.

    Args:
        amounts: the sizes that do not fit, as rows or `rest`.
        asked: items in the sample that these were made for.
        available: items that there are.

    Returns:
        Such as `["splits.train=2985", "splits.test=15"]`; empty when the sizes fit.
    """
    rows = {name: amount for name, amount in amounts.items() if isinstance(amount, int)}
    if sum(rows.values()) <= available:
        return []
    whole = max(asked, sum(rows.values()))
    fitting = {name: amount * available // whole for name, amount in rows.items()}
    if len(rows) == len(amounts):
        largest = max(rows, key=lambda name: rows[name])
        fitting[largest] += available - sum(fitting.values())
    return [f"splits.{name}={amount}" for name, amount in fitting.items() if amount != amounts[name]]


def as_flags(settings: Iterable[str]) -> str:
    """Returns settings as they are typed in a shell."""
    return " ".join(f"--set {setting}" for setting in settings)
