"""How many rows per second does one core do in each stage? For those who change the recipe.

Everything runs in one process, over a small catalogue in both file formats. Times are CPU time of the process, so a
busy machine changes them little. The functions of the built-in recipes are timed by wrapping them while the recipe
judges the rows once more. Their times are wall time, since the CPU clock takes longer to read than some of them take.
They include what the wrapping costs and the functions that a function calls.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import pkgutil
import time
import types
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from job import recipe
from job.bench.baselines.child import WorkInput
from job.bench.baselines.no_ray import Kernel, make_kernel
from job.output.folder import OutputFolder
from job.output.shard import content_digest, parquet_bytes
from job.recipe.registry import make_recipe

_T = TypeVar("_T")
_NAME_WIDTH = 44


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """The time of a stage."""

    name: str
    file_format: str
    num_rows: int
    """Number of rows that were read, also where only few of them reach the stage."""
    calls: int | None
    """Number of calls of a function of the recipe; None for a stage."""
    elapsed_s: float

    @property
    def rows_per_s(self) -> float:
        """Rows per second of one core."""
        return self.num_rows / self.elapsed_s if self.elapsed_s else 0.0


@dataclass(slots=True)
class CallTime:
    """The calls of a function so far, and their time."""

    calls: int = 0
    elapsed_s: float = 0.0


def measure_kernel(work_input: WorkInput, output: Path, overrides: Mapping[str, Any]) -> Iterator[Stage]:
    """Yields the stages, one file format after the other.

    Args:
        work_input: the source and the rules.
        output: a folder for the outputs, one per file format.
        overrides: values of the config by dotted key.
    """
    for file_format in work_input.source_paths:
        yield from _stages(file_format, make_kernel(work_input, file_format, output / file_format, overrides))


def _stages(file_format: str, kernel: Kernel) -> Iterator[Stage]:
    from job.pipeline import judge_batch

    settings = kernel.config.recipe
    make_recipe(settings)  # loads the tokenizer, so that no stage includes that
    partitions = kernel.plan.partitions
    read, read_s = _timed(lambda: [list(kernel.reader.read(index, cut)) for index, cut in enumerate(partitions)])
    num_end_messages = len(partitions)
    num_rows = sum(rows.num_rows for tables in read for rows in tables) - num_end_messages

    def stage(name: str, elapsed_s: float, calls: int | None = None) -> Stage:
        return Stage(name=name, file_format=file_format, num_rows=num_rows, calls=calls, elapsed_s=elapsed_s)

    yield stage("read", read_s)
    batches = [list(_batches(tables, kernel.config.batch_size)) for tables in read]
    judged, judge_s = _timed(lambda: [[judge_batch(rows, settings) for rows in cut] for cut in batches])
    yield stage("judge", judge_s)
    with recipe_timed() as call_times:
        for rows in (rows for cut in batches for rows in cut):
            judge_batch(rows, settings)
    for name, call_time in sorted(call_times.items(), key=lambda named: -named[1].elapsed_s):
        if call_time.calls:
            yield stage(f"  {name}", call_time.elapsed_s, call_time.calls)
    with kernel.owned() as owned:
        _, commit_s = _timed(lambda: [owned.sink().write(cut, None) for cut in judged])
    yield stage("commit", commit_s)
    items = _items(kernel)
    yield stage("  Parquet bytes", _timed(lambda: [parquet_bytes(table) for table in items])[1])
    yield stage("  content digest", _timed(lambda: [content_digest(table) for table in items])[1])
    yield stage("all of it", read_s + judge_s + commit_s)


def kernel_lines(stages: Sequence[Stage]) -> Iterator[str]:
    """Yields the lines of a table of the stages."""
    yield "one core, CPU time; indented: part of the stage above, functions of the recipe in wall time"
    yield f"{'stage':{_NAME_WIDTH}}{'format':8}{'rows':>9}{'calls':>9}{'rows/s':>14}{'us/row':>9}"
    for stage in stages:
        calls = "" if stage.calls is None else f"{stage.calls:,}"
        per_row = f"{stage.elapsed_s / stage.num_rows * 1e6:.1f}"
        name = f"{stage.name:{_NAME_WIDTH}}{stage.file_format:8}"
        yield f"{name}{stage.num_rows:>9,}{calls:>9}{stage.rows_per_s:>14,.0f}{per_row:>9}"


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
def recipe_timed() -> Generator[dict[str, CallTime]]:
    """Times every function of the built-in recipes until the context ends, whichever module calls it.

    Yields:
        The calls so far, by the function's module below `job.recipe` and its name, such as `course_2024.text.scrub`.
    """
    call_times: dict[str, CallTime] = {}
    timed: dict[Callable[..., Any], Callable[..., Any]] = {}
    with contextlib.ExitStack() as stack:
        for owner in _owners():
            for name, function in list(vars(owner).items()):
                if isinstance(function, types.FunctionType) and function.__module__.startswith(recipe.__name__):
                    if function not in timed:
                        module = function.__module__.removeprefix(f"{recipe.__name__}.")
                        call_time = call_times.setdefault(f"{module}.{function.__qualname__}", CallTime())
                        timed[function] = _timing(function, call_time)
                    setattr(owner, name, timed[function])
                    stack.callback(setattr, owner, name, function)
        yield call_times


def _owners() -> Iterator[Any]:
    """Yields the modules of the built-in recipes, and the classes that they define."""
    for found in pkgutil.walk_packages(recipe.__path__, f"{recipe.__name__}."):
        module = importlib.import_module(found.name)
        yield module
        yield from (
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == found.name
        )


def _timing(function: Callable[..., Any], call_time: CallTime) -> Callable[..., Any]:
    clock = time.perf_counter

    @functools.wraps(function)
    def timed(*args: Any, **named: Any) -> Any:
        began = clock()
        try:
            return function(*args, **named)
        finally:
            call_time.calls += 1
            call_time.elapsed_s += clock() - began

    return timed
