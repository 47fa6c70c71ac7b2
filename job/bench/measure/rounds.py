"""Does all runs that a request needs, round by round, and compares what came out before anybody looks at the clock.

A round has every method once. So what changes slowly on a machine, such as its heat or a neighbour, meets all alike.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from job.bench.baselines.child import Done, Spec, dump_spec
from job.bench.baselines.method import COPIES, CURATE, ONE_ROW, PARQUET_BASELINES, Method
from job.bench.measure.process import Watched, watch
from job.bench.measure.results import Run
from job.bench.measure.source import BenchSource
from job.bench.request import Request
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.recipe.tokenizer import LLAMA3_VOCABULARY_SHA256


def methods(request: Request, file_formats: Sequence[str], cores: int) -> list[Method]:
    """Returns what a round has.

    Baselines and the run of one row have the most workers that were asked for within the machine's cores. One row
    comes first: the first run of all finds that nobody has read Ray's own files yet.

    Args:
        request: what was asked.
        forms: which forms the job reads.
        cores: of the machine.
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
    request: Request, source: BenchSource, wanted: Sequence[Method], scratch: Path, say: Callable[[str], None]
) -> list[Run]:
    """Runs every method in every round.

    Args:
        request: what was asked.
        source: the input.
        wanted: the methods.
        scratch: a folder for outputs, each of which is gone after its run.
        say: told what is done.

    Returns:
        The runs, in their order.

    Raises:
        CurateError: when one fails, or outputs differ: then no time is told.
    """
    spec = _write_spec(request, source, wanted, scratch)
    source.warm()
    runs: list[Run] = []
    for number in range(1, request.repeat + 1):
        for method in wanted:
            say(f"round {number} of {request.repeat}: {method.label}")
            runs.append(_one_run(method, number, source, spec, scratch))
        check_same(runs)
    return runs


def check_same(runs: Sequence[Run]) -> None:
    """Compares all whole outputs. Raises CurateError, which names those that differ."""
    outputs: dict[tuple[str | None, int], list[str]] = {}
    for run in runs:
        if run.as_method.is_whole:
            outputs.setdefault((run.content_digest, run.num_items), []).append(run.as_method.label)
    if len(outputs) > 1:
        lines = [
            f"{str(digest)[:16]}, {num_items:,} items: {'; '.join(dict.fromkeys(labels))}"
            for (digest, num_items), labels in outputs.items()
        ]
        raise CurateError(
            "the outputs differ, so their times mean nothing, and none is told; by content digest:\n" + "\n".join(lines)
        )


def _write_spec(request: Request, source: BenchSource, wanted: Sequence[Method], scratch: Path) -> Path:
    tokenizer = request.output / "input" / f"llama3-{LLAMA3_VOCABULARY_SHA256[:8]}.json"
    needs_it = any(method.name in PARQUET_BASELINES for method in wanted)
    if needs_it:
        from job.bench.baselines.hf_tokenizer import write_tokenizer  # of a package that nothing else needs

        tokenizer.parent.mkdir(parents=True, exist_ok=True)
        write_tokenizer(tokenizer)
    path = scratch / "spec.json"
    path.write_bytes(dump_spec(make_spec(source, tokenizer=str(tokenizer) if needs_it else "")))
    return path


def make_spec(source: BenchSource, *, tokenizer: str = "") -> Spec:
    """Says what a baseline has to do.

    Args:
        source: the input.
        tokenizer: a `tokenizer.json`, where one needs it.
    """
    return Spec(
        config=str(source.config_path) if source.config_path else None,
        places={file_format: str(place) for file_format, place in source.places.items()},
        parquet_files=[str(path) for path in source.files.get("parquet", ())],
        category=source.category,
        recipe=source.config.recipe,
        limit=source.config.limit,
        tokenizer=tokenizer,
    )


def _one_run(method: Method, number: int, source: BenchSource, spec: Path, scratch: Path) -> Run:
    """Does one run, into a folder that is gone after it."""
    home = scratch / "run"
    output = home / "output"
    command = method.command(source.config_path, source.places[method.file_format], source.category, spec, output)
    try:
        seen = watch(command, home, {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"})
        if method.name in {CURATE, ONE_ROW}:
            done = _done_by_job(json.loads(seen.out), output)
        else:
            done = msgspec.json.decode(seen.out, type=Done)
        return _run(method, number, seen, done)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _done_by_job(printed: dict[str, Any], output: Path) -> Done:
    """Reads off an output what the job did, and off its commit records when."""
    folder = OutputFolder(output)
    plan = folder.plan()
    if plan is None:
        raise RuntimeError(f"a run ended well and left no plan in {output}")
    spans = [
        (ended - record.elapsed_s, ended)
        for category in plan.categories.values()
        for record in folder.records(category)
        for ended in [(output / folder.record_name(record.category, record.partition)).stat().st_mtime]
    ]
    return Done(
        content_digest=printed["content_digest"],
        num_rows=printed["num_rows"],
        num_items=printed["num_items"],
        began=min(began for began, _ in spans),
        ended=max(ended for _, ended in spans),
        not_counted_s=0.0,
        not_counted_cpu_s=0.0,
        apart_s={},
    )


def _run(method: Method, number: int, seen: Watched, done: Done) -> Run:
    """Puts together what was seen from outside and what the run says itself."""
    steady_s = done.ended - done.began
    late = 0.0 if method.name in PARQUET_BASELINES else done.not_counted_s  # a digest comes after the work
    startup_s = done.began - seen.began - late
    wall_s = seen.wall_s - done.not_counted_s
    return Run(
        method=method.name,
        file_format=method.file_format,
        workers=method.workers,
        round=number,
        wall_s=wall_s,
        not_counted_s=done.not_counted_s,
        startup_s=startup_s,
        shutdown_s=wall_s - startup_s - steady_s,
        steady_s=steady_s,
        cpu_s=seen.cpu_s - done.not_counted_cpu_s,
        peak_bytes=seen.peak_bytes,
        num_rows=done.num_rows,
        num_items=done.num_items,
        content_digest=done.content_digest if method.is_whole else None,
        others_cores=seen.others_cores,
        swapped_bytes=seen.swapped_bytes,
        apart_s=done.apart_s,
    )
