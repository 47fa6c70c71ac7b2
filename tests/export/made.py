"""Makes items and a training set of them, without Ray: by the functions of the job, with rows that a test chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from job.config.craft import CraftConfig
from job.gather.checks import identity_of
from job.gather.findings import findings
from job.gather.index import Wanted, index_in, index_shard
from job.gather.items import open_items
from job.gather.narrow import Narrow
from job.gather.parcels import fates_in, pack, unpack
from job.gather.set_rows import SetRows, narrow_shard, row_index
from job.output.folder import CARD, MANIFEST, PLAN, OutputFolder
from job.output.section import record_name
from job.output.shard import parquet_bytes
from job.output.training_set.card import set_cards
from job.output.training_set.decided import Decided, decided_bytes, kept_ids
from job.output.training_set.findings import Findings
from job.output.training_set.plan import DECISION, SetPlan, SetRecord
from job.output.training_set.shard import ordered_digest
from job.output.training_set.totals import complete_set
from job.recipe.course_2024.recipe import Course2024
from job.recipe.course_2025.recipe import Course2025
from job.recipe.protocol import RecipeDescription, Roles, describe
from job.selection.decide import decide
from job.selection.duplicates import NearLinks
from tests.output.made import MadeOutput

OWN = RecipeDescription(
    name="shelf.py:Shelf",
    version=1,
    reasons=(),
    columns={"sku": "string", "name": "string", "blurb": "string"},
    roles=Roles(id="sku", title="name", text="blurb"),
    prompt="{name}?\n{blurb}\nAnswer:",
    completion=" {sku}",
)
GLUED = msgspec.structs.replace(OWN, prompt="{blurb}Answ", completion="er {sku}")
"""A recipe whose prompts end within a word, which the completion goes on with."""
RECIPES = {"glued": GLUED, "course-2024": describe(Course2024), "course-2025": describe(Course2025), "own": OWN}
OPENING = "How much does this cost to the nearest dollar?\n\n"


def item_2024(number: int, price: float, *, text: str = "", title: str = "", name: str | None = None) -> dict[str, Any]:
    title = title or f"Kettle {number}"
    prompt = f"{OPENING}{title}\n{text or f'Boils {number} cups'}\n\nPrice is ${round(price)}.00"
    return {
        "parent_asin": f"B{number:03}" if name is None else name,
        "title": title,
        "price": price,
        "prompt": prompt,
        "token_count": len(prompt),
    }


def item_2025(number: int, price: float, *, text: str = "", title: str = "") -> dict[str, Any]:
    title = title or f"Kettle {number}"
    full = text or f"{title}\nBoils {number} cups"
    return {"parent_asin": f"B{number:03}", "title": title, "price": price, "full": full, "weight": number / 8}


def make_items(folder: Path, recipe: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    """Writes items by category, in shards of at most 40."""
    config = {"categories": list(rows), "source": {"path": "goods"}}
    made = MadeOutput(folder, config, RECIPES[recipe])
    for category, items in rows.items():
        made.add(category, [items[start : start + 40] for start in range(0, len(items), 40)])
    return made.close()


def make_set(
    items: Path,
    output: Path,
    *,
    near: Sequence[tuple[int, int, float]] = (),
    with_findings: bool = False,
    **settings: Any,
) -> Path:
    """Writes a training set.

    Args:
        items: the items.
        output: its folder.
        near: near duplicates: two places and their similarity.
        with_findings: whether leaks and label conflicts are looked for.
        settings: of the config.
    """
    config = CraftConfig.model_validate({"items": str(items), "output": str(output), **settings})
    opened = open_items(str(items))
    recipe = opened.recipe
    narrow = Narrow(opened.count)
    wanted = Wanted.of(config, recipe)
    for shard in opened.shards:
        narrow.add(index_shard(shard, opened, wanted))
    index = index_in(narrow, opened)
    pairs = [np.array([pair[each] for pair in near]) for each in range(3)]
    links = NearLinks(first=pairs[0].astype(int), second=pairs[1].astype(int), similarity=pairs[2].astype(float))
    decision = decide(index, config, links if config.preset is None else None)
    keys = index.keys.get("sample") if decision.counts()["not_drawn"] else None
    decided = Decided(decision, kept_ids(decision, index.ids), keys)
    content = decided_bytes(decided)
    identity = identity_of(config, opened)
    plan = SetPlan(
        config=config.model_dump(mode="json"),
        identity=identity,
        digest=identity.digest,
        recipe=recipe,
        counts=decision.counts(),
        stages={name: dict(figures) for name, figures in decision.stages.items()},
        decision_sha256=hashlib.sha256(content).hexdigest(),
        warnings=[],
        program="0.1.0",
        origin=opened.origin,
    )
    output.mkdir()
    folder = OutputFolder(output)
    folder.write(DECISION, content)
    folder.write_json(PLAN, plan)
    fates = fates_in(decided)
    records: dict[str, list[SetRecord]] = {}
    for part in plan.sections():
        records[part.name] = []
        for number in range(part.count):
            parcels = pack(opened, opened.shards, fates, [(part.name, number)])
            rows = unpack(list(parcels.values()), part.rows_of(number), recipe, is_split=part.is_split)
            shard_bytes = parquet_bytes(rows)
            folder.write(part.shard_name(number), shard_bytes)
            record = SetRecord(
                part=part.name,
                partition=number,
                digest=plan.digest,
                num_rows=rows.num_rows,
                shard=part.shard_name(number),
                shard_bytes=len(shard_bytes),
                shard_sha256=hashlib.sha256(shard_bytes).hexdigest(),
                content_digest=ordered_digest(rows),
                elapsed_s=0.1,
            )
            folder.write_json(record_name(part.name, number), record)
            records[part.name].append(record)
    found = _found(folder, plan, config.near_threshold) if with_findings else msgspec.UNSET
    manifest = complete_set(plan, records, found)
    folder.write(CARD, set_cards(plan, manifest)[0])
    folder.write_json(MANIFEST, manifest)
    return output


def _found(folder: OutputFolder, plan: SetPlan, near_threshold: float) -> Findings:
    rows = SetRows.of_plan(folder, plan)
    narrow = Narrow(rows.count)
    for shard in rows.shards:
        narrow.add(narrow_shard(shard, rows, None))
    return findings(rows, row_index(narrow), near=None, near_threshold=near_threshold, mix=plan.mix)


def rows_of(training_set: Path, split: str) -> list[dict[str, Any]]:
    """Returns the rows of a split, in their order."""
    import pyarrow.parquet as pq

    paths = sorted((training_set / "data").glob(f"{split}-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]
