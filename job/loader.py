"""The course's interface: a category's items as a list of objects, made by the same pipeline as everything else.

    from job import ItemLoader

    items = ItemLoader("Appliances").load(workers=8)

For a big category, `dataset()` gives a Ray Dataset instead, and `output` is the folder it lies in. In a notebook, a
loader shows its funnel and its prices once the items are made, and `plots()` gives the course's plots.
"""

from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from job.config.addresses import located
from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import UsageError
from job.notebook.ray_dataset import ray_dataset
from job.notebook.words import for_python, say
from job.output.folder import OutputFolder
from job.output.totals import CategoryTotals
from job.recipe.course_2024.prompt import test_prompt
from job.recipe.custom.code import is_custom
from job.run import run_job

if TYPE_CHECKING:
    import ray.data

    from job.report.notebook import Plots


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

    A `CurateError` is raised with advice in Python's words, and a notebook shows it as one message.

    Args:
        category: its name, such as `Appliances`.
        source: a folder, or its address, to read from, instead of the data set on the Hub.
        output: the folder for the items, or its address; one that is complete is used as it is.
        settings: any other keys of the config by their dotted names, such as `{"recipe.max_price": 500}`.
    """

    def __init__(
        self,
        category: str,
        source: str | Path | None = None,
        *,
        output: str | Path | None = None,
        settings: dict[str, Any] | None = None,
    ):
        self.category = category
        try:
            self.output = located(str(output if output is not None else Path("out") / category))
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"output: {error}") from None
        if ignored := sorted((settings or {}).keys() & {"output", "workers", "categories"}):
            raise UsageError(f"settings: {', '.join(ignored)} are arguments of their own, here or of load")
        given: dict[str, Any] = {"categories": [category], "output": str(self.output)}
        if source is not None:
            given["source.path"] = str(source)
        self._settings = {**(settings or {}), **given}

    def load(self, workers: int | Literal["all"] = "all", *, fresh: bool = False) -> list[Any]:
        """Makes the items, or takes those that are made already.

        Args:
            workers: how many cores may work at once.
            fresh: make them anew, in place of what the output's own plan names.

        Returns:
            All of them, in the order of the source. They are in memory: some 2 KB each. Items of another recipe than
            the default one have its columns as attributes.

        Raises:
            CurateError: see `run_job`.
        """
        columns = [field.name for field in dataclasses.fields(Item)]
        items: list[Any] = []
        is_plain = not is_custom(self._settings.get("recipe.name"))  # a recipe of the user's own has other columns
        with for_python():
            for name in self._shards(workers, fresh=fresh):
                table = OutputFolder(self.output).table(name)
                if is_plain and {*columns} <= {*table.column_names}:
                    items += map(Item, *[table[name].to_pylist() for name in columns])
                else:
                    items += [types.SimpleNamespace(**row) for row in table.to_pylist()]
        return items

    def dataset(self, workers: int | Literal["all"] = "all", *, fresh: bool = False) -> ray.data.Dataset:
        """Makes the items, or takes those that are made already.

        Args:
            workers: how many cores may work at once.
            fresh: make them anew, in place of what the output's own plan names.

        Returns:
            A Ray Dataset that reads them in the order of the source, by the Ray that this Python has, or one that it
            gets for this.

        Raises:
            CurateError: see `run_job`.
        """
        with for_python():
            names = self._shards(workers, fresh=fresh)
        return ray_dataset(self.output, names, say)

    def plots(self) -> Plots:
        """Returns the course's plots of the items that are made: prices, lengths, categories, price against length.

        Returns:
            Matplotlib figures by name, which a notebook shows.

        Raises:
            UsageError: if matplotlib is not installed, or the items are not made yet.
        """
        with for_python():
            from job.report.notebook import plots

            return plots(self.output, say)

    def _repr_html_(self) -> str:
        from job.report.notebook import short_html

        return short_html(self.output)

    def _shards(self, workers: int | Literal["all"], *, fresh: bool) -> list[str]:
        config: JobConfig = load_config(None, {**self._settings, "workers": workers})
        totals: CategoryTotals = run_job(config, fresh=fresh, say=say).manifest.categories[self.category]
        return [shard.path for shard in totals.shards]
