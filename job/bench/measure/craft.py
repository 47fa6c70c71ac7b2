"""How fast is `curate craft`? In turns with the courses' method, it makes the same training sets of the same items.

Each run is a process of its own, and every set is compared with all others of the same items, id by id and price by
price in the order of its rows, before any time is reported. The sizes of a preset are those of the course at the
published number of items, and the same share of them at any other, so that the work grows with the input.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import yaml

from job.bench.baselines.craft_work import CraftInput, CraftResult, rows_digest
from job.bench.measure.made_items import NUM_PUBLISHED, SEED, make_items
from job.bench.measure.process import DISTURBED_CORES, watch
from job.bench.measure.results import DEFINITIONS, Spread, spread
from job.errors import CurateError
from job.output.folder import OutputFolder
from job.output.machine import Machine
from job.progress.display import counted
from job.selection.decision import SPLITS

CRAFT = "curate craft"
COURSE = "the course's method"
VERSION = 1
"""Version of the layout of `craft.json`."""

CRAFT_DEFINITIONS = {
    "wall_s": "seconds from the start of the process to its end, less not_counted_s",
    "not_counted_s": "seconds of work that the method does not need: the course's method makes digests of its splits "
    "only for the comparison",
    "apart_s": "seconds of parts of the course's method: load_dataset converts the shards into its cache; objects "
    "makes an object of each row; sample draws, shuffles and cuts; write makes Parquet files",
    "times_as_fast": "median wall_s of the course's method / median wall_s of curate craft",
    "making_s": "seconds that making the items took, which no run counts; null where they were there already",
    **{name: DEFINITIONS[name] for name in ("cpu_s", "peak_bytes", "disturbed")},
}
"""Meaning of each figure, by its name in the file or in the table."""

_READ_BYTES = 1 << 24


class CraftItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items of some runs."""

    preset: str
    num_items: int
    size_bytes: int
    making_s: float | None
    sizes: dict[str, int]
    """See `craft_sizes`."""


class CraftRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was measured. See `CRAFT_DEFINITIONS`."""

    method: str
    preset: str
    num_items: int
    workers: int
    round: int
    """Number of the round, from 1."""
    wall_s: float
    not_counted_s: float
    cpu_s: float
    peak_bytes: int
    num_rows: dict[str, int]
    """Rows by split."""
    digests: dict[str, str]
    """See `rows_digest`, by split."""
    others_cores: float
    """Average number of cores that other processes kept busy."""
    swapped_bytes: int
    apart_s: dict[str, float]

    @property
    def is_disturbed(self) -> bool:
        """Whether the machine did other work during the run."""
        return self.others_cores > DISTURBED_CORES or self.swapped_bytes > 0


class CraftFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one method with one preset and number of items."""

    method: str
    preset: str
    num_items: int
    workers: int
    repeats: int
    disturbed: int
    """Number of the repeats that were disturbed."""
    wall_s: Spread
    peak_bytes: Spread
    times_as_fast: float | None
    """None for the course's method."""


class CraftBench(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `craft.json`."""

    command: str
    finished: str
    """Time of the end, in UTC, in ISO 8601."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    items: list[CraftItems]
    runs: list[CraftRun]
    figures: list[CraftFigures]
    definitions: dict[str, str] = msgspec.field(default_factory=lambda: dict(CRAFT_DEFINITIONS))
    version: int = VERSION


def craft_sizes(preset: str, num_items: int) -> dict[str, int]:
    """Returns the sizes of a preset at a number of items: `slot_cap`, or `size`, and those of its splits."""
    share = num_items / NUM_PUBLISHED
    if preset == "course-2024":
        return {"slot_cap": math.ceil(1200 * share), "train": int(400_000 * share), "test": int(2_000 * share)}
    return {"size": int(820_000 * share), "train": int(800_000 * share), "validation": int(10_000 * share)}


def craft_config(preset: str, items: Path, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Returns the config of `curate craft` for these sizes."""
    of_sample = {name: size for name, size in sizes.items() if name not in SPLITS}
    of_splits = {name: size for name, size in sizes.items() if name in SPLITS}
    return {"items": str(items), "preset": preset, "sample": of_sample, "splits": of_splits}


def craft_items(
    folder: Path, preset: str, num_items: int, say: Callable[[str], None]
) -> tuple[OutputFolder, CraftItems]:
    """Makes the items of some runs, or takes those that are there, and reads them once.

    Args:
        folder: the folder in which the bench keeps its input.
        preset: the preset, whose name is that of its recipe.
        num_items: the number of items.
        say: called with a line about what is made.
    """
    root = folder / f"items-{num_items}-seed-{SEED}-{preset}"
    was_there = (root / "manifest.json").exists()
    say(f"the input: {num_items:,} items of {preset}" + (", made before" if was_there else ""))
    began = time.perf_counter()
    with counted("items", num_items) as report:
        output = make_items(root, recipe=preset, items=num_items, report=report)
    making_s = None if was_there else time.perf_counter() - began
    if making_s is not None:
        say(f"made in {making_s:.0f} s, which no run counts")
    paths = shards(output)
    for path in paths:  # so that no run has to wait for the disk first
        with path.open("rb", buffering=0) as stream:
            while stream.read(_READ_BYTES):
                pass
    return output, CraftItems(
        preset=preset,
        num_items=num_items,
        size_bytes=sum(path.stat().st_size for path in paths),
        making_s=making_s,
        sizes=craft_sizes(preset, num_items),
    )


def shards(output: OutputFolder) -> list[Path]:
    """Returns the shards of a complete output, in the order of its items."""
    manifest = output.manifest()
    if manifest is None:
        raise RuntimeError(f"{output.root} is not complete")
    return [Path(output.where(shard.path)) for each in manifest.categories.values() for shard in each.shards]


def craft_command(config: Path, output: Path, workers: int) -> list[str]:
    """Returns the command that makes a training set."""
    words = ("craft", config, "--output", output, "--workers", workers, "--json")
    return [sys.executable, "-m", "job", *map(str, words)]


def measure_craft(
    items: Sequence[tuple[OutputFolder, CraftItems]],
    *,
    workers: int,
    repeat: int,
    scratch: Path,
    say: Callable[[str], None],
) -> list[CraftRun]:
    """Runs both methods on all items, in rounds.

    Args:
        items: the items.
        workers: the number of workers of `curate craft`.
        repeat: the number of rounds.
        scratch: a folder for outputs; each output is removed after its run.
        say: called with a line about each run before it starts.

    Returns:
        The runs, in their order.

    Raises:
        CurateError: a run failed, or sets differ.
    """
    runs: list[CraftRun] = []
    for number in range(1, repeat + 1):
        for output, its in items:
            for method in (CRAFT, COURSE):
                say(f"round {number} of {repeat}: {method}, {its.preset}, {its.num_items:,} items")
                runs.append(_one_run(method, number, output, its, workers, scratch / "run"))
                check_same_sets(runs)
    return runs


def _one_run(method: str, number: int, items: OutputFolder, its: CraftItems, workers: int, folder: Path) -> CraftRun:
    """Runs a method once, in a folder that is removed afterwards."""
    folder.mkdir()
    config, work_file, output = folder / "craft.yaml", folder / "work.json", folder / "output"
    try:
        if method == CRAFT:
            settings = craft_config(its.preset, Path(items.root), its.sizes)
            config.write_text(yaml.safe_dump(settings), encoding="utf-8")
            command = craft_command(config, output, workers)
        else:
            files = [str(path) for path in shards(items)]
            work_file.write_bytes(
                msgspec.json.encode(CraftInput(preset=its.preset, parquet_files=files, sizes=its.sizes))
            )
            command = [sys.executable, "-m", "job.bench.baselines.course_craft", str(work_file), str(output)]
        process = watch(command, folder, {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1"})
        result = _result_of_job(output) if method == CRAFT else msgspec.json.decode(process.stdout, type=CraftResult)
        return CraftRun(
            method=method,
            preset=its.preset,
            num_items=its.num_items,
            workers=workers if method == CRAFT else 1,
            round=number,
            wall_s=process.wall_s - result.not_counted_s,
            not_counted_s=result.not_counted_s,
            cpu_s=process.cpu_s - result.not_counted_s,
            peak_bytes=process.peak_bytes,
            num_rows=result.num_rows,
            digests=result.digests,
            others_cores=process.others_cores,
            swapped_bytes=process.swapped_bytes,
            apart_s=result.apart_s,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _result_of_job(output: Path) -> CraftResult:
    """Reads the rows of a training set back, after the run, so that its time is that of nobody."""
    digests: dict[str, str] = {}
    num_rows: dict[str, int] = {}
    for name in SPLITS:
        tables = [
            pq.read_table(path, columns=["id", "price"]) for path in sorted((output / "data").glob(f"{name}-*.parquet"))
        ]
        if tables:
            rows = (zip(table["id"].to_pylist(), table["price"].to_pylist(), strict=True) for table in tables)
            digests[name] = rows_digest(itertools.chain.from_iterable(rows))
            num_rows[name] = sum(table.num_rows for table in tables)
    return CraftResult(digests=digests, num_rows=num_rows, not_counted_s=0.0, apart_s={})


def check_same_sets(runs: Sequence[CraftRun]) -> None:
    """Compares all training sets of the same items.

    Raises:
        CurateError: they differ; the message names the methods by what they made.
    """
    made: dict[tuple[str, int], dict[str, set[str]]] = {}
    for run in runs:
        splits = {name: f"{run.num_rows[name]:,} rows, {digest[:16]}" for name, digest in run.digests.items()}
        made.setdefault((run.preset, run.num_items), {}).setdefault(json.dumps(splits), set()).add(run.method)
    for (preset, num_items), sets in made.items():
        if len(sets) > 1:
            lines = [f"{', '.join(sorted(methods))}: {splits}" for splits, methods in sets.items()]
            raise CurateError(
                f"the training sets differ, so no times are reported; {preset}, {num_items:,} items, by the digest of "
                "each split's ids and prices:\n" + "\n".join(lines)
            )


def craft_figures(runs: Sequence[CraftRun]) -> list[CraftFigures]:
    """Computes the figures of each method, preset and number of items, in the order of their first runs."""
    groups: dict[tuple[str, int, str], list[CraftRun]] = {}
    for run in runs:
        groups.setdefault((run.preset, run.num_items, run.method), []).append(run)
    wall = {key: spread(group, lambda run: run.wall_s) for key, group in groups.items()}
    return [
        CraftFigures(
            method=method,
            preset=preset,
            num_items=num_items,
            workers=group[0].workers,
            repeats=len(group),
            disturbed=sum(run.is_disturbed for run in group),
            wall_s=wall[preset, num_items, method],
            peak_bytes=spread(group, lambda run: run.peak_bytes),
            times_as_fast=wall[preset, num_items, COURSE].median / wall[preset, num_items, method].median
            if method == CRAFT and (preset, num_items, COURSE) in wall
            else None,
        )
        for (preset, num_items, method), group in groups.items()
    ]
