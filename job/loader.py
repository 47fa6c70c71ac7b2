"""The course's interface: a category's items as a list of objects, made by the same pipeline as everything else.

    from job import ItemLoader

    items = ItemLoader("Appliances").load(workers=8)

For a big category, `dataset()` gives a Ray Dataset instead, and `output` is the folder it lies in.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from job.config.addresses import located
from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import UsageError
from job.output.folder import OutputFolder
from job.output.totals import CategoryTotals
from job.recipe.course_2024.prompt import test_prompt
from job.run import run_job
from job.storage.filesystem import open_filesystem

if TYPE_CHECKING:
    import ray.data


@dataclass(frozen=True, slots=True, repr=False)
class Item:
    """A listing with its prompt."""

    title: str
    price: float
    """In dollars."""
    category: str
    token_count: int
    """Llama 3 tokens of the prompt."""
    prompt: str

    def test_prompt(self) -> str:
        """Returns the prompt without its answer."""
        return test_prompt(self.prompt)

    def __repr__(self) -> str:
        return f"<{self.title} = ${self.price}>"


class ItemLoader:
    """Loads the items of a category.

    Args:
        category: its name, such as `Appliances`.
        source: a folder, or its address, to read from, instead of the data set on the Hub.
        output: the folder for the items, or its address; one that is complete is used as it is.
        settings: any other keys of the config by their dotted names, such as `{"recipe.max_price": 500}`.
    """

    def __init__(
        self,
        category: str,
        *,
        source: str | Path | None = None,
        output: str | Path | None = None,
        settings: dict[str, Any] | None = None,
    ):
        self.category = category
        self.output = located(str(output if output is not None else Path("out") / category))
        if ignored := sorted((settings or {}).keys() & {"output", "workers", "categories"}):
            raise UsageError(f"settings: {', '.join(ignored)} are arguments of their own, here or of load")
        given: dict[str, Any] = {"categories": [category], "output": str(self.output)}
        if source is not None:
            given["source.path"] = str(source)
        self._settings = {**(settings or {}), **given}

    def load(self, workers: int | Literal["all"] = "all") -> list[Any]:
        """Makes the items, or takes those that are made already.

        Args:
            workers: how many cores may work at once.

        Returns:
            All of them, in the order of the source. They are in memory: some 2 KB each. Items of another recipe than
            the default one have its columns as attributes.

        Raises:
            CurateError: see `run_job`.
        """
        columns = [field.name for field in dataclasses.fields(Item)]
        items: list[Any] = []
        for name in self._shards(workers):
            table = OutputFolder(self.output).table(name)
            if {*columns} <= {*table.column_names}:
                items += map(Item, *[table[name].to_pylist() for name in columns])
            else:
                items += [types.SimpleNamespace(**row) for row in table.to_pylist()]
        return items

    def dataset(self, workers: int | Literal["all"] = "all") -> ray.data.Dataset:
        """Makes the items, or takes those that are made already.

        Args:
            workers: how many cores may work at once.

        Returns:
            A Ray Dataset that reads them in the order of the source, by the Ray that this Python has, or one that it
            gets for this.

        Raises:
            CurateError: see `run_job`.
        """
        names = self._shards(workers)
        import ray
        import ray.data

        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "local")
            if address == "local":
                from job.cluster.environment import ask_for_token

                ask_for_token()
            ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False)
        if isinstance(self.output, Path):
            filesystem, root = None, str(self.output.absolute())
        else:
            filesystem, root = open_filesystem(self.output)
        # By default Ray Data makes a column of each folder such as `category=Other` in the path of an output.
        paths = [f"{root}/{name}" for name in names]
        found = ray.data.read_parquet(paths, filesystem=filesystem, partitioning=None)
        found.context.execution_options.preserve_order = True
        return found

    def _shards(self, workers: int | Literal["all"]) -> list[str]:
        config: JobConfig = load_config(None, {**self._settings, "workers": workers})
        totals: CategoryTotals = run_job(config, say=_say).manifest.categories[self.category]
        return [shard.path for shard in totals.shards]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
