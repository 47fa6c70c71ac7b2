"""What does `curate bench` do? It measures what was requested, and writes, draws and prints the results."""

from __future__ import annotations

import datetime
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from job.bench.baselines.method import CURATE, MAY_DIFFER, OWN_RULES, PARQUET_BASELINES, Method
from job.bench.measure.craft import CraftBench, craft_figures, craft_items, measure_craft
from job.bench.measure.hub import HUB_DEFINITIONS, HubBench, hub_figures, measure_hub
from job.bench.measure.kernel import kernel_lines, measure_kernel
from job.bench.measure.results import DEFINITIONS, Bench, Input, Memory, PeakMemory, Run, figures, spread
from job.bench.measure.rounds import make_work_input, measure, methods
from job.bench.measure.scaling import LAWS, fit, why_no_fit
from job.bench.measure.source import BenchSource, check_baselines_can, config_source, sample_source
from job.bench.report.craft_table import craft_lines
from job.bench.report.hub_table import hub_lines
from job.bench.report.picture import draw
from job.bench.report.table import bench_lines, memory_lines
from job.bench.request import Request
from job.cluster.machine import commit, this_machine, versions
from job.cluster.own_ray import check_shared_memory
from job.errors import quoted, write_failed
from job.progress.display import counted


def run_bench(request: Request, say: Callable[[str], None]) -> Iterator[str]:
    """Measures what was requested.

    Args:
        request: the request.
        say: called with a line about each step before it starts.

    Yields:
        The lines of the results, all of them after the last measurement.

    Raises:
        CurateError: the input is wrong, a run failed, or outputs differ.
    """
    check_shared_memory()
    if request.craft_items:
        run = _measure_craft
    elif request.hub_mb_per_s is not None:
        run = _measure_hub
    else:
        run = _measure_kernel if request.kernel else _measure_memory if request.memory_rows else _measure_time
    with tempfile.TemporaryDirectory(prefix="_running-", dir=request.output) as scratch:
        lines = run(request, Path(scratch), say)
    yield from lines


def _measure_time(request: Request, scratch: Path, say: Callable[[str], None]) -> list[str]:
    source = _source(request, request.source, scratch, say)
    file_formats = request.file_formats if isinstance(request.source, int) else tuple(source.files)
    machine = this_machine()
    runs = measure(request, source, methods(request, file_formats, machine.cores), scratch, say)
    whole_run = next(run for run in runs if run.as_method.is_whole and run.method not in MAY_DIFFER)
    sizes = {file_format: source.size_bytes(file_format) for file_format in source.files}
    no_fit = why_no_fit(request.workers, machine.cores, request.repeat)
    bench = Bench(
        command=command_line(),
        finished=_now(),
        machine=machine,
        versions=versions(),
        commit=commit(),
        config=source.config.model_dump(mode="json", exclude={"output", "workers"}),
        input=Input(name=source.name, num_rows=whole_run.num_rows, size_bytes=sizes),
        num_items=whole_run.num_items,
        content_digest=whole_run.content_digest or "",
        runs=runs,
        figures=figures(runs, sizes, machine.cores),
        fits={}
        if no_fit
        else {
            file_format: [fit(law, _throughput(runs, file_format, machine.cores)) for law in LAWS]
            for file_format in file_formats
        },
        no_fit=no_fit,
        definitions=DEFINITIONS,
    )
    _write(request.output / "bench.json", bench)
    draw(bench, request.output / "bench.png")
    written = f"written: {quoted(request.output / 'bench.json')}, {quoted(request.output / 'bench.png')}"
    return [*bench_lines(bench), written]


def _measure_memory(request: Request, scratch: Path, say: Callable[[str], None]) -> list[str]:
    workers = max(request.workers)
    runs: list[Run] = []
    to_run = [Method(name=CURATE, file_format=file_format, workers=workers) for file_format in request.file_formats]
    for rows in request.memory_rows:
        runs += measure(request, _source(request, rows, scratch, say), to_run, scratch, say)
    peaks = [
        _peak(group)
        for file_format in request.file_formats
        for rows in request.memory_rows
        if (group := [run for run in runs if (run.file_format, run.num_rows) == (file_format, rows)])
    ]
    medians = {
        file_format: [peak.peak_bytes.median for peak in peaks if peak.file_format == file_format]
        for file_format in request.file_formats
    }
    memory = Memory(
        command=command_line(),
        finished=_now(),
        machine=this_machine(),
        versions=versions(),
        commit=commit(),
        runs=runs,
        peaks=peaks,
        largest_over_smallest={file_format: max(peaks) / min(peaks) for file_format, peaks in medians.items()},
        most_bytes_per_worker=max(peak.peak_bytes.median for peak in peaks) / workers,
        definitions=DEFINITIONS,
    )
    _write(request.output / "memory.json", memory)
    return [*memory_lines(memory), f"written: {quoted(request.output / 'memory.json')}"]


def _peak(runs: Sequence[Run]) -> PeakMemory:
    return PeakMemory(
        num_rows=runs[0].num_rows,
        file_format=runs[0].file_format,
        workers=runs[0].workers,
        peak_bytes=spread(runs, lambda run: run.peak_bytes),
        disturbed=sum(run.is_disturbed for run in runs),
    )


def _measure_craft(request: Request, scratch: Path, say: Callable[[str], None]) -> list[str]:
    items = [
        craft_items(request.output / "input", preset, num_items, say)
        for preset in request.presets
        for num_items in request.craft_items
    ]
    runs = measure_craft(items, workers=max(request.workers), repeat=request.repeat, scratch=scratch, say=say)
    bench = CraftBench(
        command=command_line(),
        finished=_now(),
        machine=this_machine(),
        versions=versions(),
        commit=commit(),
        items=[its for _, its in items],
        runs=runs,
        figures=craft_figures(runs),
    )
    _write(request.output / "craft.json", bench)
    return [*craft_lines(bench), f"written: {quoted(request.output / 'craft.json')}"]


def _measure_hub(request: Request, scratch: Path, say: Callable[[str], None]) -> list[str]:
    source, workers = _source(request, request.source, scratch, say), max(request.workers)
    mb_per_s = request.hub_mb_per_s
    if mb_per_s is None:
        raise RuntimeError("no speed of the Hub was requested")
    runs, download_s = measure_hub(source, mb_per_s, workers, request.repeat, scratch, say)
    first_run_s, later_run_s, first_over_later, first_less_download_s = hub_figures(runs, download_s)
    sizes = {file_format: source.size_bytes(file_format) for file_format in source.files}
    bench = HubBench(
        command=command_line(),
        finished=_now(),
        machine=this_machine(),
        versions=versions(),
        commit=commit(),
        input=Input(name=source.name, num_rows=runs[0].num_rows, size_bytes=sizes),
        mb_per_s=mb_per_s,
        workers=workers,
        runs=runs,
        download_s=download_s,
        first_run_s=first_run_s,
        later_run_s=later_run_s,
        first_over_later=first_over_later,
        first_less_download_s=first_less_download_s,
        definitions=HUB_DEFINITIONS,
    )
    _write(request.output / "hub.json", bench)
    return [*hub_lines(bench), f"written: {quoted(request.output / 'hub.json')}"]


def _measure_kernel(request: Request, scratch: Path, say: Callable[[str], None]) -> list[str]:
    if isinstance(request.source, int):
        source = _sample(request, request.source, {"jsonl", "parquet"}, say)
    else:
        source = config_source(request.output / "input", scratch, request.source, say)
    source.warm()
    say(f"measuring the kernel: {source.name}")
    overrides = {} if request.recipe is None else {"recipe.name": request.recipe}
    return list(kernel_lines(list(measure_kernel(make_work_input(source), scratch, overrides))))


def _source(request: Request, origin: Path | int, scratch: Path, say: Callable[[str], None]) -> BenchSource:
    asked = {*request.baselines}
    if isinstance(origin, int):
        needs_parquet = PARQUET_BASELINES & asked
        return _sample(request, origin, {*request.file_formats, *(["parquet"] if needs_parquet else [])}, say)
    source = config_source(request.output / "input", scratch, origin, say)
    check_baselines_can(source, OWN_RULES & asked)
    return source


def _sample(request: Request, rows: int, file_formats: set[str], say: Callable[[str], None]) -> BenchSource:
    say(f"the input: a sample catalogue of {rows:,} rows")
    with counted("rows", rows) as report:
        return sample_source(request.output / "input", rows, file_formats, report)


def _throughput(runs: Sequence[Run], file_format: str, cores: int) -> dict[int, list[float]]:
    """Returns the steady rows per second of each repeat of the job, by the number of workers, up to the cores."""
    rows_per_s: dict[int, list[float]] = {}
    for run in runs:
        if (run.method, run.file_format) == (CURATE, file_format) and run.workers <= cores:
            rows_per_s.setdefault(run.workers, []).append(run.rows_per_s)
    return rows_per_s


def command_line() -> str:
    """Returns the command line of this process as it can be typed again."""
    return shlex.join(["curate", *sys.argv[1:]])


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _write(path: Path, value: msgspec.Struct) -> None:
    """Writes a JSON file. A failure leaves no half-written file."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n")
        part.replace(path)
    except OSError as error:
        raise write_failed(error, path, "the file was not written") from None
    finally:
        part.unlink(missing_ok=True)
