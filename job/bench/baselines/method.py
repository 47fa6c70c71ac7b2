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
    "datatrove": "job.bench.baselines.datatrove_pipeline",
    "ray-data": "job.bench.baselines.ray_data",
}
"""Module of each baseline, by its name. These are what a user would do without this program."""

RECIPES: dict[str, str] = {
    "course-2025": "course-2025",
    "row-recipe": "job.bench.baselines.row_recipe:PlainCourse",
}
"""Other recipes that `curate run` is measured with: what a config calls each, by the name of the baseline."""

BASELINE_NAMES = (*BASELINES, *RECIPES)

PARQUET_BASELINES = frozenset({"process-pool", "datasets-map"})
"""Names of the baselines that read Parquet with `datasets` and tokenize with Hugging Face `tokenizers`."""

PEERS = frozenset({"datatrove", "ray-data"})
"""Names of the baselines that read and write by other programs' means, whatever these make of the rows."""

OWN_RULES = PARQUET_BASELINES | PEERS
"""Names of the baselines that have the rules of one recipe built in."""

MAY_DIFFER = PEERS | {"row-recipe"}
"""Names of the baselines whose items may be others. That is shown; with any other baseline, it is an error."""

_OTHER_ITEMS = frozenset({"course-2025"})
"""Names of the baselines that are meant to make other items."""

CURATE = "curate run"
ONE_ROW = "one row"
COPIES = "kernel copies"
_COPIES_MODULE = "job.bench.baselines.kernel_copies"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """One way to do the work, with its number of workers."""

    name: str
    """`curate run`, `one row` (`curate run --limit 1`), `kernel copies`, or one of `BASELINE_NAMES`."""
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
        """Whether the method produces all items of the job, so that its output can be compared."""
        return self.name not in {ONE_ROW, COPIES, *_OTHER_ITEMS}

    @property
    def is_job(self) -> bool:
        """Whether the method is `curate run`, with whatever recipe and limit."""
        return self.name in {CURATE, ONE_ROW, *RECIPES}

    @property
    def is_baseline(self) -> bool:
        """Whether the method is a baseline, or another recipe."""
        return self.name in BASELINE_NAMES

    def command(self, config: Path | None, source: Path, category: str, work_file: Path, output: Path) -> list[str]:
        """Returns the command to run.

        Args:
            config: the job's YAML file, or None.
            source: the folder or file to read.
            category: the category of the source.
            work_file: the file with a baseline's `WorkInput`.
            output: an output folder that does not exist yet.
        """
        if self.is_job:
            options: Mapping[str, object] = {
                "--source": source,
                "--category": category,
                "--output": output,
                "--workers": self.workers,
                **({"--limit": 1} if self.name == ONE_ROW else {}),
                **({"--set": f"recipe.name={RECIPES[self.name]}"} if self.name in RECIPES else {}),
            }
            words = [str(word) for option in options.items() for word in option]
            return [sys.executable, "-m", "job", "run", *([str(config)] if config else []), *words, "--json"]
        module = BASELINES.get(self.name, _COPIES_MODULE)
        words = (module, work_file, self.file_format, self.workers, output)
        return [sys.executable, "-m", "job.bench.baselines.child", *map(str, words)]
