"""How far are the partitions that are being worked on? Their tasks tell the driver, for its display alone.

A record says how many rows a partition has, but only once it is finished, and a small run has few partitions. So each
task sends the driver a datagram (UDP) a few times per second, with all that it has judged of its partition so far. That
needs no further process, costs an object store no request, and waits for nobody. A datagram that is lost is made up for
by the next one. A partition that is begun again counts from 0 again, in the same place, so it never counts twice.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import functools
import secrets
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Container, Generator, Mapping
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from job.recipe.verdicts import CUT_OFF, END

_EVERY_S = 0.2
"""Seconds between two datagrams of a process, at least."""
_MAX_BYTES = 2048
"""Bytes of a datagram, at most."""
_LOOPBACK = "127.0.0.1"


class Inside(msgspec.Struct, frozen=True, array_like=True):
    """How far a partition is."""

    num_rows: int
    """Rows that have been judged."""
    position: int
    """Position of the last of them: a byte of a JSONL file, or a row of a Parquet file."""


class _Message(msgspec.Struct, frozen=True, array_like=True):
    token: str
    category: str
    partition: int
    inside: Inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """Counts the rows of a category in a task, and tells the driver."""

    host: str
    """IP address of the driver."""
    port: int
    token: str
    """Tells this run's datagrams from anybody else's."""
    category: str

    def begin(self, partition: int) -> None:
        """Begins a partition, perhaps not for the first time."""
        at = _counts[self._key(partition)] = Inside(0, 0)
        self._send(partition, at)

    def add(self, rows: pa.Table) -> None:
        """Counts rows that have been judged.

        Args:
            rows: the columns `partition`, `position` and `verdict`, as readers yield them.
        """
        partitions, positions, verdicts = rows["partition"], rows["position"], rows["verdict"]
        if verdicts.null_count == len(rows) > 0 and partitions[0] == partitions[-1]:  # as nearly all batches are
            self._count(partitions[-1].as_py(), len(rows), positions[-1].as_py())
            return
        is_row = pc.invert(pc.is_in(verdicts, pa.array([END, CUT_OFF])))
        for partition in pc.unique(partitions).to_pylist():
            found = positions.filter(pc.and_(is_row, pc.equal(partitions, partition)))
            if len(found):
                self._count(partition, len(found), found[-1].as_py())
        for partition in partitions.filter(pc.equal(verdicts, END)).to_pylist():
            at = _counts.pop(self._key(partition), None)
            if at is not None:
                self._send(partition, at)  # its record may be held back for long

    def _count(self, partition: int, num_rows: int, position: int) -> None:
        key = self._key(partition)
        before = _counts.get(key)
        at = _counts[key] = Inside(num_rows + (before.num_rows if before else 0), position)
        if time.monotonic() >= _due[0]:
            self._send(partition, at)
            _due[0] = time.monotonic() + _EVERY_S

    def _key(self, partition: int) -> tuple[str, str, int]:
        return self.token, self.category, partition

    def _send(self, partition: int, inside: Inside) -> None:
        content = msgspec.json.encode(_Message(self.token, self.category, partition, inside))
        with contextlib.suppress(OSError):  # only a display depends on it
            _socket(self.host).sendto(content, (self.host, self.port))


_counts: dict[tuple[str, str, int], Inside] = {}
"""What this process has judged, by token, category and partition; of partitions that it has not finished."""
_due = [0.0]
"""When this process may send its next datagram, in seconds of its monotonic clock."""


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@functools.cache
def _socket(host: str) -> socket.socket:
    sender = socket.socket(_family(host), socket.SOCK_DGRAM)
    sender.settimeout(0)
    return sender


class Counts:
    """What the tasks of a run have told. May be asked by several threads.

    Args:
        receiver: the socket that the datagrams come to.
        host: the IP address that the tasks send them to.
    """

    def __init__(self, receiver: socket.socket, host: str):
        receiver.settimeout(0)
        self._receiver = receiver
        self._host = host
        self._token = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._inside: defaultdict[str, dict[int, Inside]] = defaultdict(dict)

    def counter(self, category: str) -> Counter:
        """Returns what counts the rows of a category in its tasks."""
        port: int = self._receiver.getsockname()[1]
        return Counter(host=self._host, port=port, token=self._token, category=category)

    def inside(self, category: str, done: Container[int] = ()) -> Mapping[int, Inside]:
        """Returns how far the partitions of a category are that were begun; finished ones may be among them.

        Args:
            category: the category.
            done: numbers of partitions that nobody asks for any more.
        """
        with self._lock:
            with contextlib.suppress(OSError):  # nothing more has come
                while True:
                    self._note(self._receiver.recv(_MAX_BYTES))
            begun = self._inside[category] = {
                number: at for number, at in self._inside[category].items() if number not in done
            }
            return dict(begun)

    def _note(self, content: bytes) -> None:
        with contextlib.suppress(ValueError):  # whoever sent it
            message = msgspec.json.decode(content, type=_Message)
            if secrets.compare_digest(message.token.encode(), self._token.encode()):
                self._inside[message.category][message.partition] = message.inside


@contextlib.contextmanager
def counted_rows(*, has_other_nodes: bool) -> Generator[Counts | None]:
    """Receives what tasks tell while the context lasts.

    Args:
        has_other_nodes: whether tasks may run on other machines; otherwise only this one can reach the socket.

    Yields:
        What they have told; None if there is no socket for it, and then only records tell.
    """
    host = _LOOPBACK
    if has_other_nodes:
        import ray.util

        host = ray.util.get_node_ip_address()
    with contextlib.ExitStack() as stack:
        try:
            receiver = stack.enter_context(socket.socket(_family(host), socket.SOCK_DGRAM))
            receiver.bind((host, 0))
        except OSError:
            yield None
            return
        yield Counts(receiver, host)
