"""Makes a training set again from its items in a temporary folder, and compares the two byte for byte.

The settings are those of the identity in its plan, which has everything that decides a byte. No recipe is run: what a
set needs of a recipe stands in the plan of the items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import pydantic

from job.config.command import run_command
from job.config.craft import CraftConfig
from job.craft import craft_set
from job.errors import CurateError, RefusedError, UsageError, quoted
from job.gather.checks import identity_of, set_changes
from job.gather.items import Items, open_items
from job.output.folder import MANIFEST, OutputFolder, output_at
from job.output.training_set.plan import DECISION, SetPlan, SetRecord
from job.output.training_set.totals import SetManifest
from job.output.verify import verify_output
from job.publish.again import not_made, other_bytes, scratch_folder, the_same, workers_of


def rebuild_set(
    output: OutputFolder,
    plan: SetPlan,
    *,
    items: str | None = None,
    workers: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Makes a training set again, and compares the two.

    Args:
        output: its folder.
        plan: its plan.
        items: where its items lie now; where they were unless given.
        workers: number of cores, or `all`; as in the plan unless given.
        say: called with each line that a user should see.

    Returns:
        What was found to be the same.

    Raises:
        UsageError: when there are no items to make it of, or there is no room.
        RefusedError: when the items or the program are others by now.
        CurateError: when the set is not complete or damaged, or has other bytes than what was made.
    """
    manifest = output.set_manifest()
    if manifest is None:
        verify_output(output.root)  # which says what is missing
        raise CurateError(f"{output.root} has changed meanwhile\nrun the same command again")
    found = _opened_items(output, plan, items)
    config = _config(output, plan, found, workers)
    if changed := set_changes(plan.identity, identity_of(config, found)):
        raise RefusedError(
            f"{output.root} cannot be made again from {found.folder.root}; changed since: {'; '.join(changed)}\n"
            "nothing was touched; name the items as they were with --items PATH, and use the versions that it was "
            "made with"
        )
    say(f"reading {output.root} back")
    verify_output(output.root)
    records = {part.name: output.records(part) for part in plan.sections()}
    with scratch_folder(_needed_bytes(found, records)) as scratch:
        root = scratch / "0"
        try:
            craft_set(config.model_copy(update={"output": str(root)}), say=say)
        except CurateError as error:
            raise not_made(output, error) from None
        wrong = [*_differences(plan, manifest, records, OutputFolder(root))]
    if wrong:
        advice = "to see which rows differ, make it in a folder of its own, then: curate diff "
        raise other_bytes(output, wrong, f"{advice}{quoted(output.root)} FOLDER")
    return the_same(sum(map(len, records.values())), list(records), str(found.folder.root))


def _opened_items(output: OutputFolder, plan: SetPlan, items: str | None) -> Items:
    where = plan.items if items is None else items
    folder = output_at(where)
    if folder.any_plan() is not None:
        return open_items(where)
    what = "is no output of items" if folder.store.exists() else "is not there any more"
    said = f"{output.root} was made of the items in {plan.items}, and that {what}"
    if items is not None:
        what = what.removesuffix(" any more")
        said = f"--items: {items} {what}; {output.root} was made of the items in {plan.items}"
    known = {
        "source": {"path": "SOURCE"},
        "categories": list(plan.identity.items),
        "recipe": {"name": plan.recipe.name},
    }
    raise UsageError(
        f"{said}\n"
        f"if they lie elsewhere now: curate check {quoted(output.root)} --rebuild --items PATH\n"
        f"to make them again, with the same source, limit and settings: {run_command(known, where)}"
    )


def _config(output: OutputFolder, plan: SetPlan, items: Items, workers: str | None) -> CraftConfig:
    settings = {**plan.identity.settings, "items": str(items.folder.root), "output": str(output.root)}
    try:
        return CraftConfig.model_validate({**settings, "workers": workers_of(plan.config, workers)})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if key == "workers":
            raise UsageError(f"--workers: {first['msg']}") from None
        raise RefusedError(
            f"this program cannot read the settings of {output.root} any more: {key}: {first['msg']}\n"
            "use the version of the program that made it"
        ) from None


def _needed_bytes(items: Items, records: Mapping[str, Sequence[SetRecord]]) -> int:
    """Returns the bytes of room that are needed; a set without any item removed is as large as its items."""
    made = sum(record.shard_bytes for each in records.values() for record in each)
    return max(made, sum(shard.size_bytes for shard in items.shards))


def _differences(
    before: SetPlan, manifest: SetManifest, records: Mapping[str, Sequence[SetRecord]], again: OutputFolder
) -> Iterator[str]:
    """Yields which files of the set have other bytes."""
    now, new_manifest = again.set_plan(), again.set_manifest()
    if now is None or new_manifest is None:
        raise CurateError(f"somebody removed {again.root} while it was compared\nrun the same command again")
    parts = {part.name: part for part in now.sections()}
    for name in dict.fromkeys([*records, *parts]):
        old = records.get(name, [])
        new = again.records(parts[name]) if name in parts else []
        if len(old) != len(new):
            yield f"{name}: {len(old):,} shards, and {len(new):,} were made"
        for was, made in zip(old, new, strict=False):
            if (was.shard, was.shard_sha256, was.content_digest) != (
                made.shard,
                made.shard_sha256,
                made.content_digest,
            ):
                what = "the same rows in other bytes" if was.content_digest == made.content_digest else "other rows"
                yield f"{was.shard}: {what}"
    if before.decision_sha256 != now.decision_sha256:
        yield f"{DECISION}: other decisions"
    if msgspec.UNSET in (manifest.findings, new_manifest.findings):  # an earlier program looked for none
        new_manifest = msgspec.structs.replace(new_manifest, findings=manifest.findings)
    if manifest != new_manifest:
        yield f"{MANIFEST}: other totals, findings or warnings"
