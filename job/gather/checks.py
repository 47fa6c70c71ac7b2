"""Checks before a training set is made: do items, settings and output fit together, and is there room?"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from job.cluster.allowed import allowed_memory
from job.config.addresses import is_within, located
from job.config.craft import CraftConfig
from job.errors import RefusedError, UsageError
from job.gather.items import Items
from job.output.folder import PLAN, OutputFolder
from job.output.training_set.plan import METHOD_VERSION, SetIdentity, SetPlan
from job.output.training_set.shard import ID, PRICE, TITLE, other_columns, shown_columns
from job.recipe.protocol import arrow_type
from job.recipe.registry import current_name
from job.selection.near import shape
from job.source.location import LocalFile

_NO_BYTES = ("items", "output", "workers")
"""Keys of the config that change no byte of the set."""
_BASE_BYTES = 1_000_000_000
"""Bytes of memory that are taken however few items there are: the driver, Ray, and two workers."""
_MEASURED_THRESHOLD = 0.8
BYTES_PER_ITEM = {"preset": 120, "default": 300}
"""Bytes of memory for each item at the peak, by the kind of method; see the bench."""


def identity_of(config: CraftConfig, items: Items) -> SetIdentity:
    """Returns what decides the bytes of a training set."""
    settings = {key: value for key, value in config.model_dump(mode="json").items() if key not in _NO_BYTES}
    versions: dict[str, Any] = {"method": METHOD_VERSION, "pyarrow": pa.__version__}
    if config.preset is None:
        versions["xxhash"] = version("xxhash")
    return SetIdentity(
        items=dict(zip(items.categories, items.digests, strict=True)),
        settings=settings,
        columns=dict(items.recipe.columns),
        recipe={
            "name": current_name(items.recipe.name),
            "prompt": items.recipe.prompt,
            "completion": items.recipe.completion,
            "roles": msgspec.to_builtins(items.recipe.roles),
        },
        versions=versions,
    )


def check_fits(config: CraftConfig, items: Items) -> None:
    """Checks that settings and items fit together.

    Raises:
        UsageError: when they do not.
    """
    recipe = current_name(items.recipe.name)
    if config.preset is not None and recipe != config.preset:
        raise UsageError(
            f"preset {config.preset} is for items of the recipe {config.preset}, and {items.folder.root} has items of "
            f"{items.recipe.name}\n"
            f"make these first: curate run --set recipe.name={config.preset} --output DIR, or leave the preset out"
        )
    _check_types(items)
    mine = shown_columns(items.recipe)
    if taken := [name for name in (ID, TITLE, PRICE) if name in items.recipe.columns and name not in mine]:
        raise UsageError(
            f"a training set has a column {taken[0]!r} of its own, and so has the recipe {items.recipe.name}\n"
            f"if it is the same, say so in its class: roles = Roles({taken[0]}={taken[0]!r}); or give it another name"
        )
    sample = config.sample
    if items.recipe.roles.price is None:
        given = [
            name for name in ("slot_cap", "price_power") if (value := getattr(sample, name)) is not None and value != 0
        ]
        if given:
            raise UsageError(
                f"sample.{given[0]} needs prices, and the recipe {items.recipe.name} makes items without one\n"
                f"leave it out: --set sample.{given[0]}=null"
            )


def _check_types(items: Items) -> None:
    """Raises UsageError when a column with a role has a type that cannot play it."""
    roles, columns = items.recipe.roles, items.recipe.columns
    for role, column in (("id", roles.id), ("title", roles.title), ("text", roles.text), ("price", roles.price)):
        if column is None:
            continue
        kind = arrow_type(columns[column])
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        fits = is_number if role == "price" else pa.types.is_string(kind)
        if not fits and not (role == "id" and is_number):
            wanted = "a number" if role == "price" else "text"
            raise UsageError(
                f"the {role} of the recipe {items.recipe.name} is its column {column!r}, of the type {kind}, and a "
                f"training set needs {wanted} there\nchange the column, or its roles, and make the items again"
            )
    for name, template in (("prompt", items.recipe.prompt), ("completion", items.recipe.completion)):
        if template is not None and name in columns and template != f"{{{name}}}":
            raise UsageError(
                f"a training set has a column {name!r} of its own, made by the template {template!r}, and so has the "
                f"recipe {items.recipe.name}\ngive that column another name"
            )


def check_place(config: CraftConfig, items: Items) -> None:
    """Checks that output and items are folders beside each other.

    Raises:
        UsageError: when one is the other, or lies in it.
    """
    mine, theirs = located(config.output), items.folder.root
    if is_within(mine, theirs) and is_within(theirs, mine):
        raise UsageError(f"the training set cannot be written where its items lie: {config.output}\n{_ANOTHER}")
    if is_within(mine, theirs):
        raise UsageError(f"the output {config.output} lies in the folder of the items, {items.folder.root}\n{_ANOTHER}")
    if is_within(theirs, mine):
        raise UsageError(f"the items {items.folder.root} lie in the output, {config.output}\n{_ANOTHER}")


_ANOTHER = "name another folder: --output DIR"


def check_nodes(read: OutputFolder, output: OutputFolder | None) -> None:
    """Checks that every node sees what is read and written, where it lies on a disk. Ray has to be started.

    Args:
        read: the folder of the items, or of a training set, which nobody has to be allowed to write.
        output: the output folder; None when nothing is to be written.

    Raises:
        UsageError: when a node does not.
    """
    from job.cluster.shared_paths import check_all_nodes_see

    files, folders = {}, {}
    if isinstance(read.root, Path):
        path = read.root.absolute() / PLAN
        files[path] = LocalFile(path).fingerprint()
    if output is not None and isinstance(output.root, Path):
        folders[output.root] = "the output"
    check_all_nodes_see(files, folders)


def check_same_set(output: OutputFolder, plan: SetPlan | None, identity: SetIdentity) -> SetPlan | None:
    """Compares a set with what the output folder is for.

    Args:
        output: the output folder.
        plan: its plan.
        identity: what decides the bytes of the set that is to be made.

    Returns:
        The plan to resume; None when nothing was written yet.

    Raises:
        RefusedError: when the folder holds another set, or something else.
    """
    output.store.check_folder()
    if plan is None and not output.is_untouched():
        names = sorted(output.store.top())
        raise RefusedError(
            f"{output.root} holds something else ({', '.join(names[:5])}), and no plan of this program\n"
            "nothing was touched; name another folder: --output DIR"
        )
    if plan is None or not (output.set_manifest() or any(map(output.has_begun, plan.sections()))):
        return None
    if plan.digest != identity.digest:
        changed = "; ".join(set_changes(plan.identity, identity))
        raise RefusedError(
            f"{output.root} has another training set; changed since: {changed}\n"
            "nothing was touched; name another folder with --output DIR, or replace what is there with --fresh"
        )
    return plan


def set_changes(before: SetIdentity, now: SetIdentity) -> list[str]:
    """Returns what of two training sets is different, a phrase for each."""
    if before.items != now.items or list(before.items) != list(now.items):
        names = [name for name in (before.items | now.items) if before.items.get(name) != now.items.get(name)]
        found = [f"the items of {', '.join(names)}" if names else "the order of the categories"]
    else:
        found = []
    old, new = _flat(before.settings), _flat(now.settings)
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            found.append(f"{key} was {old.get(key)}, is {new.get(key)}")
    old, new = _flat(before.recipe), _flat(now.recipe)
    found += [f"the {key} of the recipe" for key in {**old, **new} if old.get(key) != new.get(key)]
    if before.columns != now.columns:
        found.append("the columns of the items")
    for name in {**before.versions, **now.versions}:
        if before.versions.get(name) != now.versions.get(name):
            found.append(f"{name} was {before.versions.get(name)}, is {now.versions.get(name)}")
    return found


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def check_memory(config: CraftConfig, count: int) -> None:
    """Checks that the decision on all items fits into memory. One process decides.

    Args:
        config: the settings.
        count: number of items.

    Raises:
        UsageError: when it does not.
    """
    each = BYTES_PER_ITEM["default" if config.preset is None else "preset"]
    if config.preset is None:  # a low threshold needs more bands than that figure is for
        each += 8 * max(0, shape(config.near_threshold)[0] - shape(_MEASURED_THRESHOLD)[0])
    memory = allowed_memory()
    limit = int(memory.amount - _BASE_BYTES) // each
    if count > limit:
        raise UsageError(
            f"{count:,} items need {(count * each + _BASE_BYTES) / 1e9:.1f} GB of memory, and there are "
            f"{memory.amount / 1e9:.1f} GB ({memory.source}), enough for {max(limit, 0):,}\n"
            "nothing was touched; use a machine with more memory, or make items of fewer categories"
        )


def check_room(output: OutputFolder, items: Items, todo_share: float) -> None:
    """Checks that the output folder can be written, and that its disk is large enough for what remains to be written.

    Args:
        output: the output folder.
        items: the items.
        todo_share: part of the set that remains to be written, from 0 to 1.

    Raises:
        UsageError: when it is not.
    """
    size = sum(shard.size_bytes for shard in items.shards)
    text = items.recipe.roles.text
    copies = 2 if text is not None and text in other_columns(items.recipe) else 1  # it stands in the prompt too
    output.store.check_room(int(size * copies * todo_share) + (16 << 20))
