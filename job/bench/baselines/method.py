"""What is run: the job itself, the methods that it is compared with, and the ceiling, each as one command."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BASELINES: dict[str, str] = {
    "process-pool": "job.bench.baselines.process_pool",
    "datasets-map": "job.bench.baselines.datasets_map",
    "no-ray": "job.bench.baselines.no_ray",
}
"""What a user would have otherwise, and the module that does it."""

PARQUET_BASELINES = frozenset({"process-pool", "datasets-map"})
"""Those that read Parquet by `datasets`, and tokenize by Hugging Face `tokenizers`."""

CURATE = "curate run"
ONE_ROW = "one row"
COPIES = "kernel copies"
_COPIES_MODULE = "job.bench.baselines.kernel_copies"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One way to do the work, with a number of workers."""

    name: str
    """`curate run`, `one row` (the same with `--limit 1`), `kernel copies`, or a baseline's."""
    file_format: str
    """Of the input it reads: `parquet` or `jsonl`."""
    workers: int

    @property
    def label(self) -> str:
        """Names it in a line."""
        if self.name == COPIES:
            return f"{self.workers} independent {'copy' if self.workers == 1 else 'copies'} of the kernel, {self.file_format}"
        return f"{self.name}, {self.file_format}, {self.workers} {'worker' if self.workers == 1 else 'workers'}"

    @property
    def is_whole(self) -> bool:
        """Tells whether it makes all items, so that its output can be compared."""
        return self.name not in {ONE_ROW, COPIES}

    def command(self, config: Path | None, source: Path, category: str, spec: Path, output: Path) -> list[str]:
        """Returns the command to run.

        Args:
            config: the job's YAML file, if there is one.
            source: the folder or file to read.
            category: its category.
            spec: the file that tells a baseline what to do.
            output: an output folder that is not there yet.
        """
        if self.name in {CURATE, ONE_ROW}:
            given: Mapping[str, object] = {
                "--source": source,
                "--category": category,
                "--output": output,
                "--workers": self.workers,
                **({"--limit": 1} if self.name == ONE_ROW else {}),
            }
            options = [str(part) for pair in given.items() for part in pair]
            return [sys.executable, "-m", "job", "run", *([str(config)] if config else []), *options, "--json"]
        module = BASELINES.get(self.name, _COPIES_MODULE)
        words = (module, spec, self.file_format, self.workers, output)
        return [sys.executable, "-m", "job.bench.baselines.child", *map(str, words)]
