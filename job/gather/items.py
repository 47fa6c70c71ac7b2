"""The items that a training set is made of: a finished output, its shards in load order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from job.config.command import run_command
from job.errors import CurateError, UsageError, printable, quoted
from job.output.folder import OutputFolder, open_output
from job.output.full_card import commands
from job.output.records import Plan
from job.output.shard import table_in
from job.output.totals import Manifest
from job.output.training_set.plan import Origin
from job.recipe.protocol import RecipeDescription
from job.recipe.training import text_columns, texts, why_no_examples

GROUPS = 64
"""Number of tasks that pack, at most: so that parcels stay large enough for the object store."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemShard:
    """A shard of items."""

    category: int
    """Number of its category."""
    path: str
    """Relative to the folder of the items."""
    size_bytes: int
    sha256: str
    num_rows: int
    place: int
    """Place of its first item in load order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """All items, in load order: categories as the config of their run names them, rows as their source has them."""

    folder: OutputFolder
    recipe: RecipeDescription
    """The recipe that made them."""
    categories: tuple[str, ...]
    digests: tuple[str, ...]
    """Digest of each category: of the paths and the bytes of its shards."""
    shards: tuple[ItemShard, ...]
    """Those that have items."""
    warnings: tuple[str, ...]
    """What a user of them should know: that they are not all, say."""
    origin: Origin
    """Where they come from, for others."""

    @property
    def count(self) -> int:
        """Number of items."""
        return sum(shard.num_rows for shard in self.shards)

    def table(self, shard: ItemShard, columns: Sequence[str]) -> pa.Table:
        """Reads columns of a shard.

        Raises:
            CurateError: when its bytes are not those that the manifest names, or cannot be read.
        """
        content = self.folder.store.read(shard.path)
        if content is None or hashlib.sha256(content).hexdigest() != shard.sha256:
            why = "is gone" if content is None else "has changed since it was written"
            root = quoted(self.folder.root)
            raise CurateError(f"{self.folder.where(shard.path)} {why}\nto see what else is wrong: curate verify {root}")
        return table_in(content, list(columns))

    def titles_and_texts(self, shard: ItemShard) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        """Reads the titles and texts of a shard's items; titles are null where the recipe has none."""
        title = self.recipe.roles.title
        names = [*text_columns(self.recipe), *([title] if title is not None else [])]
        rows = self.table(shard, list(dict.fromkeys(names)))
        return rows[title] if title is not None else nulls(rows.num_rows), texts(self.recipe, rows)


def nulls(count: int) -> pa.ChunkedArray:
    """Returns so many strings that are null."""
    return pa.chunked_array([pa.nulls(count, pa.string())])


def grouped(shards: Sequence[ItemShard], count: int = GROUPS) -> list[list[ItemShard]]:
    """Cuts shards into at most so many groups of about as many rows, in load order; there is a task for each."""
    total = sum(shard.num_rows for shard in shards)
    groups: dict[int, list[ItemShard]] = {}
    for shard in shards:
        groups.setdefault((shard.place - shards[0].place) * count // total, []).append(shard)
    return list(groups.values())


def open_items(root: str) -> Items:
    """Opens a finished output of items.

    Args:
        root: its path or address.

    Raises:
        UsageError: when there is none, it is not complete, has no item, or no training examples can be made of it.
    """
    folder, plan = open_output(root)
    if isinstance(folder.root, Path):  # workers have another working directory
        folder = OutputFolder(folder.root.absolute())
    manifest = folder.manifest()
    if manifest is None or any(name not in manifest.categories for name in plan.categories):
        raise UsageError(
            f"the items in {folder.root} are not complete\nto finish them: {run_command(plan.config, folder.root)}"
        )
    recipe = plan.description
    if (why := why_no_examples(recipe)) is not None:
        raise UsageError(
            f"no training set can be made of {folder.root}: {why}\n"
            'add both to its class, such as prompt = "{title}\\n\\nPrice is $" and completion = "{price}"\n'
            f"then make the items again: {run_command(plan.config, folder.root)} --fresh"
        )
    if not manifest.num_items:
        raise UsageError(f"{folder.root} has no item; what became of its rows: curate status {quoted(folder.root)}")
    names = _in_load_order(plan, manifest)
    shards: list[ItemShard] = []
    place = 0
    for number, name in enumerate(names):
        for each in manifest.categories[name].shards:
            if each.num_items:
                shard = ItemShard(
                    category=number,
                    path=each.path,
                    size_bytes=each.size_bytes,
                    sha256=each.sha256,
                    num_rows=each.num_items,
                    place=place,
                )
                shards.append(shard)
                place += each.num_items
    return Items(
        folder=folder,
        recipe=recipe,
        categories=names,
        digests=tuple(_digest(manifest, name) for name in names),
        shards=tuple(shards),
        warnings=tuple(_warnings(manifest)),
        origin=Origin(
            content_digest=manifest.content_digest,
            sources={name: plan.categories[name].identity.repository for name in names if name in plan.categories},
            commands=list(commands(plan, "ITEMS")),
        ),
    )


def _in_load_order(plan: Plan, manifest: Manifest) -> tuple[str, ...]:
    named = [name for name in plan.config.get("categories", ()) if name in manifest.categories]
    return tuple(dict.fromkeys([*named, *manifest.categories]))


def _digest(manifest: Manifest, name: str) -> str:
    shards = manifest.categories[name].shards
    return hashlib.sha256("\n".join(f"{each.path} {each.sha256}" for each in shards).encode()).hexdigest()


def _warnings(manifest: Manifest) -> list[str]:
    warnings: list[str] = []
    limited = {name: totals.limit for name, totals in manifest.categories.items() if totals.limit is not None}
    if limited:
        limits = sorted(set(limited.values()))
        of_each = f"the first {limits[0]:,} rows" if len(limits) == 1 else "the first rows"
        which = "each category" if len(limited) == len(manifest.categories) else ", ".join(map(printable, limited))
        warnings.append(f"the items are made of {of_each} of {which} only, as --limit said")
    if damaged := manifest.damaged:
        files = sorted({each.file for each in damaged})
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        warnings.append(
            f"damaged parts of source files are left out of the items: {', '.join(map(printable, files[:3]))}{more}"
        )
    return warnings
