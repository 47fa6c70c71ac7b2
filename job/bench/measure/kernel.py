"""Stage by stage: how many rows per second one core does, for those who change the recipe.

In one process, over a catalogue of few rows in both forms. Time is the CPU time of the process, so that a busy machine
changes little. The functions of the recipe, whichever it has, are timed by wrapping them while it judges once more:
that is wall time, since the clock of CPU time takes longer to read than some of them take; and it has in it what
wrapping adds, and the functions that a function calls.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import time
import types
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from job import recipe
from job.bench.baselines.child import Spec
from job.bench.baselines.no_ray import Kernel, make_kernel
from job.output.folder import OutputFolder
from job.output.shard import content_digest, parquet_bytes
from job.source.read.partitions import Partition

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """What a stage took."""

    name: str
    file_format: str
    num_rows: int
    """All rows that were read, also where few of them come this far."""
    calls: int | None
    """Of a function of the recipe."""
    elapsed_s: float

    @property
    def rows_per_s(self) -> float:
        """Of one core."""
        return self.num_rows / self.elapsed_s if self.elapsed_s else 0.0


@dataclass(slots=True)
class Taken:
    """What a function's calls have taken so far."""

    calls: int = 0
    elapsed_s: float = 0.0


def measure_kernel(spec: Spec, output: Path) -> Iterator[Stage]:
    """Yields what each stage takes, one form after the other.

    Args:
        spec: what to read and by which rules.
        output: a folder for the shards, one output for each form.
    """
    for file_format in spec.places:
        yield from _stages(file_format, make_kernel(spec, file_format, output / file_format))


def _stages(file_format: str, kernel: Kernel) -> Iterator[Stage]:
    from job.pipeline import judge_batch, make_recipe

    settings = kernel.config.recipe
    make_recipe(settings)  # loads the tokenizer, once
    partitions = [Partition(index, *cut) for index, cut in enumerate(kernel.plan.partitions)]
    read, read_s = _timed(lambda: [list(kernel.reader.read(partition)) for partition in partitions])
    num_rows = sum(rows.num_rows for tables in read for rows in tables) - len(partitions)  # their end messages

    def stage(name: str, elapsed_s: float, calls: int | None = None) -> Stage:
        return Stage(name=name, file_format=file_format, num_rows=num_rows, calls=calls, elapsed_s=elapsed_s)

    yield stage("read", read_s)
    batches = [list(_batches(tables, kernel.config.batch_size)) for tables in read]
    judged, judge_s = _timed(lambda: [[judge_batch(rows, settings) for rows in cut] for cut in batches])
    yield stage("judge", judge_s)
    with recipe_timed() as taken:
        for rows in (rows for cut in batches for rows in cut):
            judge_batch(rows, settings)
    for name, one in sorted(taken.items(), key=lambda named: -named[1].elapsed_s):
        if one.calls:
            yield stage(f"  {name}", one.elapsed_s, one.calls)
    with kernel.owned() as owned:
        _, commit_s = _timed(lambda: [owned.sink().write(cut, None) for cut in judged])
    yield stage("commit", commit_s)
    items = _items(kernel)
    yield stage("  Parquet bytes", _timed(lambda: [parquet_bytes(table) for table in items])[1])
    yield stage("  content digest", _timed(lambda: [content_digest(table) for table in items])[1])
    yield stage("all of it", read_s + judge_s + commit_s)


def kernel_lines(stages: Sequence[Stage]) -> Iterator[str]:
    """Yields a table of the stages."""
    yield "one core, CPU time; indented: a part of the stage above, functions of the recipe in wall time"
    yield f"{'stage':38}{'form':8}{'rows':>9}{'calls':>9}{'rows/s':>14}{'us/row':>9}"
    for stage in stages:
        calls = "" if stage.calls is None else f"{stage.calls:,}"
        per_row = f"{stage.elapsed_s / stage.num_rows * 1e6:.1f}"
        yield f"{stage.name:38}{stage.file_format:8}{stage.num_rows:>9,}{calls:>9}{stage.rows_per_s:>14,.0f}{per_row:>9}"


def _timed(work: Callable[[], _T]) -> tuple[_T, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def _batches(tables: Sequence[pa.Table], size: int) -> Iterator[pa.Table]:
    for rows in tables:
        for start in range(0, rows.num_rows, size):
            yield rows.slice(start, size)


def _items(kernel: Kernel) -> list[pa.Table]:
    return [pq.read_table(kernel.output / record.shard) for record in OutputFolder(kernel.output).records(kernel.plan)]


@contextlib.contextmanager
def recipe_timed() -> Generator[dict[str, Taken]]:
    """Times every function of the recipe, by whatever module it is called from, while the context lasts.

    Yields:
        What each has taken so far, by its name.
    """
    taken: dict[str, Taken] = {}
    timed: dict[Callable[..., Any], Callable[..., Any]] = {}
    with contextlib.ExitStack() as stack:
        for owner in _owners():
            for name, function in list(vars(owner).items()):
                if isinstance(function, types.FunctionType) and function.__module__.startswith(recipe.__name__):
                    if function not in timed:
                        module = function.__module__.rpartition(".")[2]
                        taken[label := f"{module}.{function.__qualname__}"] = Taken()
                        timed[function] = _counting(function, taken[label])
                    setattr(owner, name, timed[function])
                    stack.callback(setattr, owner, name, function)
        yield taken


def _owners() -> Iterator[Any]:
    """Yields the recipe's modules, and the classes that they define."""
    for found in pkgutil.iter_modules(recipe.__path__, f"{recipe.__name__}."):
        module = importlib.import_module(found.name)
        yield module
        yield from (
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == found.name
        )


def _counting(function: Callable[..., Any], taken: Taken) -> Callable[..., Any]:
    clock = time.perf_counter

    @functools.wraps(function)
    def timed(*args: Any, **named: Any) -> Any:
        began = clock()
        try:
            return function(*args, **named)
        finally:
            taken.calls += 1
            taken.elapsed_s += clock() - began

    return timed
