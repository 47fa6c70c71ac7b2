"""What was asked of `curate bench`: checked as a whole before anything runs."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from job.bench.baselines.method import BASELINES, PARQUET_BASELINES
from job.cluster.start import usable_cores
from job.errors import UsageError, cannot_be_written, nearest

FileFormat = Literal["parquet", "jsonl"]

_APPLIANCES_ROWS = 94_327
"""As many listings as the data set's Appliances have."""
_KERNEL_ROWS = 20_000
_LEAST_COUNTS_OF_ROWS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to measure."""

    source: Path | int
    """A job's config, whose first category is the input; or how many rows of a sample catalogue are."""
    file_formats: tuple[FileFormat, ...]
    """Which forms of the sample catalogue the job reads; of a config's category it is the one that is there."""
    workers: tuple[int, ...]
    """Numbers of workers, ascending."""
    repeat: int
    """How many times each run is done."""
    baselines: tuple[str, ...]
    """Names from `BASELINES`."""
    kernel: bool
    """Measure the stages of the work in one process, and nothing else."""
    memory_rows: tuple[int, ...]
    """Measure the peak memory at each of these numbers of rows, and nothing else."""
    output: Path
    """The folder for results, absolute."""


def read_request(
    *,
    config: Path | None,
    rows: int | None,
    file_format: str | None,
    workers: str | None,
    repeat: int,
    baselines: Sequence[str],
    kernel: bool,
    memory: str | None,
    output: Path,
) -> Request:
    """Checks the words of the command.

    Args:
        config: a YAML file, or None.
        rows: the size of the sample catalogue, in rows; None for that of Appliances, or 20,000 for the kernel.
        form: `parquet`, `jsonl` or `both`; None for Parquet.
        workers: numbers with commas between them; None for powers of two up to the number of cores.
        repeat: how many times each run is done.
        baselines: what to compare with.
        kernel: measure the stages only.
        memory: numbers of rows with commas between them; None to measure time.
        output: the folder for results; it is made.

    Returns:
        The checked request.

    Raises:
        UsageError: when a word is wrong, two exclude each other, a package is not installed, or the folder cannot be
            written.
    """
    if config is not None and (rows is not None or file_format is not None or memory is not None):
        raise UsageError("a config names its input itself: leave --rows, --form and --memory out, or the config")
    if kernel and (memory is not None or baselines or workers is not None):
        raise UsageError("--kernel measures one process: leave --workers, --baseline and --memory out")
    if memory is not None and (baselines or rows is not None):
        raise UsageError("--memory measures `curate run` at its own numbers of rows: leave --baseline and --rows out")
    if file_format not in {None, "parquet", "jsonl", "both"}:
        raise UsageError(f"--form {file_format}: must be parquet, jsonl or both")
    if rows is not None and rows < 1:
        raise UsageError(f"--rows {rows}: must be a whole number from 1 up")
    if repeat < 1:
        raise UsageError(f"--repeat {repeat}: must be a whole number from 1 up")
    for name in baselines:
        if name not in BASELINES:
            raise UsageError(f"--baseline {name}: unknown{nearest(name, BASELINES)}; there are: {', '.join(BASELINES)}")
    counts = _default_workers() if workers is None else _whole_numbers("--workers", workers)
    memory_rows = () if memory is None else _whole_numbers("--memory", memory)
    if memory is not None and len(memory_rows) < _LEAST_COUNTS_OF_ROWS:
        raise UsageError(f"--memory {memory}: name two numbers of rows or more, such as 100000,1000000")
    _check_installed(baselines)
    _make_folder(output)
    return Request(
        source=config.absolute() if config else rows or (_KERNEL_ROWS if kernel else _APPLIANCES_ROWS),
        file_formats=("parquet", "jsonl")
        if file_format == "both"
        else ("jsonl",)
        if file_format == "jsonl"
        else ("parquet",),
        workers=counts,
        repeat=repeat,
        baselines=tuple(dict.fromkeys(baselines)),
        kernel=kernel,
        memory_rows=memory_rows,
        output=output.absolute(),
    )


def _whole_numbers(option: str, text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(re.fullmatch(r"[0-9]+", part) and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {text}: must be whole numbers from 1 up with commas between them, such as 1,2,4")
    numbers = sorted(map(int, parts))
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{option} {text}: a number is named more than once")
    return tuple(numbers)


def _default_workers() -> tuple[int, ...]:
    cores = usable_cores()
    return tuple(2**power for power in range(cores.bit_length()) if 2**power <= cores)


def _check_installed(baselines: Sequence[str]) -> None:
    needed = ["matplotlib", "psutil", *(["tokenizers"] if PARQUET_BASELINES & {*baselines} else [])]
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"curate bench needs what is not installed: {', '.join(missing)}\n"
            f"to install it: pip install {' '.join(missing)}"
        )


def _make_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"the output is a file, not a folder: {output}\nname another: --output DIR")
    try:
        output.mkdir(parents=True, exist_ok=True)
        probe = output / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_be_written(error, output) from None
