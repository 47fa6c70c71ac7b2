"""Pairs to compare: few of them, and enough."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import pytest

from job.selection import near_pairs
from job.selection.folding import folded
from job.selection.near_pairs import Rounds, batches, pairs_between
from tests.selection.near_catalogue import all_near_pairs, bands_of, catalogue, groups_of, hashes_of, linked, words_of

TEXT = "a quiet kettle of brushed steel with a cork handle that stays cool for years and pours without a drip"


def family(size: int, length: int, changes: int) -> list[str]:
    """Returns variants of one text, each with some words changed."""
    made = random.Random(4)
    base = [word for word in words_of(made, 2 * length) if not any(map(str.isdigit, word))][:length]
    texts: list[str] = []
    for _ in range(size):
        text = list(base)
        for _ in range(changes):
            text[made.randrange(length)] = "".join(made.choices("abcdefgh", k=6))
        texts.append(" ".join(text))
    return texts


def test_copies_are_linked_without_a_comparison() -> None:
    links, compared = linked([""] * 10_000, [TEXT, TEXT.upper()] * 5_000, 0.8)
    assert (len(links), compared) == (9_999, 0)
    assert set(links.values()) == {1.0}


def test_copies_with_other_numbers_are_no_copies() -> None:
    links, compared = linked(["2-pack", "4-pack", "2-pack"], [TEXT] * 3, 0.8)
    assert (links, compared) == ({(0, 2): 1.0}, 0)


@pytest.mark.parametrize("text", ["", "--- !!!", " \n"])
def test_texts_without_words_are_linked_to_nothing(text: str) -> None:
    assert linked(["a title"] * 10_000, [text] * 10_000, 0.8) == ({}, 0)
    assert linked([], [], 0.8) == ({}, 0)


@pytest.mark.seconds
def test_many_variants_of_one_text_become_one_group_with_few_comparisons() -> None:
    texts = family(2_000, 50, 1)
    links, compared = linked([""] * 2_000, texts, 0.8)
    assert set(groups_of(2_000, links).tolist()) == {0}
    assert compared < 20 * 2_000, "of 2 million pairs"


@pytest.mark.parametrize("budget", [near_pairs.FULL_PAIRS, 3_000], ids=["whole", "cut"])
def test_near_duplicates_are_found_among_many_texts_that_have_most_in_common(
    budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_pairs, "FULL_PAIRS", budget)
    made = random.Random(2)
    common = "x ".join(map(str, range(40))).translate(str.maketrans("0123456789", "abcdefghij"))
    texts: list[str] = []
    for _ in range(250):
        own = ["".join(made.choices("klmnopqr", k=5)) for _ in range(12)]
        texts += [" ".join([common, *own]), " ".join([common, *own[:-1]])][: made.choice((1, 1, 2))]
    links, compared = linked([""] * len(texts), texts, 0.8)
    expected = all_near_pairs([""] * len(texts), texts, 0.8)
    groups = groups_of(len(texts), links)
    assert len(expected) > 50
    assert sum(groups[first] == groups[second] for first, second in expected) >= 0.99 * len(expected)
    assert set(links) <= set(expected)
    assert compared < 14 * 2 * budget


@pytest.mark.seconds
def test_neither_the_order_of_items_nor_that_of_links_plays_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_pairs, "FULL_PAIRS", 2_000)
    titles, texts = catalogue(800)
    titles, texts = [*titles, *[""] * 300], [*texts, *family(300, 40, 2)]
    order = list(range(len(texts)))
    random.Random(3).shuffle(order)
    links, _ = linked(titles, texts, 0.8)
    others, _ = linked([titles[item] for item in order], [texts[item] for item in order], 0.8)

    def by_text(pairs: Iterable[tuple[int, int]]) -> list[list[str]]:
        return sorted(sorted(folded(texts[item]) for item in pair) for pair in pairs)

    assert by_text(links) == by_text((order[one], order[other]) for one, other in others)


@pytest.mark.seconds
def test_a_round_ends_when_it_has_many_pairs_and_the_links_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    titles, texts = catalogue(800)
    whole, _ = linked(titles, texts, 0.8)
    monkeypatch.setattr(near_pairs, "MAX_PAIRS", 50)
    monkeypatch.setattr(near_pairs, "_PAIRS_AT_ONCE", 7)
    rounds = Rounds(bands_of(titles, texts, 0.8), hashes_of(texts))
    num_rounds = 0
    while rounds.next_pairs() is not None:
        num_rounds += 1
    assert num_rounds > 3
    in_pieces, _ = linked(titles, texts, 0.8)
    assert groups_of(800, in_pieces).tolist() == groups_of(800, whole).tolist()


def test_batches_have_each_pair_once_and_few_items() -> None:
    made = np.random.default_rng(1)
    first = np.concatenate([made.integers(0, 300, 4000), 1000 + 2 * np.arange(500)])
    second = np.concatenate([made.integers(300, 600, 4000), 1001 + 2 * np.arange(500)])
    cut = batches(first, second, 100)
    assert sorted(np.concatenate(cut).tolist()) == list(range(4500))
    items = [set(first[places].tolist()) | set(second[places].tolist()) for places in cut]
    assert max(map(len, items)) <= 100
    assert sum(map(len, items)) < 2 * 4500 / 2
    small = [batch for batch in items if max(batch) >= 1000]
    assert sum(map(len, small)) <= 1000 + 100, "pairs that hang together are in one batch"


def test_no_pairs_are_no_batches() -> None:
    nothing = np.empty(0, np.int64)
    assert batches(nothing, nothing, 100) == []


def test_pairs_between_two_sides_are_enough_to_tell_who_has_a_near_duplicate_on_the_other() -> None:
    titles, texts = catalogue(1000)
    train, held = np.arange(0, 900), np.arange(900, 1000)
    first, second = pairs_between(bands_of(titles, texts, 0.8), hashes_of(texts), held, train, 4)
    assert set(first.tolist()) <= set(held.tolist())
    assert set(second.tolist()) <= set(train.tolist())
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(pairs) == len(first)
    expected = {pair for pair in all_near_pairs(titles, texts, 0.8) if pair[0] < 900 <= pair[1]}
    told = {other for one, other in expected if (other, one) in pairs}
    assert len(told) >= 0.99 * len({other for _, other in expected})
    assert len(told) > 25


def test_pairs_between_two_sides_are_limited_in_a_large_bucket() -> None:
    found, text = np.ones((1000, 3), np.uint64), np.stack([np.arange(1000)] * 2, axis=1).astype(np.uint64)
    held = np.array([500, 800])
    first, second = pairs_between(found, text, held, np.setdiff1d(np.arange(1000), held), 2)
    assert first.tolist() == [500] * 4 + [800] * 4
    assert second.tolist() == [498, 499, 501, 502, 798, 799, 801, 802]


def all_pairs_of(found: np.ndarray) -> set[tuple[int, int]]:
    """Returns the pairs of all rounds when no pair becomes a link."""
    text = np.random.default_rng(2).integers(1, 1 << 63, (len(found), 2)).astype(np.uint64)
    rounds, pairs = Rounds(found, text), set[tuple[int, int]]()
    while (some := rounds.next_pairs()) is not None:
        pairs |= set(zip(*(ends.tolist() for ends in some), strict=True))
    return pairs


@pytest.mark.parametrize("values", [3, 40, 2000], ids=["large buckets", "both", "small buckets"])
def test_all_pairs_that_share_a_band_are_compared_where_no_bucket_is_too_large(values: int) -> None:
    found = np.random.default_rng(1).integers(1, values + 1, (300, 5)).astype(np.uint64)
    expected = {(one, other) for other in range(300) for one in range(other) if (found[one] == found[other]).any()}
    assert all_pairs_of(found) == expected


def test_items_of_too_large_a_bucket_are_compared_where_they_share_another_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(near_pairs, "FULL_PAIRS", 1_000)
    monkeypatch.setattr(near_pairs, "PAIRS_PER_ITEM", 5)
    item = np.random.default_rng(1).permutation(2000)
    found = np.stack([item % 20, item // 20 % 20], axis=1).astype(np.uint64) + np.uint64(1)  # of each value 100 items
    pairs = all_pairs_of(found)
    both = {(one, other) for other in range(2000) for one in range(other) if item[one] % 400 == item[other] % 400}
    assert len(both) == 400 * 10
    assert both <= pairs
    assert len(pairs) < 20_000, "of 192,000 that share a band"
