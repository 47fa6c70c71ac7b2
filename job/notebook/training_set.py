"""A training set from Python: make or open one, read its splits, and look at its numbers.

    from job import TrainingSet

    made = TrainingSet("out/items", "out/set", preset="course-2024").make()
    train = made.dataset("train")

Settings are the keys of `curate craft`'s config, sections as dictionaries or by dotted names:
`TrainingSet("out/items", sample={"size": 5000}, **{"splits.test": 500})`.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec
import pyarrow as pa

from job.config.addresses import located
from job.config.craft import SECTIONS
from job.config.load import load_craft_config
from job.craft import craft_set
from job.errors import UsageError, nearest
from job.export.export import TooLong, export
from job.notebook.ray_dataset import ray_dataset
from job.notebook.words import for_python, say
from job.output.folder import OutputFolder
from job.output.training_set.finished import open_finished
from job.output.training_set.totals import SetManifest

if TYPE_CHECKING:
    import datasets
    import ray.data

    from job.report.notebook import Plots

_for_python = partial(for_python, training_set=True)
_say: Callable[[str], None] = partial(say, training_set=True)
_SECTIONS = {str(path[0]) for path in SECTIONS if path}


class TrainingSet:
    """A training set: crafted of finished items, or opened.

    A `CurateError` is raised with advice in Python's words, and a notebook shows it as one message.

    Args:
        items: path or address of a finished output of items.
        output: path or address of the training set; one that is complete is used as it is.
        settings: other keys of its config, such as `preset="course-2024"`, `seed=1` or `sample={"size": 5000}`.
    """

    def __init__(self, items: str | Path, output: str | Path = "out/set", **settings: Any) -> None:
        if "workers" in settings:
            raise UsageError("workers is an argument of make, as in make(workers=2)")
        self.output = _located(output)
        self._given: dict[str, Any] | None = {**_flat(settings), "items": str(items), "output": str(self.output)}
        self._manifest: SetManifest | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens a finished training set.

        Args:
            path: its path or address.

        Raises:
            UsageError: when there is none, or it is not complete.
        """
        opened = cls.__new__(cls)
        opened.output = _located(path)
        opened._given = None
        with _for_python():
            _, _, opened._manifest = open_finished(opened.output)
        return opened

    def make(self, workers: int | Literal["all"] = "all", *, fresh: bool = False) -> Self:
        """Makes the set, or resumes it; does nothing when it is complete.

        Args:
            workers: how many cores may work at once.
            fresh: make it anew, in place of what the output's own plan names.

        Returns:
            This training set.

        Raises:
            CurateError: see `craft_set`.
        """
        if self._given is None:
            raise UsageError(f"{self.output} was opened; to make a set, say of what: TrainingSet(items, output).make()")
        with _for_python():
            config = load_craft_config(None, {**self._given, "workers": workers})
            self._manifest = craft_set(config, fresh=fresh, say=_say).manifest
        return self

    @property
    def splits(self) -> dict[str, int]:
        """Number of rows of each split that has some."""
        return {name: totals.num_rows for name, totals in self._made().splits.items()}

    @property
    def totals(self) -> dict[str, int]:
        """Number of items of each fate: the splits, and why others are in none. It adds up to all items."""
        return dict(self._made().funnel)

    @property
    def stages(self) -> dict[str, dict[str, int | float]]:
        """Figures of each stage of the decision, such as the mean price of the sample."""
        return msgspec.to_builtins(self._made().stages)

    @property
    def findings(self) -> dict[str, Any]:
        """All that was found out about the finished rows, as plain values; empty when nothing was."""
        found = self._made().findings
        return {} if found is msgspec.UNSET else msgspec.to_builtins(found)

    @property
    def leaks(self) -> Any:
        """Rows of test and validation that are in train, by split and kind; None when they were not counted."""
        return self.findings.get("leaks")

    @property
    def conflicts(self) -> Any:
        """What equal prompts with different prices cost; None when they were not looked for."""
        return self.findings.get("conflicts")

    def dataset(self, split: str) -> datasets.Dataset:
        """Returns a split as a data set of Hugging Face's `datasets`, its rows in their order.

        One on a disk is mapped into memory; one in a bucket is read into it.

        Args:
            split: `train`, `validation` or `test`.

        Raises:
            UsageError: when there is no such split.
            CurateError: when it cannot be read.
        """
        import datasets

        with _for_python():
            names = self._shards(split)
            if isinstance(self.output, Path) and "::" not in str(folder := self.output.resolve()):
                files = [f"{glob.escape(str(folder))}/{name}" for name in names]
                found: Any = datasets.load_dataset("parquet", data_files={split: files}, split=split)
                return found
            output = OutputFolder(self.output)
            return datasets.Dataset(pa.concat_tables([output.table(name) for name in names]))

    def datasets(self) -> datasets.DatasetDict:
        """Returns all splits as `dataset` does, by their names."""
        import datasets

        return datasets.DatasetDict({split: self.dataset(split) for split in self.splits})

    def ray_dataset(self, split: str) -> ray.data.Dataset:
        """Returns a split as a Ray Dataset that reads its rows in their order.

        Args:
            split: `train`, `validation` or `test`.

        Raises:
            UsageError: when there is no such split.
        """
        with _for_python():
            return ray_dataset(self.output, self._shards(split), _say)

    def export(
        self, form: str, output: str | Path, *, max_length: int | None = None, too_long: TooLong | None = None
    ) -> list[Path | str]:
        """Writes it in the form that a trainer reads; see `curate export`.

        Args:
            form: such as `trl` or `openai-2024`.
            output: path or address of the folder to write to.
            max_length: tokens that prompt and completion together may have; they are counted only when it is given.
            too_long: what to do about rows with more; nothing is exported unless it is `drop`.

        Returns:
            The paths or addresses of the files of the splits.

        Raises:
            CurateError: see `job.export.export.export`.
        """
        self._made()
        folder = _located(output)
        with _for_python():
            done = export(str(self.output), form, str(folder), max_length=max_length, too_long=too_long, say=_say)
        names = [file.path for file in done.export.files or () if file.num_rows is not None]
        return [folder / name if isinstance(folder, Path) else f"{folder}/{name}" for name in names]

    def plots(self) -> Plots:
        """Returns the course's plots of the set: prices and categories of each stage, from all items to the splits.

        Returns:
            Matplotlib figures by name, which a notebook shows.

        Raises:
            UsageError: if matplotlib is not installed, or the set is not made yet.
        """
        with _for_python():
            from job.report.notebook import set_plots

            return set_plots(self.output)

    def _repr_html_(self) -> str:
        from job.report.notebook import short_set_html

        return short_set_html(self.output)

    def __repr__(self) -> str:
        if self._manifest is None:
            return f"<TrainingSet {self.output}: not made yet>"
        rows = ", ".join(f"{count:,} {name}" for name, count in self.splits.items())
        return f"<TrainingSet {self.output}: {rows}>"

    def _made(self) -> SetManifest:
        if self._manifest is None:
            raise UsageError(f"the training set {self.output} is not made yet: call make() first")
        return self._manifest

    def _shards(self, split: str) -> list[str]:
        splits = self._made().splits
        if split not in splits:
            raise UsageError(
                f"no split {split!r} in {self.output}{nearest(split, splits)}; it has: {', '.join(splits)}"
            )
        return [shard.path for shard in splits[split].shards]


def _located(path: str | Path) -> Path | str:
    try:
        return located(str(path))
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"output: {error}") from None


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns settings by dotted names."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if key in _SECTIONS and isinstance(value, Mapping):
            flat |= {f"{key}.{name}": each for name, each in value.items()}
        else:
            flat[key] = value
    return flat
