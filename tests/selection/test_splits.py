"""The sample is divided by groups: shares by the group's key, row counts in the order of keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from job.config.craft import SplitsConfig
from job.errors import UsageError
from job.selection.splits import split
from tests.selection.made_items import keyed

LAST = 2**64 - 1


def divided(
    splits: dict[str, Any],
    keys: list[int],
    group: list[int] | None = None,
    sample: list[int] | None = None,
    **columns: Any,
) -> dict[str, list[int]]:
    size = len(keys)
    found = split(
        keyed(size, split=keys, **columns),
        SplitsConfig.model_validate(splits),
        np.array(range(size) if group is None else group, np.int32),
        np.array(range(size) if sample is None else sample, np.int64),
    )
    return {name: places.tolist() for name, places in found.items()}


def test_a_share_is_compared_exactly() -> None:
    tenth = 1_844_674_407_370_955_161  # 2^64 / 10 = …161.6
    keys = [0, tenth, tenth + 1, 3 * tenth + 1, 3 * tenth + 2, LAST]  # 3/10: …484.8
    shares = {"train": "rest", "validation": 0.2, "test": 0.1}
    assert divided(shares, keys) == {"train": [4, 5], "validation": [2, 3], "test": [0, 1]}
    keys = [tenth * 7 + 4, tenth * 7 + 5]  # 7/10: …131.2
    assert divided({"train": "rest", "validation": 0.1, "test": 0.6}, keys) == {
        "train": [1],
        "validation": [0],
        "test": [],
    }


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"train": 0.5, "validation": 0.25, "test": 0.25}, {"train": [2, 3], "validation": [1], "test": [0]}),
        ({"train": 0.5, "validation": "rest", "test": 0.25}, {"train": [1, 2], "validation": [3], "test": [0]}),
        ({"train": 0.25, "validation": 0.25, "test": "rest"}, {"train": [1], "validation": [0], "test": [2, 3]}),
        ({"train": 0.0, "validation": 1.0, "test": 0.0}, {"train": [], "validation": [0, 1, 2, 3], "test": []}),
        ({"train": "rest", "validation": 0.0, "test": 0.0}, {"train": [0, 1, 2, 3], "validation": [], "test": []}),
        ({"train": 1, "validation": 0.25, "test": 0.25}, {"train": [2], "validation": [1], "test": [0]}),
        ({"train": "rest", "validation": 0.5, "test": 1}, {"train": [3], "validation": [0, 1], "test": [2]}),
        ({"train": 0.25, "validation": 1, "test": 1}, {"train": [0], "validation": [2], "test": [1]}),
    ],
)
def test_shares_go_first_then_row_counts_then_the_rest(shares: dict[str, Any], expected: dict[str, list[int]]) -> None:
    assert divided(shares, [10, 2**62 + 1, 2**63 + 1, LAST]) == expected


def test_a_group_goes_as_a_whole_by_its_smallest_key_drawn_or_not() -> None:
    keys, group = [LAST, 5, LAST - 1, LAST - 2], [0, 1, 1, 0]
    shares = {"train": "rest", "validation": 0.0, "test": 0.5}
    assert divided(shares, keys, group) == {"train": [0, 3], "validation": [], "test": [1, 2]}
    assert divided(shares, keys, group, sample=[0, 2]) == {"train": [0], "validation": [], "test": [2]}
    rows = {"train": 1, "validation": 0, "test": 1}
    assert divided(rows, keys, group, sample=[0, 2]) == {"train": [0], "validation": [], "test": [2]}


def test_row_counts_take_groups_in_the_order_of_keys_each_where_there_is_room_for_all_of_it() -> None:
    #       group of 3 | 1 | group of 2 | 1 | 1 | 1
    keys = [90, 1, 91, 2, 3, 92, 4, 5, 6]
    group = [0, 0, 0, 3, 4, 4, 6, 7, 8]
    # train has room for 4: 3 go there; test takes 1, has room for 1 more, and cannot take 2; nor can another
    assert divided({"train": 4, "validation": 1, "test": 2}, keys, group) == {
        "train": [0, 1, 2, 8],
        "validation": [7],
        "test": [3, 6],
    }
    assert divided({"train": "rest", "validation": 1, "test": 2}, keys, group) == {
        "train": [0, 1, 2, 4, 5, 8],
        "validation": [7],
        "test": [3, 6],
    }
    # what is not drawn takes no room
    assert divided({"train": 4, "validation": 1, "test": 2}, keys, group, sample=[0, 2, 3, 5, 6, 7, 8]) == {
        "train": [5, 6, 7, 8],
        "validation": [3],
        "test": [0, 2],
    }


def test_many_groups_fill_row_counts_exactly() -> None:
    size = 50_000
    keys = np.random.default_rng(1).permutation(size).tolist()
    found = divided({"train": 40_000, "validation": 3, "test": 2_000}, keys, order=keys)
    place = np.argsort(keys).tolist()
    assert found == {"test": place[:2_000], "validation": place[2_000:2_003], "train": place[2_003:42_003]}


def test_rows_stand_in_the_order_of_their_order_keys() -> None:
    found = divided({"validation": 0.0, "test": 0.0}, [1, 2, 3, 4], order=[7, 9, 3, 8], sample=[0, 1, 3])
    assert found["train"] == [0, 3, 1]


def test_ties_of_groups_go_as_those_of_the_items_with_the_keys() -> None:
    ids = pa.array(["d", "z", "b", "a"], pa.large_string())
    rows = {"train": "rest", "validation": 0, "test": 1}
    # groups of b and of d have the key 5, by items 2 and 0; a's is greater
    assert divided(rows, [5, 9, 5, 6], [0, 1, 2, 0], sample=[1, 2, 3], ids=ids)["test"] == [2]
    assert divided(rows, [5, 9, 5, 6], [0, 1, 1, 3], sample=[1, 3], ids=ids)["test"] == [1]


@pytest.mark.parametrize(
    ("splits", "group", "message"),
    [
        (
            {"train": 3, "validation": 1, "test": 0},
            [0, 0, 2, 2],
            "splits: the 4 items to divide do not fill them, since linked items stay together: "
            "train 2 of 3, validation 0 of 1\n"
            "ask for fewer rows: --set splits.train=2 --set splits.validation=0, or let one be what the others leave: "
            "--set splits.train=rest",
        ),
        (
            {"train": "rest", "validation": 7, "test": 0.5},
            [0, 1, 2, 3],
            "splits: the 2 items to divide are too few for 7 rows: validation 2 of 7\n"
            "ask for fewer rows: --set splits.validation=2",
        ),
    ],
)
def test_a_split_that_is_not_full_is_an_error_with_the_sizes_reached(
    splits: dict[str, Any], group: list[int], message: str
) -> None:
    with pytest.raises(UsageError) as raised:
        divided(splits, [1, 2, 2**63, LAST], group)
    assert raised.value.message == message
