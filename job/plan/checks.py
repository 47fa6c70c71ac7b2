"""Checks before work starts: is the output folder for the same work, and has it room for what remains?"""

from __future__ import annotations

from collections.abc import Sequence

from job.config.models import JobConfig
from job.errors import RefusedError, UsageError
from job.output.folder import OutputFolder
from job.output.records import Plan
from job.plan.identity import changes, identity_of
from job.plan.work import CategoryWork
from job.recipe.protocol import describe
from job.recipe.registry import current_name
from job.source.files import CategorySource


def check_same_work(
    output: OutputFolder, plan: Plan | None, config: JobConfig, sources: Sequence[CategorySource]
) -> None:
    """Compares a job with what the output folder is for.

    Args:
        output: the output folder.
        plan: its plan.
        config: the job.
        sources: files of the categories wanted.

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
    if plan is None:
        if not output.is_untouched():
            names = sorted(output.store.top())
            raise RefusedError(
                f"{root} holds something else ({', '.join(names[:5])}), and no plan of this program\n"
                "nothing was touched; name another folder: --output DIR"
            )
        return
    for source in sources:
        planned = plan.categories.get(source.category)
        if planned is not None and (changed := changes(planned.identity, identity_of(config, source))):
            raise RefusedError(
                f"{root} has {source.category} from another job; changed since: {'; '.join(changed)}\n"
                "nothing was touched; name another folder with --output DIR, or replace what is there with --fresh"
            )
    then = plan.description
    if (now.name, now.version, now.columns) != (current_name(then.name), then.version, then.columns):
        raise RefusedError(
            f"{root} has items of the recipe {then.name} (version {then.version}), and this job makes those of "
            f"{now.name} (version {now.version})\n"
            "nothing was touched; name another folder with --output DIR, or replace what is there with --fresh"
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
