"""What was requested of `curate bench`? The options are checked as a whole before anything runs."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from job.bench.baselines.method import BASELINE_NAMES, PARQUET_BASELINES, RECIPES
from job.cluster.allowed import usable_cores
from job.errors import UsageError, cannot_be_written, nearest
from job.recipe.registry import settings_type
from job.source.sample.items import MADE_RECIPES

FileFormat = Literal["parquet", "jsonl"]

_FILE_FORMATS: dict[str, tuple[FileFormat, ...]] = {
    "parquet": ("parquet",),
    "jsonl": ("jsonl",),
    "both": ("parquet", "jsonl"),
}
_APPLIANCES_ROWS = 94_327
"""Number of listings in the data set's category Appliances."""
_KERNEL_ROWS = 20_000
_CRAFT_ITEMS = (400_000, 562_281, 2_811_408)
"""Number of items of the course's price data set, a fifth of it, and what one course trained on."""
_LEAST_CRAFT_ITEMS = 10_000
_HUB_MB_PER_S = 25.0
"""Speed that a CDN often gives one connection, in 10^6 bytes per second."""
_LEAST_MEMORY_ROWS = 2
"""Numbers of rows that `--memory` needs at least, to compare them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to measure."""

    source: Path | int
    """Path of a config, whose first category is the input; or the number of rows of a sample catalogue."""
    file_formats: tuple[FileFormat, ...]
    """File formats of the sample catalogue that the job reads. The files of a config decide for themselves."""
    workers: tuple[int, ...]
    """Numbers of workers, ascending."""
    repeat: int
    """Number of times that each method runs."""
    baseline_repeat: int
    """Number of times that each baseline runs, at most `repeat`."""
    baselines: tuple[str, ...]
    """Names from `BASELINE_NAMES`."""
    kernel: bool
    """Whether to measure only the stages of the work, in one process."""
    recipe: str | None
    """Name of the recipe whose stages to measure on a sample catalogue; None for the default. A config has its own."""
    memory_rows: tuple[int, ...]
    """Numbers of rows at which to measure only the peak memory; empty to measure time."""
    craft_items: tuple[int, ...]
    """Numbers of items of which to measure only `curate craft`; empty to measure `curate run`."""
    presets: tuple[str, ...]
    """Presets of `curate craft` to measure."""
    hub_mb_per_s: float | None
    """Speed of a Hub on loopback in 10^6 bytes per second, to measure only runs from there; None: not to."""
    output: Path
    """Absolute path of the folder for results."""


def read_request(
    *,
    config: Path | None,
    rows: int | None,
    file_format: str | None,
    workers: str | None,
    repeat: int,
    baseline_repeat: int | None = None,
    baselines: Sequence[str],
    kernel: bool,
    recipe: str | None = None,
    memory: str | None,
    craft: bool = False,
    items: str | None = None,
    preset: str | None = None,
    hub: bool = False,
    hub_mb_per_s: float | None = None,
    output: Path,
) -> Request:
    """Checks the options of the command, and creates the output folder.

    Args:
        config: the path of a YAML file, or None.
        rows: the number of rows of the sample catalogue; None for that of Appliances, or 20,000 for the kernel.
        file_format: `parquet`, `jsonl` or `both`; None for Parquet.
        workers: numbers separated by commas; None for powers of two up to the number of cores.
        repeat: the number of times that each method runs.
        baseline_repeat: the number of times that each baseline runs; None for as many.
        baselines: the names of the baselines to compare with.
        kernel: whether to measure only the stages.
        recipe: the name of the recipe whose stages to measure; None for the config's, or the default.
        memory: numbers of rows separated by commas; None to measure time.
        craft: whether to measure `curate craft` instead of `curate run`.
        items: numbers of items separated by commas; None for 400,000, the course's number, and a fifth of it.
        preset: the preset to measure; None for all.
        hub: whether to measure only runs from a Hub on loopback.
        hub_mb_per_s: the speed of that Hub in 10^6 bytes per second; None for 25.
        output: the folder for results.

    Raises:
        UsageError: an option is wrong, two exclude each other, a package is not installed, or the folder cannot be
            written.
    """
    if config is not None and (rows is not None or file_format is not None or memory is not None):
        raise UsageError("a config names its input itself: leave out --rows, --form and --memory, or the config")
    numbers = _craft_items(items, preset, craft=craft)
    if craft and (config is not None or rows is not None or file_format is not None or memory is not None):
        raise UsageError("--craft makes its items itself: leave out the config, --rows, --form and --memory")
    if craft and (kernel or baselines):
        raise UsageError("--craft always compares with the course's method: leave out --kernel and --baseline")
    if hub and (config is not None or memory is not None or kernel or craft or baselines):
        raise UsageError(
            "--hub serves a sample catalogue: leave out the config, --memory, --kernel, --craft, --baseline"
        )
    if hub and file_format == "both":
        raise UsageError("--hub serves one format: --form jsonl or --form parquet")
    if hub_mb_per_s is not None and not hub:
        raise UsageError("--hub-rate goes with --hub alone")
    if hub_mb_per_s is not None and not 0 < hub_mb_per_s < float("inf"):
        raise UsageError(f"--hub-rate {hub_mb_per_s:g}: must be a number of MB/s above 0, such as 25")
    if kernel and (memory is not None or baselines or workers is not None):
        raise UsageError("--kernel measures one process: leave out --workers, --baseline and --memory")
    if recipe is not None:
        if config is not None or not kernel:
            raise UsageError("--recipe goes with --kernel alone: for all else, name the recipe in a config")
        try:
            settings_type(recipe)
        except ValueError as error:
            raise UsageError(f"--recipe: {error}") from None
    if memory is not None and (baselines or rows is not None):
        raise UsageError("--memory measures `curate run` at its own numbers of rows: leave out --baseline and --rows")
    if file_format is not None and file_format not in _FILE_FORMATS:
        raise UsageError(f"--form {file_format}: must be parquet, jsonl or both")
    if rows is not None and rows < 1:
        raise UsageError(f"--rows {rows}: must be a whole number from 1 up")
    if repeat < 1:
        raise UsageError(f"--repeat {repeat}: must be a whole number from 1 up")
    if baseline_repeat is not None and not 1 <= baseline_repeat <= repeat:
        raise UsageError(f"--baseline-repeat {baseline_repeat}: must be a whole number from 1 to --repeat, {repeat}")
    for name in baselines:
        if name not in BASELINE_NAMES:
            choices = ", ".join(BASELINE_NAMES)
            raise UsageError(f"--baseline {name}: unknown{nearest(name, BASELINE_NAMES)}; choose from: {choices}")
        if name in RECIPES and config is not None:
            raise UsageError(
                f"--baseline {name} runs another recipe on the sample catalogue: leave it or the config out"
            )
    counts = _default_workers() if workers is None else _whole_numbers("--workers", workers)
    memory_rows = () if memory is None else _whole_numbers("--memory", memory)
    if memory is not None and len(memory_rows) < _LEAST_MEMORY_ROWS:
        raise UsageError(f"--memory {memory}: name at least two numbers of rows, such as 100000,1000000")
    _check_installed(baselines)
    _make_folder(output)
    return Request(
        source=config.absolute() if config else rows or (_KERNEL_ROWS if kernel else _APPLIANCES_ROWS),
        file_formats=_FILE_FORMATS[file_format or ("jsonl" if hub else "parquet")],
        workers=counts,
        repeat=repeat,
        baseline_repeat=baseline_repeat or repeat,
        baselines=tuple(dict.fromkeys(baselines)),
        kernel=kernel,
        recipe=recipe,
        memory_rows=memory_rows,
        craft_items=numbers,
        presets=(preset,) if preset else MADE_RECIPES,
        hub_mb_per_s=(hub_mb_per_s or _HUB_MB_PER_S) if hub else None,
        output=output.absolute(),
    )


def _craft_items(items: str | None, preset: str | None, *, craft: bool) -> tuple[int, ...]:
    """Returns the numbers of items of which to measure `curate craft`; none when that was not asked for."""
    if not craft:
        if items is not None or preset is not None:
            raise UsageError("--items and --preset go with --craft alone")
        return ()
    if preset is not None and preset not in MADE_RECIPES:
        choices = ", ".join(MADE_RECIPES)
        raise UsageError(f"--preset {preset}: unknown{nearest(preset, MADE_RECIPES)}; choose from: {choices}")
    numbers = _CRAFT_ITEMS if items is None else _whole_numbers("--items", items)
    if min(numbers) < _LEAST_CRAFT_ITEMS:
        raise UsageError(f"--items {items}: name numbers from {_LEAST_CRAFT_ITEMS:,} up; fewer leave splits empty")
    return numbers


def _whole_numbers(option: str, text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(re.fullmatch(r"[0-9]+", part) and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {text}: must be whole numbers from 1 up, separated by commas, such as 1,2,4")
    numbers = sorted(map(int, parts))
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{option} {text}: a number is repeated")
    return tuple(numbers)


def _default_workers() -> tuple[int, ...]:
    cores = usable_cores()
    return tuple(2**power for power in range(cores.bit_length()) if 2**power <= cores)


def _check_installed(baselines: Sequence[str]) -> None:
    needed = ["matplotlib", "psutil"]
    needed += ["tokenizers"] if PARQUET_BASELINES & {*baselines} else []
    needed += ["datatrove", "orjson"] if "datatrove" in baselines else []
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        raise UsageError(
            f"curate bench needs packages that are not installed: {', '.join(missing)}\n"
            f"to install them: pip install {' '.join(missing)}"
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
