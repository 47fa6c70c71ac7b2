"""Counts the items of some shards. Of each shard only the columns of price and length are read, some rows at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from job.output.folder import OutputFolder
from job.recipe.protocol import RecipeDescription, arrow_type
from job.report.figures.pairs import PairSums, Ranks, Sample
from job.report.figures.tally import CENTS, Numbers, Tally, is_countable, whole_numbers
from job.report.shards import damaged, tables

_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which item columns are counted; None where a recipe has none that can be."""

    price: str | None
    length: str | None
    """Of text, its characters are counted."""
    length_unit: str

    @classmethod
    def of(cls, recipe: RecipeDescription) -> Columns:
        """Returns what there is to count of a recipe's items."""
        roles, types = recipe.roles, recipe.columns
        numbers = {name for name, kind in types.items() if is_countable(arrow_type(kind))}
        if roles.length in numbers:
            length, unit = roles.length, recipe.length_unit
        else:
            length, unit = roles.text if types.get(roles.text or "") == "string" else None, "characters"
        return cls(price=roles.price if roles.price in numbers else None, length=length, length_unit=unit)

    @property
    def names(self) -> list[str]:
        """What is read of a shard."""
        return [name for name in dict.fromkeys((self.price, self.length)) if name is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A shard, and the malformed rows beside it."""

    path: str
    size_bytes: int
    category: str
    first_item: int
    """Number of its first item in the output."""
    num_items: int
    rejects: str | None
    rejects_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What was counted of some shards. Counts add up, in any order."""

    prices: dict[str, Tally] = field(default_factory=dict[str, Tally])
    """Prices in cents by category."""
    lengths: dict[str, Tally] = field(default_factory=dict[str, Tally])
    pairs: PairSums = field(default_factory=PairSums)
    """Of the items that have both: price in cents, and length."""
    paired_prices: Tally = field(default_factory=Tally)
    paired_lengths: Tally = field(default_factory=Tally)
    sample: Sample = field(default_factory=Sample)
    causes: Counter[str] = field(default_factory=Counter[str])
    """Malformed rows by cause, with N for each number in it."""

    @classmethod
    def sum(cls, parts: Iterable[Counts]) -> Counts:
        """Adds counts."""
        found = list(parts)
        return cls(
            prices=_by_category([part.prices for part in found]),
            lengths=_by_category([part.lengths for part in found]),
            pairs=PairSums.sum(part.pairs for part in found),
            paired_prices=Tally.sum(part.paired_prices for part in found),
            paired_lengths=Tally.sum(part.paired_lengths for part in found),
            sample=Sample.sum(part.sample for part in found),
            causes=sum((part.causes for part in found), Counter[str]()),
        )


def _by_category(parts: Sequence[dict[str, Tally]]) -> dict[str, Tally]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: Tally.sum(part[name] for part in parts if name in part) for name in names}


def count_shards(output: OutputFolder, shards: Sequence[Shard], columns: Columns) -> Counts:
    """Counts shards, and the malformed rows beside them.

    Args:
        output: the output folder.
        shards: which shards.
        columns: what is counted of them.

    Raises:
        CurateError: when one cannot be read, or has not as many items as its record says.
    """
    return Counts.sum(part for shard in shards for part in _counted(output, shard, columns))


def _counted(output: OutputFolder, shard: Shard, columns: Columns) -> Iterator[Counts]:
    if shard.rejects is not None:
        causes = Counter[str]()
        for table in tables(output, shard.rejects, shard.rejects_bytes, ["cause"]):
            causes.update(_DIGITS.sub("N", cause) for cause in table["cause"].to_pylist())
        yield Counts(causes=causes)
    if not columns.names or not shard.num_items:
        return
    place = shard.first_item
    for table in tables(output, shard.path, shard.size_bytes, columns.names):
        rows = table.num_rows
        places = np.arange(place, place + rows, dtype=np.uint64)
        place += rows
        yield _of_table(table, shard.category, columns, places)
    if place - shard.first_item != shard.num_items:
        raise damaged(output, shard.path, "it has not as many items as its record says")


def _of_table(table: pa.Table, category: str, columns: Columns, places: np.ndarray) -> Counts:
    counts = Counts()
    found: list[tuple[Numbers, np.ndarray]] = []
    for name, scale, into in ((columns.price, CENTS, counts.prices), (columns.length, 1, counts.lengths)):
        if name is not None:
            numbers, is_one = whole_numbers(table[name], scale)
            found.append((numbers, is_one))
            into[category] = Tally.of(numbers[is_one])
    if len(found) < 2:
        return counts
    has_both = found[0][1] & found[1][1]
    prices, lengths = found[0][0][has_both], found[1][0][has_both]
    is_all = bool(has_both.all())
    return Counts(
        prices=counts.prices,
        lengths=counts.lengths,
        pairs=PairSums.of(prices, lengths),
        paired_prices=counts.prices[category] if is_all else Tally.of(prices),
        paired_lengths=counts.lengths[category] if is_all else Tally.of(lengths),
        sample=Sample.of(prices, lengths, places[has_both]),
    )


def sum_ranks(
    output: OutputFolder, shards: Sequence[Shard], columns: Columns, price_ranks: Ranks, length_ranks: Ranks
) -> PairSums:
    """Sums the ranks of prices and lengths, from which Spearman's correlation follows.

    Args:
        output: the output folder.
        shards: which shards.
        columns: what is counted of them; it has both.
        price_ranks: ranks of all prices.
        length_ranks: ranks of all lengths.
    """
    sums: list[PairSums] = []
    for shard in shards:
        if not shard.num_items:
            continue
        for table in tables(output, shard.path, shard.size_bytes, columns.names):
            prices, priced = whole_numbers(table[str(columns.price)], CENTS)
            lengths, measured = whole_numbers(table[str(columns.length)])
            has_both = priced & measured
            sums.append(PairSums.of(price_ranks(prices[has_both]), length_ranks(lengths[has_both])))
    return PairSums.sum(sums)
