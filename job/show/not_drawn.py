"""Why an item was not drawn into the sample, with the numbers that decided."""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from job.config.craft import CraftConfig
from job.output.folder import OutputFolder
from job.output.training_set.decided import Decided
from job.output.training_set.plan import SetPlan
from job.output.training_set.shard import PRICE
from job.recipe.protocol import CATEGORY
from job.selection.decision import FATES, SPLITS
from job.selection.draw import missed
from job.selection.index import Index
from job.selection.presets import course_2024, course_2025

_DRAWN = (*[FATES.index(name) for name in SPLITS], FATES.index("unused"))
_LEFT = (*_DRAWN, FATES.index("not_drawn"))


class NotDrawn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item was not drawn."""

    why: str
    """In words."""
    drawn: int
    """Items that were drawn: of its slot, where that decided, else of all."""
    of: int
    """Items that these were drawn of."""
    slot: int | None = None
    """Whole dollars of its slot, where that decided."""
    weight: float | None = None
    sample_key: int | None = None
    """Its key for the sample."""
    value: float | None = None
    """-ln(u) / weight, of its key; the smallest ones are drawn."""
    last_value: float | None = None
    """The same of the last item drawn."""

    def lines(self) -> Iterator[str]:
        """Yields it as text."""
        yield f"not drawn: {self.why}"


def why_not_drawn(output: OutputFolder, plan: SetPlan, decided: Decided, at: int, item: Mapping[str, Any]) -> NotDrawn:
    """Finds out why an item was not drawn.

    Args:
        output: the folder of the set.
        plan: its plan.
        decided: the decision.
        at: place of the item in load order.
        item: its category, and its price if it has one.
    """
    config = CraftConfig.model_validate(plan.config)
    fate = decided.decision.fate
    drawn = int(np.count_nonzero(np.isin(fate, _DRAWN)))
    left = int(np.count_nonzero(np.isin(fate, _LEFT)))
    if config.preset == "course-2024":
        return _by_slot(output, plan, decided, config, item, drawn, left)
    if config.preset == "course-2025":
        return _by_weight(plan, config, item, drawn, left)
    return _by_key(output, plan, decided, config, at, drawn, left)


def _by_slot(
    output: OutputFolder,
    plan: SetPlan,
    decided: Decided,
    config: CraftConfig,
    item: Mapping[str, Any],
    drawn: int,
    left: int,
) -> NotDrawn:
    if config.lite:
        why = f"the small form takes only Appliances, and it is of {item[CATEGORY]}; {drawn:,} of {left:,} were drawn"
        return NotDrawn(why=why, drawn=drawn, of=left)
    dollar = course_2024.slot_of(item[PRICE])
    if dollar is None:
        rounded = int(np.rint(item[PRICE]))
        why = f"its price is rounded to ${rounded:,}, and only $1 to $999 have a slot; {drawn:,} of {left:,} were drawn"
        return NotDrawn(why=why, drawn=drawn, of=left, slot=rounded)
    prices = _in_load_order(output, plan, decided, [PRICE])[PRICE].to_numpy()
    size, of_slot = course_2024.slot_counts(prices, np.isin(decided.decision.fate, _DRAWN), dollar)
    why = f"of the {size:,} items in its slot, ${dollar}, {of_slot:,} were drawn"
    return NotDrawn(why=why, drawn=of_slot, of=size, slot=dollar)


def _by_weight(plan: SetPlan, config: CraftConfig, item: Mapping[str, Any], drawn: int, left: int) -> NotDrawn:
    stage = f"after_{config.deduplicate[-1]}s" if config.deduplicate else "items"
    prices = plan.stages[stage]
    weight = course_2025.weight_of(config, item[PRICE], item[CATEGORY], prices["lowest_price"], prices["highest_price"])
    why = f"its weight is {weight:.4g}, and {drawn:,} of {left:,} were drawn"
    if not weight:
        why = f"its weight is 0, so it is never drawn; {drawn:,} of {left:,} were"
    return NotDrawn(why=why, drawn=drawn, of=left, weight=weight)


def _by_key(
    output: OutputFolder, plan: SetPlan, decided: Decided, config: CraftConfig, at: int, drawn: int, left: int
) -> NotDrawn:
    if decided.sample_keys is None:
        return NotDrawn(why=f"{drawn:,} of {left:,} were drawn", drawn=drawn, of=left)
    fate = decided.decision.fate
    columns = [CATEGORY, *([PRICE] if plan.recipe.roles.price is not None else [])]
    known = _in_load_order(output, plan, decided, columns)
    categories = known[CATEGORY].combine_chunks().dictionary_encode()
    index = Index(
        categories=tuple(categories.dictionary.to_pylist()),
        category=categories.indices.to_numpy().astype(np.uint16),
        price=known[PRICE].cast(pa.float64()).to_numpy() if PRICE in columns else None,
        keys={"sample": decided.sample_keys},
    )
    found = missed(
        index, config.sample, np.flatnonzero(np.isin(fate, _LEFT)), np.flatnonzero(np.isin(fate, _DRAWN)), at
    )
    key = int(decided.sample_keys[at])
    if found.value is None:
        why = f"its weight is 0, so it is never drawn; {drawn:,} of {left:,} were"
        return NotDrawn(why=why, drawn=drawn, of=left, weight=0.0, sample_key=key)
    slot = "" if found.dollar is None else f" in its slot, ${found.dollar}"
    last = "" if found.last is None else f", and the last one drawn{slot} has {found.last:.9g}"
    weighed = "" if found.weight == 1 else f" (weight {found.weight:.4g})"
    why = (
        f"its key gives {found.value:.9g}{weighed}{last}; of {found.drawable:,}{slot}, "
        f"the {found.drawn:,} with the smallest were drawn"
    )
    return NotDrawn(
        why=why,
        drawn=found.drawn,
        of=found.drawable,
        slot=found.dollar,
        weight=found.weight,
        sample_key=key,
        value=found.value,
        last_value=found.last,
    )


def _in_load_order(output: OutputFolder, plan: SetPlan, decided: Decided, columns: Sequence[str]) -> pa.Table:
    """Reads columns that all items have, in the order in which the items were loaded."""
    decision = decided.decision
    tables: list[pa.Table] = []
    places: list[np.ndarray] = []
    for part in plan.sections():
        tables += [output.table(part.shard_name(number), columns) for number in range(part.count)]
        is_in = decision.fate == SPLITS.index(part.name) if part.is_split else decision.fate >= len(SPLITS)
        own = np.flatnonzero(is_in)
        places.append(own[np.argsort(decision.row[own], kind="stable")])
    rows_of = np.empty(len(decision.fate), np.int64)
    rows_of[np.concatenate(places)] = np.arange(len(rows_of))
    plain = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(plain).take(pa.array(rows_of))
