"""Rows inside partitions: what tasks count and tell, and what the driver makes of what comes."""

from __future__ import annotations

import dataclasses
import pickle
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import ray.util

from job.cluster import counting
from job.cluster.counting import Counts, Inside, counted_rows
from job.recipe.verdicts import CUT_OFF, END, MALFORMED


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counts]:
    """A driver whose tasks tell each batch."""
    monkeypatch.setattr(counting, "_EVERY_S", 0.0)
    with counted_rows(has_other_nodes=False) as counts:
        assert counts is not None
        yield counts


def batch(*rows: tuple[int, int, str | None]) -> pa.Table:
    """Rows by partition, position and verdict."""
    return pa.table(
        {
            "partition": pa.array([row[0] for row in rows], pa.int32()),
            "position": pa.array([row[1] for row in rows], pa.int64()),
            "verdict": pa.array([row[2] for row in rows], pa.string()),
        }
    )


def test_batches_of_a_partition_add_up(counts: Counts) -> None:
    counter = counts.counter("Toys")
    counter.begin(3)
    assert counts.inside("Toys") == {3: Inside(0, 0)}
    counter.add(batch((3, 100, None), (3, 250, MALFORMED), (3, 300, None)))
    assert counts.inside("Toys") == {3: Inside(3, 300)}
    counter.add(batch((3, 420, None)))
    assert counts.inside("Toys") == {3: Inside(4, 420)}


def test_a_batch_across_two_partitions_counts_for_both(counts: Counts) -> None:
    counter = counts.counter("Toys")
    counter.begin(0)
    counter.begin(1)
    counter.add(batch((0, 7, None), (0, 8, None), (0, 2, END), (1, 50, None), (1, 60, None), (1, 70, None)))
    assert counts.inside("Toys") == {0: Inside(2, 8), 1: Inside(3, 70)}


def test_what_is_done_is_forgotten(counts: Counts) -> None:
    counter = counts.counter("Toys")
    counter.begin(0)
    counter.begin(1)
    assert counts.inside("Toys", {0, 7}) == {1: Inside(0, 0)}
    assert counts.inside("Toys") == {1: Inside(0, 0)}


def test_messages_of_the_readers_are_no_rows(counts: Counts) -> None:
    counter = counts.counter("Toys")
    counter.begin(0)
    counter.add(batch((0, 10, None), (0, 9_999, CUT_OFF), (0, 1, END)))
    assert counts.inside("Toys") == {0: Inside(1, 10)}
    counter.begin(1)
    counter.add(batch((1, 0, END)))
    assert counts.inside("Toys")[1] == Inside(0, 0)


def test_a_partition_that_is_begun_again_never_counts_twice(counts: Counts) -> None:
    counter = counts.counter("Toys")
    counter.begin(0)
    counter.add(batch((0, 1, None), (0, 2, None)))
    counter.begin(0)
    assert counts.inside("Toys") == {0: Inside(0, 0)}
    counter.add(batch((0, 1, None)))
    assert counts.inside("Toys") == {0: Inside(1, 1)}


def test_categories_and_runs_are_told_apart(counts: Counts) -> None:
    toys, books = counts.counter("Toys"), counts.counter("Books")
    for counter in (toys, books):
        counter.begin(0)
    toys.add(batch((0, 1, None)))
    books.add(batch((0, 5, None), (0, 6, None)))
    assert (counts.inside("Toys"), counts.inside("Books")) == ({0: Inside(1, 1)}, {0: Inside(2, 6)})
    other = dataclasses.replace(toys, token="0" * 32)
    other.begin(0)
    other.add(batch((0, 9, None)))
    assert counts.inside("Toys") == {0: Inside(1, 1)}


def test_a_finished_partition_leaves_nothing_behind_in_its_process(counts: Counts) -> None:
    counter = counts.counter("Toys")
    before = dict(counting._counts)  # pyright: ignore[reportPrivateUsage]
    counter.begin(0)
    counter.add(batch((0, 1, None)))
    counter.add(batch((0, 1, END)))
    assert counting._counts == before  # pyright: ignore[reportPrivateUsage]


def test_a_process_tells_five_times_per_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    clock = iter(range(10_000))
    monkeypatch.setattr(counting, "_due", [0.0])
    monkeypatch.setattr(counting, "time", SimpleNamespace(monotonic=lambda: next(clock) / 1_000))  # of this thread
    monkeypatch.setattr(counting.Counter, "_send", lambda _, __, inside: sent.append(inside.num_rows))
    counter = counting.Counter(host="127.0.0.1", port=9, token="", category="Toys")
    for _ in range(1_000):
        counter.add(batch((0, 1, None)))
    assert sent == [1, 201, 401, 601, 801]


def test_what_is_not_understood_is_dropped(counts: Counts) -> None:
    counter = counts.counter("Toys")
    token = counter.token
    contents = [
        b"",
        b"\xff" * 5_000,
        b"[]",
        b"null",
        msgspec.json.encode([token, "Toys", "x", [1, 2]]),
        msgspec.json.encode(["ü", "Toys", 0, [1, 2]]),
        msgspec.json.encode([token, "Toys", 0]),
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anybody:
        for content in contents:
            anybody.sendto(content, (counter.host, counter.port))
    counter.begin(7)
    assert counts.inside("Toys") == {7: Inside(0, 0)}


def test_a_driver_that_is_gone_is_no_error_for_a_task() -> None:
    with counted_rows(has_other_nodes=False) as counts:
        assert counts is not None
        counter = pickle.loads(pickle.dumps(counts.counter("Toys")))
    for _ in range(3):
        counter.begin(0)
        counter.add(batch((0, 1, None)))


@pytest.mark.parametrize(("has_other_nodes", "host"), [(False, "127.0.0.1"), (True, "127.0.0.9")])
def test_only_a_run_with_other_nodes_can_be_told_from_them(
    monkeypatch: pytest.MonkeyPatch, has_other_nodes: bool, host: str
) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.9")
    with counted_rows(has_other_nodes=has_other_nodes) as counts:
        assert counts is not None
        counter = counts.counter("Toys")
        counter.begin(1)
        assert (counter.host, counts.inside("Toys")) == (host, {1: Inside(0, 0)})


def test_without_a_socket_only_the_records_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none)
    with counted_rows(has_other_nodes=False) as counts:
        assert counts is None
