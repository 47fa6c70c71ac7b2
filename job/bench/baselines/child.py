"""What runs in the process of a baseline? It reads its work from a file, does it, and prints one JSON object.

This is a module of its own so that a baseline's functions keep their module's name in the processes that it starts.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from job.recipe.course_2024.settings import Course2024Settings


class WorkInput(msgspec.Struct, frozen=True, kw_only=True):
    """The work of a baseline."""

    config: str | None
    """Path of the job's YAML file."""
    source_paths: dict[str, str]
    """The folder or file that the job reads, by file format."""
    files: dict[str, list[str]]
    """Paths of the category's files, in the order of their rows, by file format."""
    category: str
    recipe: Course2024Settings
    """Settings for baselines that have the course's recipe of 2024 built in. Others use the config's recipe."""
    limit: int | None
    """Number of rows to read, from the first one on; None for all."""
    tokenizer: str
    """Path of a Hugging Face `tokenizer.json`; empty if no baseline needs one."""


class WorkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a baseline."""

    content_digest: str | None
    """Digest of the items, as the job defines it; None if the baseline does not produce all of them."""
    num_rows: int
    num_items: int
    began: float
    """Time at which the first row was taken up, in seconds since the epoch."""
    ended: float
    """Time at which the last item was done, in seconds since the epoch."""
    not_counted_s: float
    """Seconds that the method itself does not need. They do not count as its time."""
    not_counted_cpu_s: float
    """CPU seconds of the same work."""
    not_counted_before_s: float = 0.0
    """How many of the `not_counted_s` came before the first row was taken up."""
    apart_s: dict[str, float]
    """Seconds of parts of the counted time, by the part's name."""


Work = Callable[[WorkInput, str, int, Path], WorkResult]
"""A baseline: takes its input, a file format, the number of workers, and an output folder that does not exist yet."""


def load_work(content: bytes) -> WorkInput:
    """Returns the input that `dump_work` encoded."""
    decoder = msgspec.json.Decoder(WorkInput, dec_hook=lambda _, value: Course2024Settings.model_validate(value))
    return decoder.decode(content)


def dump_work(work_input: WorkInput) -> bytes:
    """Encodes an input as JSON."""
    return msgspec.json.encode(work_input, enc_hook=lambda value: value.model_dump(mode="json"))


def main() -> None:
    """Runs a baseline. The command line holds its module, input file, file format, workers and output folder."""
    module, work_file, file_format, workers, output = sys.argv[1:]
    work: Work = importlib.import_module(module).work
    result = work(load_work(Path(work_file).read_bytes()), file_format, int(workers), Path(output))
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main()
