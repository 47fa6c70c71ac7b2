"""Rows of a split that are in train, too."""

from __future__ import annotations

import random

import numpy as np

from job.selection.leaks import LeakedRow, LeakKind, Leaks, leaked_rows, leaks


def hashes(*values: int) -> np.ndarray:
    """Returns rows of hashes of which half are often the same."""
    return np.array([(value % 3 + 1, value) if value else (0, 0) for value in values], np.uint64).reshape(-1, 2)


def test_each_kind_is_counted_on_its_own() -> None:
    train: dict[LeakKind, np.ndarray] = {
        "id": hashes(1, 2, 3),
        "title": hashes(4, 4, 5),
        "text": hashes(6, 7, 8),
        "prompt": hashes(9, 10, 11),
    }
    test: dict[LeakKind, np.ndarray] = {
        "id": hashes(1, 20, 3, 21),
        "title": hashes(22, 4, 4, 23),
        "text": hashes(24, 25, 26, 27),
        "prompt": hashes(28, 29, 11, 30),
    }
    counts, examples = leaks(test, train, (np.array([2, 2, 1]), np.array([2, 0, 1])))
    assert counts == Leaks(rows=4, id=2, title=2, text=0, prompt=1, near=2, any=3)
    assert examples == {
        "id": [LeakedRow(row=0, train_row=0), LeakedRow(row=2, train_row=2)],
        "title": [LeakedRow(row=1, train_row=0), LeakedRow(row=2, train_row=0)],
        "text": [],
        "prompt": [LeakedRow(row=2, train_row=2)],
        "near": [LeakedRow(row=1, train_row=1), LeakedRow(row=2, train_row=0)],
    }


def test_a_kind_that_was_not_looked_for_has_no_count() -> None:
    counts, examples = leaks({"text": hashes(1)}, {"text": hashes(1, 1)})
    assert counts == Leaks(rows=1, id=None, title=None, text=1, prompt=None, near=None, any=1)
    assert examples == {"text": [LeakedRow(row=0, train_row=0)]}


def test_nothing_is_the_same_as_no_other() -> None:
    rows, first = leaked_rows(hashes(0, 0, 5), hashes(0, 5, 0))
    assert (rows.tolist(), first.tolist()) == ([2], [1])


def test_rows_that_are_the_same_within_a_split_or_in_half_of_their_hash_are_no_leak() -> None:
    rows, _ = leaked_rows(hashes(3, 3, 6), hashes(9, 9, 12))
    assert rows.tolist() == []


def test_an_empty_split_and_an_empty_train_have_no_leaks() -> None:
    for held, train in ((hashes(), hashes(1)), (hashes(1), hashes()), (hashes(), hashes())):
        assert leaked_rows(held, train)[0].tolist() == []


def test_examples_are_the_first_rows_that_leak() -> None:
    _, examples = leaks({"id": hashes(9, 3, 2, 1)}, {"id": hashes(1, 2, 3)}, examples=2)
    assert examples["id"] == [LeakedRow(row=1, train_row=2), LeakedRow(row=2, train_row=1)]


def test_leaks_are_those_of_a_plain_search() -> None:
    made = random.Random(1)
    train, held = ([made.randrange(40) for _ in range(size)] for size in (60, 50))
    rows, first = leaked_rows(hashes(*held), hashes(*train))
    expected = [(row, train.index(value)) for row, value in enumerate(held) if value and value in train]
    assert list(zip(rows.tolist(), first.tolist(), strict=True)) == expected
