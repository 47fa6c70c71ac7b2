"""The course's interface: a category's items as a list of objects, made by the same pipeline as everything else.

    from job import ItemLoader

    items = ItemLoader("Appliances").load(workers=8)

For a big category, `dataset()` gives a Ray Dataset instead, and `output` is the folder it lies in. In a notebook, a
loader shows its funnel and its prices once the items are made, and `plots()` gives the course's plots.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
import sys
import types
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from job.config.addresses import located
from job.config.load import load_config
from job.config.models import JobConfig
from job.config.python_words import in_python
from job.errors import Interrupted, UsageError, as_curate_error
from job.output.folder import OutputFolder
from job.output.totals import CategoryTotals
from job.recipe.course_2024.prompt import test_prompt
from job.recipe.custom.code import is_custom
from job.run import run_job
from job.storage.filesystem import open_filesystem
from job.streams.standard import tolerant

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
        with _for_python():
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
        with _for_python():
            names = self._shards(workers, fresh=fresh)
        import ray.data
        from pyarrow import fs

        from job.cluster.start import ensure_ray

        ensure_ray(_say)
        if importlib.util.find_spec("aiohttp") is None:
            # Ray Data imports this in several threads. Without aiohttp one of them finds half a module, which is an
            # error that Ray does not expect; with this, all find none.
            sys.modules.setdefault("fsspec.implementations.http", None)  # pyright: ignore[reportArgumentType]
        if isinstance(self.output, Path):
            filesystem, root = None, str(self.output.absolute())
        else:
            filesystem, root = open_filesystem(self.output)
        if filesystem is None and "?" in root:  # Ray Data takes what follows for the query of an address
            filesystem, root = fs.SubTreeFileSystem(root, fs.LocalFileSystem()), ""
        # By default Ray Data makes a column of each folder such as `category=Other` in the path of an output.
        paths = [f"{root}/{name}" if root else name for name in names]
        found = ray.data.read_parquet(paths, filesystem=filesystem, partitioning=None)
        found.context.execution_options.preserve_order = True
        return found

    def plots(self) -> Plots:
        """Returns the course's plots of the items that are made: prices, lengths, categories, price against length.

        Returns:
            Matplotlib figures by name, which a notebook shows.

        Raises:
            UsageError: if matplotlib is not installed, or the items are not made yet.
        """
        with _for_python():
            from job.report.notebook import plots

            return plots(self.output, _say)

    def _repr_html_(self) -> str:
        from job.report.notebook import short_html

        return short_html(self.output)

    def _shards(self, workers: int | Literal["all"], *, fresh: bool) -> list[str]:
        config: JobConfig = load_config(None, {**self._settings, "workers": workers})
        totals: CategoryTotals = run_job(config, fresh=fresh, say=_say).manifest.categories[self.category]
        return [shard.path for shard in totals.shards]


@contextlib.contextmanager
def _for_python() -> Generator[None]:
    """Raises errors without what led to them and with advice in Python's words; an unknown error stays as it is.

    Nor is a notebook advised to install ipywidgets: tqdm and Ray do so when they are imported, for bars of their own.
    """
    advice = logging.getLogger("ray.widgets.util")
    level = advice.level
    advice.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")
            yield
    except KeyboardInterrupt:
        raise Interrupted("what was finished is kept: make the same call again to go on") from None
    except Exception as error:
        friendly = as_curate_error(error)
        if friendly is None:
            raise
        raise type(friendly)(in_python(friendly.message)) from None
    finally:
        advice.setLevel(level)


def _say(line: str) -> None:
    tolerant(sys.stderr).write(in_python(line) + "\n")
