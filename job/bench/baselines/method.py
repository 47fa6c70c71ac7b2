"""What does the bench run? The job, the methods that it is compared with, and the ceiling, each as one command."""

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
"""Module of each baseline, by its name. These are what a user would do without this program."""

PARQUET_BASELINES = frozenset({"process-pool", "datasets-map"})
"""Names of the baselines that read Parquet with `datasets` and tokenize with Hugging Face `tokenizers`."""

CURATE = "curate run"
ONE_ROW = "one row"
COPIES = "kernel copies"
_COPIES_MODULE = "job.bench.baselines.kernel_copies"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One way to do the work, with its number of workers."""

    name: str
    """`curate run`, `one row` (`curate run --limit 1`), `kernel copies`, or the name of a baseline."""
    file_format: str
    """File format of the input: `parquet` or `jsonl`."""
    workers: int

    @property
    def label(self) -> str:
        """The method in one line of text."""
        if self.name == COPIES:
            copies = "copy" if self.workers == 1 else "copies"
            return f"{self.workers} independent {copies} of the kernel, {self.file_format}"
        return f"{self.name}, {self.file_format}, {self.workers} {'worker' if self.workers == 1 else 'workers'}"

    @property
    def is_whole(self) -> bool:
        """Whether the method produces all items, so that its output can be compared."""
        return self.name not in {ONE_ROW, COPIES}

    def command(self, config: Path | None, source: Path, category: str, work_file: Path, output: Path) -> list[str]:
        """Returns the command to run.

        Args:
            config: the job's YAML file, or None.
            source: the folder or file to read.
            category: the category of the source.
            work_file: the file with a baseline's `WorkInput`.
            output: an output folder that does not exist yet.
        """
        if self.name in {CURATE, ONE_ROW}:
            options: Mapping[str, object] = {
                "--source": source,
                "--category": category,
                "--output": output,
                "--workers": self.workers,
                **({"--limit": 1} if self.name == ONE_ROW else {}),
            }
            words = [str(word) for option in options.items() for word in option]
            return [sys.executable, "-m", "job", "run", *([str(config)] if config else []), *words, "--json"]
        module = BASELINES.get(self.name, _COPIES_MODULE)
        words = (module, work_file, self.file_format, self.workers, output)
        return [sys.executable, "-m", "job.bench.baselines.child", *map(str, words)]
