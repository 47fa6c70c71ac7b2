"""The default method a second time, after CRAFT.md's words: lists, sets and loops, and all values by `decimal`."""

from __future__ import annotations

import decimal
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction

from job.config.craft import CraftConfig, SampleConfig
from tests.selection.made_items import Item, Near

KINDS = ("id", "title", "text", "near")


def fold(text: str) -> str:
    return " ".join(text.casefold().split())


def key(seed: int, item: Item, use: str) -> int:
    message = b""
    for part in (str(seed), item.id or "", item.text):
        message += len(part.encode()).to_bytes(8, "big") + part.encode()
    return int.from_bytes(hashlib.blake2b(message, digest_size=8, person=use.encode()).digest(), "big")


def neighbours(items: Sequence[Item], near: Near) -> dict[str, dict[int, set[int]]]:
    """For each kind, the items that each item is the same as."""
    linked: dict[str, dict[int, set[int]]] = {}
    for kind in KINDS[:3]:
        classes: dict[object, set[int]] = defaultdict(set)
        for number, item in enumerate(items):
            if kind == "id" and not item.id:
                value: object = ("no id", fold(item.text)) if fold(item.text) else None
            else:
                value = {"id": item.id, "title": fold(item.title), "text": fold(item.text)}[kind] or None
            if value is not None:
                classes[value].add(number)
        linked[kind] = {one: same - {one} for same in classes.values() for one in same}
    linked["near"] = defaultdict(set)
    for one, other, _ in near:
        linked["near"][one].add(other)
        linked["near"][other].add(one)
    return linked


def grouped(size: int, linked: Iterable[dict[int, set[int]]]) -> list[set[int]]:
    """The group of each item."""
    kinds = list(linked)
    groups: list[set[int] | None] = [None] * size
    for number in range(size):
        if groups[number] is None:
            group, waiting = {number}, [number]
            while waiting:
                one = waiting.pop()
                new = set().union(*(kind.get(one, set()) for kind in kinds)) - group
                group |= new
                waiting += new
            for member in group:
                groups[member] = group
    return [group or set() for group in groups]


def drawn(items: Sequence[Item], config: SampleConfig, seed: int, left: list[int]) -> list[int]:
    """The items drawn, in the order in which they win."""
    with decimal.localcontext(prec=50):
        prices = [Decimal(items[number].price) for number in left]
        values: dict[int, Decimal] = {}
        for number, price in zip(left, prices, strict=True):
            weight = Decimal(float(config.category_weights.get(items[number].category, config.other_weight)))
            if config.price_power:
                place = (price - min(prices)) / (max(prices) - min(prices))
                weight *= place ** Decimal(config.price_power) if place else 0
            u = ((key(seed, items[number], "sample") >> 12) + Decimal("0.5")) / 2**52
            if weight:
                values[number] = -u.ln() / weight
    order = sorted(values, key=lambda number: (values[number], items[number].id or "", items[number].text, number))
    taken: dict[int, int] = defaultdict(int)
    remaining: list[int] = []
    for number in order:
        dollar = round(items[number].price)
        taken[dollar] += 1
        is_capped = config.slot_cap is not None and (config.whole_from is None or dollar < config.whole_from)
        if not is_capped or taken[dollar] <= (config.slot_cap or 0):
            remaining.append(number)
    return remaining[: config.size]


def decide(
    items: Sequence[Item], config: CraftConfig, near: Near
) -> tuple[list[tuple[str, int | None]], dict[str, list[int]]]:
    """Each item's fate and the item kept in its place, and the items of each split in the order of its rows."""

    def rank(number: int, use: str) -> tuple[int, str, str, int]:
        return key(config.seed, items[number], use), items[number].id or "", items[number].text, number

    linked = neighbours(items, near)
    fates: dict[int, tuple[str, int | None]] = {}
    for number, group in enumerate(grouped(len(items), [linked[kind] for kind in config.deduplicate])):
        survivor = min(group, key=lambda member: rank(member, "survivor"))
        if survivor != number:
            kind = next(kind for kind in config.deduplicate if linked[kind].get(number))
            fates[number] = (f"duplicate_{kind}", survivor)
    left = [number for number in range(len(items)) if number not in fates]
    sample = set(drawn(items, config.sample, config.seed, left))
    fates |= {number: ("not_drawn", None) for number in left if number not in sample}

    amounts = config.splits.amounts
    rest = next((name for name, amount in amounts.items() if amount == "rest"), "unused")
    room = {name: amount for name, amount in amounts.items() if isinstance(amount, int)}
    groups = {frozenset(group) for group in grouped(len(items), linked.values())}
    for group in sorted(groups, key=lambda group: min(rank(member, "split") for member in group)):
        members = group & sample
        x = Fraction(min(key(config.seed, items[member], "split") for member in group), 2**64)
        total, fate = Fraction(0), rest
        for name in ("test", "validation", "train"):
            amount = amounts[name]
            if isinstance(amount, float):
                total += Fraction(str(amount))
                if x < total:
                    fate = name
                    break
        else:
            for name in ("test", "validation", "train"):
                if members and len(members) <= room.get(name, 0):
                    fate = name
                    room[name] -= len(members)
                    break
        fates |= dict.fromkeys(members, (fate, None))
    splits = {
        name: sorted((n for n, (fate, _) in fates.items() if fate == name), key=lambda n: rank(n, "order"))
        for name in ("train", "validation", "test")
    }
    return [fates[number] for number in range(len(items))], splits
