"""Pairs to compare: few of them, and enough."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import pytest

from job.selection import near_pairs
from job.selection.folding import folded
from job.selection.near import bands
from job.selection.near_pairs import Rounds, batches, pairs_between
from tests.selection.near_catalogue import all_near_pairs, catalogue, groups_of, hashes_of, linked, words_of

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
    rounds = Rounds(bands(titles, texts, 0.8), hashes_of(texts))
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
    first, second = pairs_between(bands(titles, texts, 0.8), hashes_of(texts), held, train, 4)
    assert set(first.tolist()) <= set(held.tolist())
    assert set(second.tolist()) <= set(train.tolist())
    pairs = set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(pairs) == len(first)
    expected = {pair for pair in all_near_pairs(titles, texts, 0.8) if pair[0] < 900 <= pair[1]}
    told = {other for one, other in expected if (other, one) in pairs}
    assert len(told) >= 0.99 * len({other for _, other in expected})
    assert len(told) > 25


def test_pairs_between_two_sides_are_limited_in_a_bucket_of_copies() -> None:
    found = bands([""] * 1000, [TEXT] * 1000, 0.8)
    first, _ = pairs_between(found, hashes_of([TEXT] * 1000), np.arange(10), np.arange(10, 1000), 4)
    assert 10 <= len(first) <= 10 * 2 * 4
