"""Checks before work starts: is the output folder for the same work, and has it room for what remains?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from job.config.models import JobConfig
from job.errors import RefusedError, UsageError, quoted
from job.output.diff.changes import changes
from job.output.folder import OutputFolder
from job.output.records import CategoryPlan, Plan
from job.plan.identity import identity_of
from job.plan.unchanged import compared, where_edited
from job.plan.work import CategoryWork
from job.recipe.protocol import describe
from job.recipe.registry import current_name
from job.source.files import CategorySource


def binding_plan(output: OutputFolder, plan: Plan | None) -> Plan | None:
    """Returns what of a plan a job has to keep to.

    A run that ended before it made anything, since Ray did not start or something of its input was wrong, leaves a
    plan. The next run may be another one.

    Args:
        output: the output folder.
        plan: its plan.

    Returns:
        The plan; None when nothing was made of any of its categories.
    """
    if plan is None or not (output.manifest() or any(map(output.has_begun, plan.categories.values()))):
        return None
    return plan


def check_same_work(
    output: OutputFolder, plan: Plan | None, config: JobConfig, sources: Sequence[CategorySource]
) -> dict[str, CategoryPlan]:
    """Compares a job with what the output folder is for.

    Args:
        output: the output folder.
        plan: its plan.
        config: the job.
        sources: files of the categories wanted.

    Returns:
        The categories of the plan that the job goes on with. A category that was planned but not begun is left out
        when the work on it has changed.

    Raises:
        RefusedError: when the work on a category has changed, the output has items of another recipe, or the folder
            holds something else.
        UsageError: when the recipe describes itself wrongly, or the output is no folder, or cannot be written.
    """
    root = output.root
    output.store.check_folder()
    try:
        now = describe(config.recipe.recipe_type())
    except ValueError as error:
        raise UsageError(str(error)) from None
    begun = binding_plan(output, plan)
    if begun is None:
        if plan is None and not output.is_untouched():
            names = sorted(output.store.top())
            raise RefusedError(
                f"{root} holds something else ({', '.join(names[:5])}), and no plan of this program\n"
                "nothing was touched; name another folder: --output DIR"
            )
        return {}
    kept = dict(begun.categories)
    for source in sources:
        planned = kept.get(source.category)
        if planned is not None and (changed := changes(planned.identity, identity_of(config, source))):
            if not output.has_begun(planned):
                del kept[source.category]
                continue
            raise _changed(output, source.category, [*changed, *where_edited(planned, source, output.records(planned))])
    code = config.recipe.recipe_type().fingerprints.get("code")
    if other := [name for name, category in kept.items() if category.identity.versions.get("code") != code]:
        raise _changed(output, ", ".join(other), ["the recipe's code"])
    then = begun.description
    if (now.name, now.version, now.columns) != (current_name(then.name), then.version, then.columns):
        raise RefusedError(
            f"{root} has items of the recipe {then.name} (version {then.version}), and this job makes those of "
            f"{now.name} (version {now.version})\n{_advice(output)}"
        )
    return kept


def check_same_content(output: OutputFolder, works: Sequence[CategoryWork], say: Callable[[str], None]) -> None:
    """Compares the content of the source with what the records of finished partitions say it was.

    Args:
        output: the output folder.
        works: the work on each category, with its records. Their plans get the versions that the files have now.
        say: called with a line of text before something that takes a while.

    Raises:
        RefusedError: when a file was edited.
    """
    for work in works:
        left = set(work.remaining())
        done = [record for record in work.in_order if record.partition not in left]
        work.plan, changed = compared(work.plan, work.source, done, output.scratch, say)
        if changed:
            raise _changed(output, work.plan.category, changed)


def _changed(output: OutputFolder, category: str, changed: Sequence[str]) -> RefusedError:
    return RefusedError(
        f"{output.root} has {category} from another job; changed since: {'; '.join(changed)}\n{_advice(output)}"
    )


def _advice(output: OutputFolder) -> str:
    """Returns what to type when the output has items of another job."""
    advice = "nothing was touched; name another folder with --output DIR, or replace what is there with --fresh"
    if output.manifest() is None:
        return advice
    return (
        f"{advice}\nto see what the change does to the items, run it with --output DIR, then: "
        f"curate diff {quoted(output.root)} DIR"
    )


def check_room(output: OutputFolder, works: Sequence[CategoryWork]) -> None:
    """Checks that the output folder can be written, and that its disk is large enough for what remains to do.

    Raises:
        UsageError: when it is not.
    """
    # About a third of the rows become items, and a prompt is a quarter of a row; compression halves it at least.
    shares = (len(work.remaining()) / len(work.plan.partitions) * work.source.size_bytes for work in works)
    needed = int(sum(shares)) // 10 + (16 << 20)
    output.store.check_room(needed)
