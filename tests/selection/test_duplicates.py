"""Items are linked by what they share, and linked items form groups, of which one stays."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest

from job.selection.duplicates import Links, NearLinks, duplicates, groups, links
from job.selection.index import Index
from job.selection.ranking import ranked
from tests.selection import plain
from tests.selection.made_items import Item, index_of, keyed, made, made_near, near_links

ITEMS = [
    Item(id="A", title="Ball", text="Red"),
    Item(id="B", title="ball ", text="Blue"),
    Item(id="B", title="Bat", text="Green"),
    Item(id="C", title="", text="green\n"),
    Item(id="a", title="", text=""),
    Item(id=None, title="Cap", text=" "),
    Item(id="", title="Cup", text="RED"),
    Item(id=None, title="Mug", text="red"),
]


def pairs(found: Links) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}


def test_items_are_linked_by_id_folded_title_and_folded_text() -> None:
    found = links(index_of(ITEMS), None)
    assert {kind: pairs(each) for kind, each in found.items()} == {
        "id": {(1, 2), (6, 7)},
        "title": {(0, 1)},
        "text": {(0, 6), (0, 7), (2, 3)},
        "near": set(),
    }


def test_an_index_without_ids_titles_or_texts_links_what_it_has() -> None:
    index = index_of(ITEMS, has_id=False)
    assert pairs(links(index, None)["id"]) == {(0, 6), (0, 7), (2, 3)}
    bare = Index(categories=index.categories, category=index.category, keys=index.keys)
    assert not any(map(pairs, links(bare, None).values()))


def test_hashes_are_the_same_only_when_both_halves_are() -> None:
    halves = [[1, 2], [1, 3], [2, 2], [0, 2], [2, 0], [0, 0], [0, 0], [1, 3], [0, 2]]
    found = links(keyed(9, title=np.array(halves, np.uint64)), None)
    assert pairs(found["title"]) == {(1, 7), (3, 8)}


def test_groups_are_linked_items_and_have_the_number_of_their_first_one() -> None:
    ends = Links(first=np.array([5, 1, 3, 7]), second=np.array([3, 5, 3, 8]))
    assert groups(10, [ends]).tolist() == [0, 1, 2, 1, 4, 1, 6, 7, 7, 9]
    assert groups(3, []).tolist() == [0, 1, 2]
    assert groups(0, []).tolist() == []


@pytest.mark.parametrize("shape", ["path", "path from both ends", "star", "shuffled path", "random"])
def test_groups_of_any_shape_are_found(shape: str) -> None:
    size, chance = 4_000, random.Random(5)
    order = list(range(size))
    if shape == "path from both ends":
        order = [one for pair in zip(range(size // 2), range(size - 1, 0, -1), strict=False) for one in pair]
    if shape.startswith("shuffled"):
        chance.shuffle(order)
    edges = list(itertools.pairwise(order))
    if shape == "star":
        edges = [(size // 2, one) for one in order]
    if shape == "random":
        edges = [(chance.randrange(size), chance.randrange(size)) for _ in range(size // 2)]
    linked: dict[int, set[int]] = {}
    for one, other in edges:
        linked.setdefault(one, set()).add(other)
        linked.setdefault(other, set()).add(one)
    expected = [min(group) for group in plain.grouped(size, [linked])]
    ends = Links(first=np.array([edge[0] for edge in edges]), second=np.array([edge[1] for edge in edges]))
    assert groups(size, [ends]).tolist() == expected


def test_the_survivor_has_the_smallest_key_and_others_count_under_the_first_kind_that_links_them() -> None:
    index = index_of(ITEMS)
    index.keys["survivor"][:] = [5, 4, 9, 8, 0, 0, 6, 7]
    near = near_links([(3, 5, 0.9), (1, 0, 0.85)])
    found = links(index, near)
    kept = duplicates(index, found, ["title", "near", "id"])
    # groups: 0-1 by title and nearly; 1-2 and 6-7 by id; 3-5 nearly
    assert kept.removed.tolist() == [0, 2, 3, 7]
    assert kept.kind.tolist() == [1, 0, 3, 0]
    assert kept.kept.tolist() == [1, 1, 5, 6]
    assert kept.similarity.tolist() == pytest.approx([np.nan, np.nan, 0.9, np.nan], nan_ok=True)
    kept = duplicates(index, found, ["near", "id", "text"])
    # all but 4 are one group, of which 5 stays: 0-1 and 3-5 nearly, 1-2 and 6-7 by id, 2-3 and 0-6 by text
    assert kept.removed.tolist() == [0, 1, 2, 3, 6, 7]
    assert kept.kept.tolist() == [5] * 6
    assert kept.kind.tolist() == [3, 3, 0, 3, 0, 0]
    assert kept.similarity.tolist() == pytest.approx([np.nan, np.nan, np.nan, 0.9, np.nan, np.nan], nan_ok=True)


def test_without_kinds_nothing_is_removed() -> None:
    index = index_of(ITEMS)
    assert duplicates(index, links(index, near_links([(0, 1, 1.0)])), []).removed.tolist() == []


def test_equal_keys_go_by_the_id_then_the_text_then_load_order() -> None:
    ids = pa.array(["b", "é", None, "a", "a", "a", "", "z"], pa.large_string())
    text = np.array([[9, 9], [9, 9], [9, 9], [7, 2], [7, 1], [7, 1], [8, 8], [1, 1]], np.uint64)
    index = keyed(8, ids=ids, text=text, survivor=[5, 5, 5, 5, 5, 5, 5, 2**64 - 1])
    for places in (range(8), [7, 5, 3, 1, 6, 4, 2, 0]):
        assert ranked(index, "survivor", np.array(places)).tolist() == [6, 2, 4, 5, 3, 0, 1, 7]
    index = keyed(5, order=[3, 1, 3, 2, 1])
    assert ranked(index, "order", np.array([4, 3, 2, 1, 0])).tolist() == [1, 4, 3, 0, 2]
    assert ranked(index, "order", np.array([], np.int64)).tolist() == []


def test_near_links_may_be_given_either_way_round() -> None:
    items, near = made(300, seed=6), made_near(300, 80, seed=6)
    turned = [(other, one, similarity) for one, other, similarity in reversed(near)]
    found = [
        duplicates(index_of(items), links(index_of(items), near_links(each)), ["near", "title"])
        for each in (near, turned)
    ]
    assert found[0].similarity.tolist() == pytest.approx(found[1].similarity.tolist(), nan_ok=True)
    assert found[0].kept.tolist() == found[1].kept.tolist()
    assert (found[0].similarity > 0).sum() > 20


def test_no_near_links_are_none() -> None:
    empty = NearLinks(first=np.empty(0, np.int64), second=np.empty(0, np.int64), similarity=np.empty(0))
    index = index_of(ITEMS)
    assert (
        duplicates(index, links(index, empty), ["near", "id"]).removed.tolist()
        == duplicates(index, links(index, None), ["id"]).removed.tolist()
    )
