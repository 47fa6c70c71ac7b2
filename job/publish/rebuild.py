"""Makes an output again in a temporary folder, and compares the two byte for byte.

What decides the bytes is taken from each category's identity in the plan, so it is the same even where categories were
added to an output with other settings; those of one kind are made together. Code is never taken from a plan: a recipe
of one's own has to be named again, and its hash is compared before it is imported.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import CurateError, RefusedError, UsageError, quoted
from job.output.diff.changes import changed_files, changed_settings
from job.output.folder import OutputFolder, open_any
from job.output.records import CategoryPlan, Identity, Plan, Record
from job.output.training_set.plan import SetPlan
from job.output.verify import verify_output
from job.plan.identity import identity_of
from job.plan.sources import find_sources
from job.publish.address import is_on_hub
from job.publish.again import not_made, other_bytes, scratch_folder, the_same, workers_of
from job.publish.rebuild_set import rebuild_set
from job.recipe.custom.code import is_custom, located_from, read_code
from job.recipe.registry import settings_type
from job.run import run_job


def rebuild(
    out: str,
    *,
    source: str | None = None,
    items: str | None = None,
    recipe: str | None = None,
    workers: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Makes an output of items, or a training set, again, and compares the two.

    Args:
        out: path or address of a complete output.
        source: of items, where their source lies now; where it was unless given.
        items: of a training set, where its items lie now; where they were unless given.
        recipe: of items, a recipe of the user's own, as `FILE.py:CLASS`, whose code is run.
        workers: number of cores, or `all`; as in the plan unless given.
        say: called with each line that a user should see meanwhile.

    Returns:
        What was found to be the same.

    Raises:
        UsageError: when there is nothing to make it from, or no room.
        RefusedError: when the source, the recipe or the program is another one by now.
        CurateError: when the output is damaged, or has other bytes than what was made.
    """
    if is_on_hub(out):
        raise UsageError(
            f"{out} does not say how it was made, only the output that it is of does\n"
            "name that: curate check OUT --rebuild; to check what is published: curate verify " + quoted(out)
        )
    output, plan = open_any(out)
    if isinstance(plan, SetPlan):
        _check_no_other(output, "a training set, which is made of items", {"--source": source, "--recipe": recipe})
        return rebuild_set(output, plan, items=items, workers=workers, say=say)
    _check_no_other(output, "an output of items, which are made of a source", {"--items": items})
    if output.manifest() is None:
        verify_output(output.root)  # which says what is missing
    name = _checked_recipe(output, plan, recipe)
    configs = [
        (_config(plan, group, source, name, workers), group) for group in _groups(list(plan.categories.values()))
    ]
    for config, group in configs:
        _check_same_input(output, config, group, is_elsewhere=source is not None)
    say(f"reading {output.root} back")
    verify_output(output.root)
    records = {each.category: output.records(each) for each in plan.categories.values()}
    every = [record for each in records.values() for record in each]
    with scratch_folder(sum(record.shard_bytes + record.rejects_bytes for record in every)) as scratch:
        wrong: list[str] = []
        for number, (config, group) in enumerate(configs):
            root = scratch / str(number)
            again = _made(output, config.model_copy(update={"output": str(root)}), say)
            for each in group:
                wrong += _differences(each.category, records[each.category], again, again_plan=_plan_of(again))
            shutil.rmtree(root, ignore_errors=True)
    if wrong:
        advice = "to see which items differ, make it in a folder of its own, then: curate diff "
        raise other_bytes(output, wrong, f"{advice}{quoted(output.root)} FOLDER")
    return the_same(len(every), list(records), _made_from(configs[0][0]))


def _check_no_other(output: OutputFolder, what: str, given: Mapping[str, str | None]) -> None:
    """Raises UsageError when an option is given that is for another kind of output."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{output.root} is {what}, and {option} says nothing about it\n"
                f"leave it out: curate check {quoted(output.root)} --rebuild"
            )


def _made_from(config: JobConfig) -> str:
    loaded = (config.source.load_dataset or {}).get("path")
    return str(config.source.path or loaded or f"{config.source.hub_dataset} at {config.source.hub_revision[:8]}")


def _groups(categories: Sequence[CategoryPlan]) -> Iterator[list[CategoryPlan]]:
    """Yields the categories that one job makes together."""
    by_settings: dict[str, list[CategoryPlan]] = {}
    for each in categories:
        by_settings.setdefault(json.dumps(_settings(each.identity), sort_keys=True), []).append(each)
    yield from by_settings.values()


def _settings(identity: Identity) -> dict[str, Any]:
    return {
        "recipe": identity.recipe,
        "keep_columns": identity.keep_columns,
        "limit": identity.limit,
        "max_row_bytes": identity.max_row_bytes,
        "fields": identity.fields,
        "repository": None if identity.repository is None else list(map(str, _pair(identity))),
    }


def _pair(identity: Identity) -> tuple[str, str]:
    repository = identity.repository
    return ("", "") if repository is None else (repository.dataset, repository.commit)


def _checked_recipe(output: OutputFolder, plan: Plan, recipe: str | None) -> str | None:
    """Returns the recipe of the user's own that is to be imported; None where the program has it.

    Raises:
        UsageError: when it is not named, or one is named that the output does not have.
        RefusedError: when its code is other code than that of the output.
    """
    name = plan.description.name
    if not is_custom(name):
        if recipe is not None:
            raise UsageError(
                f"{output.root} has items of the recipe {name}, which is the program's\n"
                f"name none: curate check {quoted(output.root)} --rebuild"
            )
        return None
    if recipe is None:
        raise UsageError(
            f"{output.root} has items of {name}, a recipe of your own, and no code is run because an output names it\n"
            f"name it: curate check {quoted(output.root)} --rebuild --recipe FILE.py:{name.rpartition(':')[2]}"
        )
    located = located_from(recipe, Path())
    try:
        code = read_code(located)
    except ValueError as error:
        raise UsageError(f"--recipe: {error}") from None
    if code.class_name != name.rpartition(":")[2]:
        raise UsageError(f"{output.root} has items of {name}, and not of {code.class_name}\nnothing was run")
    made_with = {str(each.identity.versions.get("code")) for each in plan.categories.values()}
    if made_with != {code.digest[:16]}:
        raise RefusedError(
            f"{recipe} is other code (SHA-256 {code.digest[:16]}...) than {output.root} was made with "
            f"({', '.join(sorted(made_with))}...)\nnothing was run; find the code as it was, and name that"
        )
    return located


def _config(
    plan: Plan, group: Sequence[CategoryPlan], source: str | None, recipe: str | None, workers: str | None
) -> JobConfig:
    """Returns the config that makes categories again."""
    identity = group[0].identity
    planned = plan.config.get("source")
    kept = {key: planned[key] for key in ("stream", "max_hub_readers") if key in planned} if planned else {}
    if source is not None:
        where: dict[str, Any] = {"path": source}
    elif identity.repository is not None:
        where = {"dataset": identity.repository.dataset, "revision": identity.repository.commit}
    else:
        where = {key: planned[key] for key in ("path", "load_dataset") if planned and planned.get(key) is not None}
    settings = {**identity.recipe, **({} if recipe is None else {"name": recipe})}
    try:
        made = settings_type(settings.get("name")).model_validate_json(json.dumps(settings))
    except (pydantic.ValidationError, ValueError) as error:
        raise RefusedError(f"this program cannot read the settings of the recipe any more: {error}") from None
    return load_config(
        None,
        {
            **{f"source.{key}": value for key, value in {**kept, **where, "fields": identity.fields}.items()},
            "categories": [each.category for each in group],
            "recipe": made,
            "keep_columns": identity.keep_columns,
            "limit": identity.limit,
            "max_row_bytes": identity.max_row_bytes,
            "max_malformed": 1.0,  # what came of malformed rows is compared
            "skip_damaged_files": True,  # so is what is left out
            "workers": workers_of(plan.config, workers),
        },
    )


def _check_same_input(
    output: OutputFolder, config: JobConfig, group: Sequence[CategoryPlan], *, is_elsewhere: bool
) -> None:
    """Raises RefusedError when the source, a setting or a version is another one than the output was made with."""
    try:
        sources = {found.category: found for found in find_sources(config)}
    except UsageError as error:
        hint = (
            ""
            if is_elsewhere
            else f"\nif it lies elsewhere now: curate check {quoted(output.root)} --rebuild --source PATH"
        )
        raise UsageError(
            f"the source of {output.root} is not there any more: {str(error).splitlines()[0]}{hint}"
        ) from None
    for each in group:
        if each.category not in sources:
            raise UsageError(f"the source has no {each.category}\nname another: --source PATH")
        now = identity_of(config, sources[each.category])
        changed = [*changed_files(each.identity, now), *changed_settings(each.identity, now)]
        if changed:
            raise RefusedError(
                f"{output.root} cannot be made again from this: {each.category}: {'; '.join(map(str, changed))}\n"
                "nothing was touched; name the source as it was with --source PATH, and use the versions that it "
                "was made with"
            )


def _made(output: OutputFolder, config: JobConfig, say: Callable[[str], None]) -> OutputFolder:
    try:
        run_job(config, say=say)
    except CurateError as error:
        raise not_made(output, error) from None
    return OutputFolder(Path(config.output))


def _plan_of(output: OutputFolder) -> Plan:
    plan = output.plan()
    if plan is None:
        raise CurateError(f"somebody removed {output.root} while it was compared\nrun the same command again")
    return plan


def _differences(category: str, before: Sequence[Record], again: OutputFolder, again_plan: Plan) -> Iterator[str]:
    """Yields which files of a category have other bytes, or how many partitions there are."""
    now = again.records(again_plan.categories[category])
    if len(now) != len(before):
        yield f"{category}: {len(before):,} partitions, and {len(now):,} were made"
    for old, new in zip(before, now, strict=False):
        if (old.shard, old.shard_sha256, old.content_digest) != (new.shard, new.shard_sha256, new.content_digest):
            what = "the same items in other bytes" if old.content_digest == new.content_digest else "other items"
            yield f"{old.shard}: {what}"
        if (old.rejects, old.rejects_sha256) != (new.rejects, new.rejects_sha256):
            yield f"{old.rejects or new.rejects}: other malformed rows"
        if (old.num_rows, old.funnel) != (new.num_rows, new.funnel):
            yield f"{old.shard}: other counts of rows and drop reasons"
