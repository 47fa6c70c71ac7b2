"""The process of a baseline: is told what to do in a file, does it, and prints one JSON object.

A module of its own, so that a baseline's functions have the same name in the processes that it starts.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from job.config.models import RecipeConfig


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline has to do."""

    config: str | None
    """The job's YAML file."""
    places: dict[str, str]
    """By form: the folder or file that the job reads."""
    parquet_files: list[str]
    """The category's Parquet files."""
    category: str
    recipe: RecipeConfig
    limit: int | None
    """Only the first so many rows."""
    tokenizer: str
    """A Hugging Face `tokenizer.json`; empty where no baseline needs one."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline did."""

    content_digest: str | None
    """As the job defines it; None of what makes no whole output."""
    num_rows: int
    num_items: int
    began: float
    """When the first row was taken up, in seconds since the epoch."""
    ended: float
    """When the last item was there."""
    not_counted_s: float
    """Time that the method as such does not need, and that is not counted as its own."""
    not_counted_cpu_s: float
    apart_s: dict[str, float]
    """Parts of the time that are counted, in seconds."""


Work = Callable[[Spec, str, int, Path], Done]
"""A baseline: takes the spec, the form, the number of workers, and an output folder that is not there yet."""


def load_spec(content: bytes) -> Spec:
    """Reads what `dump_spec` wrote."""
    return msgspec.json.decode(content, type=Spec, dec_hook=lambda _, value: RecipeConfig.model_validate(value))


def dump_spec(spec: Spec) -> bytes:
    """Writes a spec as JSON."""
    return msgspec.json.encode(spec, enc_hook=lambda value: value.model_dump(mode="json"))


def main() -> None:
    """Does what the command line says: module, spec, form, workers, output."""
    module, spec, file_format, workers, output = sys.argv[1:]
    work: Work = importlib.import_module(module).work
    done = work(load_spec(Path(spec).read_bytes()), file_format, int(workers), Path(output))
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n")


if __name__ == "__main__":
    main()
