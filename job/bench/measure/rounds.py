"""How are the methods compared fairly? All run in rounds, and outputs are compared before any time is reported.

A round runs every method once, so slow changes of a machine, such as its temperature or a noisy neighbour, affect all
methods alike.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from job.bench.baselines.child import WorkInput, WorkResult, dump_work
from job.bench.baselines.method import COPIES, CURATE, MAY_DIFFER, ONE_ROW, PARQUET_BASELINES, Method
from job.bench.measure.process import ProcessFigures, watch
from job.bench.measure.results import Run
from job.bench.measure.source import BenchSource
from job.bench.request import Request
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.section import record_name
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256


def methods(request: Request, file_formats: Sequence[str], cores: int) -> list[Method]:
    """Returns the methods of a round.

    Baselines and the run of one row use the largest requested number of workers that does not exceed the cores. The
    run of one row comes first, because the very first run is the one that has to read Ray's own files from the disk.

    Args:
        request: the request.
        file_formats: the file formats that the job reads.
        cores: the number of the machine's cores.
    """
    within = [count for count in request.workers if count <= cores]
    most = max(within, default=min(request.workers))
    found: list[Method] = []
    for file_format in file_formats:
        found.append(Method(name=ONE_ROW, file_format=file_format, workers=most))
        found += [Method(name=CURATE, file_format=file_format, workers=count) for count in request.workers]
        found += [Method(name=COPIES, file_format=file_format, workers=count) for count in sorted({1, *within})]
        found += [
            Method(name=name, file_format=file_format, workers=most)
            for name in request.baselines
            if name not in PARQUET_BASELINES
        ]
    found += [
        Method(name=name, file_format="parquet", workers=most)
        for name in request.baselines
        if name in PARQUET_BASELINES
    ]
    return found


def measure(
    request: Request, source: BenchSource, to_run: Sequence[Method], scratch: Path, say: Callable[[str], None]
) -> list[Run]:
    """Runs every method in every round.

    Args:
        request: the request.
        source: the input.
        to_run: the methods.
        scratch: a folder for outputs; each output is removed after its run.
        say: called with a line about each run before it starts.

    Returns:
        The runs, in their order.

    Raises:
        CurateError: a run failed, or outputs differ.
    """
    work_file = _write_work(request, source, to_run, scratch)
    source.warm()
    runs: list[Run] = []
    for number in range(1, request.repeat + 1):
        for method in to_run:
            if method.is_baseline and number > request.baseline_repeat:
                continue
            say(f"round {number} of {request.repeat}: {method.label}")
            runs.append(_one_run(method, number, source, work_file, scratch))
        check_same(runs)
    return runs


def check_same(runs: Sequence[Run]) -> None:
    """Compares the outputs of all methods that produce all items, except those whose items may be others.

    Raises:
        CurateError: they differ; the message names the methods by their output.
    """
    outputs: dict[tuple[str | None, int], list[str]] = {}
    for run in runs:
        if run.as_method.is_whole and run.method not in MAY_DIFFER:
            outputs.setdefault((run.content_digest, run.num_items), []).append(run.as_method.label)
    if len(outputs) > 1:
        lines = [
            f"{str(digest)[:16]}, {num_items:,} items: {'; '.join(dict.fromkeys(labels))}"
            for (digest, num_items), labels in outputs.items()
        ]
        raise CurateError("the outputs differ, so no times are reported; by content digest:\n" + "\n".join(lines))


def _write_work(request: Request, source: BenchSource, to_run: Sequence[Method], scratch: Path) -> Path:
    tokenizer = request.output / "input" / f"llama3-{LLAMA3_VOCABULARY_SHA256[:8]}.json"
    is_needed = any(method.name in PARQUET_BASELINES for method in to_run)
    if is_needed:
        from job.bench.baselines.hf_tokenizer import write_tokenizer  # needs a package that nothing else needs

        tokenizer.parent.mkdir(parents=True, exist_ok=True)
        write_tokenizer(tokenizer)
    path = scratch / "work.json"
    path.write_bytes(dump_work(make_work_input(source, tokenizer=str(tokenizer) if is_needed else "")))
    return path


def make_work_input(source: BenchSource, *, tokenizer: str = "") -> WorkInput:
    """Returns the work of the baselines.

    Args:
        source: the input.
        tokenizer: the path of a `tokenizer.json`, if a baseline needs one.
    """
    recipe = source.config.recipe
    return WorkInput(
        config=str(source.config_path) if source.config_path else None,
        source_paths={file_format: str(path) for file_format, path in source.source_paths.items()},
        files={file_format: [str(path) for path in paths] for file_format, paths in source.files.items()},
        category=source.category,
        recipe=recipe if isinstance(recipe, Course2024Settings) else Course2024Settings(),
        limit=source.config.limit,
        tokenizer=tokenizer,
    )


def _one_run(method: Method, number: int, source: BenchSource, work_file: Path, scratch: Path) -> Run:
    """Runs a method once, in a folder that is removed afterwards."""
    folder = scratch / "run"
    output = folder / "output"
    source_path = source.source_paths[method.file_format]
    command = method.command(source.config_path, source_path, source.category, work_file, output)
    try:
        process = watch(command, folder, {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"})
        if method.is_job:
            result = _result_of_job(json.loads(process.stdout), output)
        else:
            result = msgspec.json.decode(process.stdout, type=WorkResult)
        return _run(method, number, process, result)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _result_of_job(printed: dict[str, Any], output: Path) -> WorkResult:
    """Returns the outcome of the job. Its times come from the commit records in the output."""
    folder = OutputFolder(output)
    plan = folder.plan()
    if plan is None:
        raise RuntimeError(f"a run succeeded but left no plan in {output}")
    spans = [
        (ended - record.elapsed_s, ended)
        for category in plan.categories.values()
        for record in folder.records(category)
        for ended in [(output / record_name(record.category, record.partition)).stat().st_mtime]
    ]
    return WorkResult(
        content_digest=printed["content_digest"],
        num_rows=printed["num_rows"],
        num_items=printed["num_items"],
        began=min(began for began, _ in spans),
        ended=max(ended for _, ended in spans),
        not_counted_s=0.0,
        not_counted_cpu_s=0.0,
        apart_s={},
    )


def _run(method: Method, number: int, process: ProcessFigures, result: WorkResult) -> Run:
    """Combines what was measured from outside with what the run reported."""
    steady_s = result.ended - result.began
    startup_s = result.began - process.began - result.not_counted_before_s
    wall_s = process.wall_s - result.not_counted_s
    return Run(
        method=method.name,
        file_format=method.file_format,
        workers=method.workers,
        round=number,
        wall_s=wall_s,
        not_counted_s=result.not_counted_s,
        startup_s=startup_s,
        shutdown_s=wall_s - startup_s - steady_s,
        steady_s=steady_s,
        cpu_s=process.cpu_s - result.not_counted_cpu_s,
        peak_bytes=process.peak_bytes,
        num_rows=result.num_rows,
        num_items=result.num_items,
        content_digest=result.content_digest if method.is_whole else None,
        others_cores=process.others_cores,
        swapped_bytes=process.swapped_bytes,
        apart_s=result.apart_s,
    )
