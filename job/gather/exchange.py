"""The exchange: some tasks pack parcels, others each take those that are for them. Every parcel travels once.

Ray Data's own shuffles are not used for this. Its sort with given boundaries does the same, but starts worker processes
of its own for both of its halves, and takes CPUs beside those that are reserved for a job.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import pyarrow as pa
import ray

from job.cluster.workers import Workers

GROUPS = 64
"""Number of tasks that pack, at most: so that parcels stay large enough for the object store."""
_LOOK_S = 0.1
"""Seconds between two looks at what is done."""
_BEGUN_PER_WORKER = 2
"""Tasks that are handed out for each worker: one to work on, and one to begin with next."""
_STOP_S = 10.0
"""Seconds to wait for tasks that have begun when another one has failed."""
_RETRIES = 3
"""Times that a task is begun again when its worker dies."""
_COMPRESSED = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1))

Target = TypeVar("Target", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Packing(Generic[Target]):
    """A task that packs, before it begins."""

    function: Callable[..., list[Any]]
    arguments: Sequence[Any]
    targets: Sequence[Target]
    size: int


@dataclass(kw_only=True, slots=True)
class Exchange(Generic[Target]):
    """An exchange that is being set up; `run` does it."""

    workers: Workers
    """The CPUs that may work."""
    _packing: list[_Packing[Target]] = field(default_factory=list["_Packing[Target]"])
    _functions: dict[Callable[..., Any], Any] = field(default_factory=dict[Callable[..., Any], Any])

    def _begin(self, function: Callable[..., Any], arguments: Sequence[Any], num_returns: int = 1) -> Any:
        """Begins a task. Ray sends its function to each worker once for each time that it becomes one."""
        if function not in self._functions:
            self._functions[function] = ray.remote(function)
        options = {"num_returns": num_returns, "max_retries": _RETRIES, **self.workers.ray_options}
        return self._functions[function].options(**options).remote(*arguments)

    def pack(
        self, function: Callable[..., list[Any]], arguments: Sequence[Any], targets: Sequence[Target], size: int
    ) -> None:
        """Adds a task that packs.

        Args:
            function: returns None, and then a parcel, which may be anything, for each target.
            arguments: its arguments.
            targets: whom the parcels are for.
            size: how much it packs, for the display.
        """
        if targets:
            self._packing.append(_Packing(function, arguments, targets, size))

    def run(
        self,
        function: Callable[..., Any],
        arguments: Mapping[Target, Sequence[Any]],
        sizes: Mapping[Target, int],
        take: Callable[[Target, Any], object] = lambda _target, _value: None,
        show: Callable[[int, int], object] = lambda _packed, _taken: None,
    ) -> None:
        """Does all tasks: those that pack, and one for each target, which takes its parcels.

        When one fails, no others begin. Those that have begun are not cancelled: Ray 2.60 ends the whole process if
        the answer of a task that is being cancelled is on its way (github.com/ray-project/ray, #54260 and #54798).
        So only a few tasks are handed out ahead of those that work.

        Args:
            function: takes the arguments of its target, and then its parcels.
            arguments: by target; the targets begin in this order.
            sizes: how much each takes, for the display.
            take: called with each target and what the function has returned for it.
            show: called with how much was packed and taken.

        Raises:
            RayError: the first one that ended a task.
        """
        parcels: dict[Target, list[Any]] = {}
        packed = taken = 0

        def tasks() -> Iterator[tuple[Any, _Packing[Target] | Target]]:
            for packing in self._packing:
                done, *its_parcels = self._begin(packing.function, packing.arguments, len(packing.targets) + 1)
                for target, parcel in zip(packing.targets, its_parcels, strict=True):
                    parcels.setdefault(target, []).append(parcel)
                yield done, packing
            for target, given in arguments.items():
                yield self._begin(function, [*given, *parcels.pop(target, [])]), target

        left, begun = tasks(), dict[Any, _Packing[Target] | Target]()
        try:
            while True:
                room = _BEGUN_PER_WORKER * self.workers.by_now() - len(begun)
                begun.update(itertools.islice(left, max(0, room)))
                if not begun:
                    break
                done, _ = ray.wait([*begun], num_returns=1, timeout=_LOOK_S)
                for ref in done:
                    value, of = ray.get(ref), begun.pop(ref)
                    if isinstance(of, _Packing):
                        packed += of.size
                    else:
                        take(of, value)
                        taken += sizes[of]
                show(packed, taken)
        finally:
            if begun:  # a Ray of our own ends with all of its tasks
                patience = 0 if self.workers.reserved is None else _STOP_S
                for ref in ray.wait([*begun], num_returns=len(begun), timeout=patience)[0]:
                    with contextlib.suppress(Exception):  # Ray would print an error that nobody has asked for
                        ray.get(ref)


def sealed(table: pa.Table) -> pa.Buffer:
    """Writes a table as an Arrow stream with Zstandard at its fastest level.

    Parcels that do not fit into the object store are spilled. Of a listing's 900 bytes 400 are left, by LZ4 600: with
    2.8 million of them the exchange is a fifth faster. Where all fit, no compression was a little slower or faster,
    and took 0.3 to 0.6 GB more.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=_COMPRESSED) as writer:
        writer.write_table(table)
    return sink.getvalue()


def unsealed(parcels: Sequence[Sequence[pa.Buffer]]) -> pa.Table:
    """Reads parcels that are lists of what `sealed` wrote."""
    return pa.concat_tables(pa.ipc.open_stream(buffer).read_all() for buffers in parcels for buffer in buffers)
