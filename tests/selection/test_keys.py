"""Keys depend on the seed, the id and the text, and on nothing else."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pytest

from job.selection.index import Use
from job.selection.keys import USES, item_keys


def plain_key(seed: int, item_id: str | None, text: str, use: str) -> int:
    message = b""
    for part in (str(seed), item_id or "", text):
        encoded = part.encode("utf-8")
        message += len(encoded).to_bytes(8, "big") + encoded
    return int.from_bytes(hashlib.blake2b(message, digest_size=8, person=use.encode()).digest(), "big")


def test_a_key_is_what_it_was_on_the_day_it_was_written_down() -> None:
    keys = item_keys(42, pa.array(["B001", None]), pa.array(["Ball", "Größe 3"]))
    assert {use: values.tolist() for use, values in keys.items()} == {
        "survivor": [3566684714556633810, 6453208346544304824],
        "sample": [11656714463940535963, 16193035201760065139],
        "split": [5494827533515679903, 11219686195322755438],
        "order": [8345008716098638386, 2211340713640780509],
    }
    assert all(values.dtype == np.uint64 for values in keys.values())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
@pytest.mark.parametrize("size", [0, 1, 9_001])
def test_keys_are_those_of_the_definition(kind: pa.DataType, size: int) -> None:
    ids = [None if number % 5 == 0 else f"B{number % 700}" for number in range(size)]
    texts = ["é" * (number % 40) + str(number) for number in range(size)]
    half = size // 2
    for given in (
        (pa.array(ids, kind), pa.array(texts, kind)),
        (pa.chunked_array([ids[:half], ids[half:]], kind), pa.chunked_array([texts[:half], texts[half:]], kind)),
    ):
        keys = item_keys(7, *given)
        assert tuple(keys) == ("survivor", "sample", "split", "order") == USES
        for use in USES:
            assert keys[use].tolist() == [plain_key(7, *item, use) for item in zip(ids, texts, strict=True)]


def one_key(seed: int, item_id: str | None, text: str | None, use: Use = "split") -> int:
    return int(item_keys(seed, pa.array([item_id], pa.string()), pa.array([text], pa.string()))[use][0])


def test_null_ids_and_texts_count_as_empty_and_so_does_a_missing_column() -> None:
    assert one_key(1, None, "a") == one_key(1, "", "a") == item_keys(1, None, pa.array(["a"]))["split"][0]
    assert one_key(1, "a", None) == one_key(1, "a", "")


def test_every_part_of_the_key_counts_where_it_stands() -> None:
    keys = [
        one_key(1, "a", "b"),
        one_key(2, "a", "b"),
        one_key(1, "ab", ""),
        one_key(1, "", "ab"),
        one_key(12, "", "b"),
    ]
    keys += [one_key(1, "a", "b", use) for use in USES if use != "split"]
    assert all(one != other for one, other in itertools.combinations(keys, 2))
