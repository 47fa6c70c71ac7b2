"""Makes a finished output of items without a run: millions of items, whose texts `job.source.sample.items` invents.

Everything is written as a run writes it, by the same functions: the plan first; a shard and its record for each
partition; the card and the manifest last. So `curate verify` finds it intact. The categories are the eight of the
course's price data set with its proportions, and partitions are cut by the job's own rule from as many rows as the
published ones, of which the others count as dropped for the recipe's first reason.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from job.cluster.allowed import usable_cores
from job.config.models import JobConfig
from job.errors import UsageError, cannot_be_written, quoted
from job.output.card import card
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.records import CategoryPlan, Identity, Plan, Record
from job.output.section import record_name
from job.output.shard import content_digest, items_schema, parquet_bytes
from job.output.totals import add_up, check_adds_up, complete
from job.recipe.protocol import RecipeDescription, describe
from job.recipe.verdicts import KEPT
from job.source.files import FileIdentity
from job.source.read.partitions import RULE, cut_parquet
from job.source.sample.items import MADE_RECIPES, MADE_VERSION, made_columns

PUBLISHED = {
    "Automotive": (2_000_000, 911_688),
    "Electronics": (1_610_012, 443_473),
    "Office_Products": (700_000, 240_394),
    "Tools_and_Home_Improvement": (1_500_000, 541_051),
    "Cell_Phones_and_Accessories": (1_288_490, 238_869),
    "Toys_and_Games": (890_874, 340_479),
    "Appliances": (94_327, 28_625),
    "Musical_Instruments": (213_593, 66_829),
}
"""Rows and items of each category of the course's price data set, in its order. Source: DATA.md, where the rows of
three categories are rounded."""

NUM_PUBLISHED = sum(items for _, items in PUBLISHED.values())
"""Number of items of the course's price data set: 2,811,408."""

SEED = 0
_GROUP_ROWS = 1000
"""Rows of a row group, as in the Hub's files."""
_ROW_BYTES = 1300
"""Bytes of the recipes' inputs in a row before compression, about."""
_ITEMS_AT_ONCE = 4000
_MAX_ITEMS_WITHOUT_POOL = 5000


class _Shard(NamedTuple):
    """A partition to write."""

    root: Path
    recipe: str
    seed: int
    first: int
    """Number of its first item among those of all categories."""
    num_items: int
    partition: int
    plan: CategoryPlan
    description: RecipeDescription


def make_items(
    folder: Path, *, recipe: str, items: int, seed: int = SEED, report: Callable[[int], None] = lambda _: None
) -> OutputFolder:
    """Makes a finished output, or takes the existing one when it is of the same items.

    Args:
        folder: the output folder.
        recipe: one of `MADE_RECIPES`.
        items: the number of items of all categories together.
        seed: the same seed gives the same items.
        report: called with the number of items made so far.

    Returns:
        The folder, which is complete.

    Raises:
        UsageError: an argument is wrong, or something else is in the folder.
        CurateError: it cannot be written.
    """
    if recipe not in MADE_RECIPES:
        raise UsageError(f"items of {recipe!r} cannot be made; choose from: {', '.join(MADE_RECIPES)}")
    if items < 1:
        raise UsageError(f"items is {items}: ask for 1 or more")
    output = OutputFolder(folder.absolute())
    plan, shards = _planned(output, recipe, items, seed)
    before = output.plan()
    is_same = before is not None and {name: each.digest for name, each in before.categories.items()} == {
        name: each.digest for name, each in plan.categories.items()
    }
    if is_same and output.manifest() is not None:
        return output
    if not output.is_untouched() if before is None else not is_same:
        raise UsageError(f"{folder} contains something else\nname another folder, or remove it: rm -r {quoted(folder)}")
    if before is not None:
        output.remove_planned(before)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_be_written(error, folder) from None
    output.write_json(PLAN, plan)
    records: dict[str, list[Record]] = {name: [] for name in plan.categories}
    num_done = 0
    for shard, record in zip(shards, _written(shards), strict=True):
        records[record.category].append(record)
        num_done += shard.num_items
        report(num_done)
    description = plan.description
    totals = {name: add_up(each, records[name], description) for name, each in plan.categories.items()}
    manifest = complete(plan, totals)
    output.write(CARD, card(manifest, description))
    output.write_json(MANIFEST, manifest)
    output.clear_temporary()
    return output


def category_sizes(items: int) -> dict[str, int]:
    """Divides a number of items among the categories in the published proportions; the largest remainders get more."""
    shares = {name: items * published / NUM_PUBLISHED for name, (_, published) in PUBLISHED.items()}
    sizes = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(sizes, key=lambda name: sizes[name] - shares[name])
    for name in by_remainder[: items - sum(sizes.values())]:
        sizes[name] += 1
    return sizes


def _planned(output: OutputFolder, recipe: str, items: int, seed: int) -> tuple[Plan, list[_Shard]]:
    """Returns the plan, and all partitions in the order of their items."""
    config = JobConfig.model_validate(
        {
            "source": {"path": "made-items"},
            "categories": list(PUBLISHED),
            "recipe": {"name": recipe},
            "output": str(output.root),
        }
    )
    description = describe(config.recipe.recipe_type())
    plans: dict[str, CategoryPlan] = {}
    shards: list[_Shard] = []
    first = 0
    for name, size in category_sizes(items).items():
        published_rows, published = PUBLISHED[name]
        rows = size * published_rows // published
        plan = plans[name] = _category_plan(config, name, rows, f"{seed}/{first}/{size}")
        for number, partition in enumerate(plan.partitions):
            start, end = (row * size // max(rows, 1) for row in (partition.start, partition.end))
            shards.append(
                _Shard(
                    root=output.root,  # pyright: ignore[reportArgumentType]  # a path went in
                    recipe=recipe,
                    seed=seed,
                    first=first + start,
                    num_items=end - start,
                    partition=number,
                    plan=plan,
                    description=description,
                )
            )
        first += size
    return Plan(config=config.model_dump(mode="json"), categories=plans, recipe=description), shards


def _category_plan(config: JobConfig, category: str, rows: int, what: str) -> CategoryPlan:
    """Plans a category of a file that is nowhere, whose fingerprint is that of what is made."""
    recipe = config.recipe.recipe_type()
    fingerprint = hashlib.sha256(f"made items {MADE_VERSION}, {category}, {what}".encode()).hexdigest()
    identity = Identity(
        category=category,
        repository=None,
        files=[FileIdentity(f"{category}.parquet", rows * _ROW_BYTES, fingerprint)],
        recipe=config.recipe.identity(),
        keep_columns=[],
        limit=None,
        max_row_bytes=config.max_row_bytes,
        fields={},
        partition_rule=RULE,
        versions={"recipe": recipe.version, **recipe.fingerprints, "pyarrow": pa.__version__},
    )
    groups = [min(_GROUP_ROWS, rows - start) for start in range(0, rows, _GROUP_ROWS)]
    return CategoryPlan(
        category=category,
        file_format="parquet",
        digest=identity.digest,
        identity=identity,
        partitions=cut_parquet([[(group, group * _ROW_BYTES) for group in groups]], None),
    )


def _written(shards: list[_Shard]) -> Iterator[Record]:
    """Yields the records in order, made by several processes if there are enough items."""
    if sum(shard.num_items for shard in shards) <= _MAX_ITEMS_WITHOUT_POOL:
        yield from map(_write, shards)
        return
    with ProcessPoolExecutor(usable_cores(), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_write, shards)


def _write(shard: _Shard) -> Record:
    """Writes a shard and its record, a part of the items at a time in memory as Python objects."""
    began = time.perf_counter()
    output, plan = OutputFolder(shard.root), shard.plan
    schema = items_schema(shard.description)
    parts: list[pa.Table] = []
    end = shard.first + shard.num_items
    for start in range(shard.first, end, _ITEMS_AT_ONCE):
        count = min(_ITEMS_AT_ONCE, end - start)
        columns = made_columns(shard.recipe, start, count, shard.seed)
        category = pa.repeat(pa.scalar(plan.category), count)
        parts.append(pa.table([category, *[columns[name] for name in shard.description.columns]], schema=schema))
    items = pa.concat_tables(parts) if parts else schema.empty_table()
    content = parquet_bytes(items)
    name = plan.shard_name(shard.partition)
    output.write(name, content)
    partition = plan.partitions[shard.partition]
    num_rows = partition.end - partition.start
    verdicts = {shard.description.reasons[0]: num_rows - shard.num_items, KEPT: shard.num_items}
    funnel = {verdict: count for verdict, count in verdicts.items() if count}
    check_adds_up(f"{plan.category}: partition {shard.partition}", num_rows, funnel)
    record = Record(
        category=plan.category,
        partition=shard.partition,
        digest=plan.digest,
        file=plan.identity.files[partition.file].name,
        start=partition.start,
        end=partition.end,
        num_rows=num_rows,
        funnel=funnel,
        shard=name,
        shard_bytes=len(content),
        shard_sha256=hashlib.sha256(content).hexdigest(),
        content_digest=content_digest(items),
        rejects=None,
        rejects_bytes=0,
        rejects_sha256=None,
        damaged=None,
        elapsed_s=round(time.perf_counter() - began, 3),
    )
    output.write_json(record_name(plan.category, shard.partition), record)
    return record
