"""Finds the files of the categories wanted, wherever the config says they are, and checks that they can be read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from job.config.addresses import located
from job.config.models import JobConfig, SourceConfig
from job.config.names import normal_form
from job.errors import CurateError, UsageError
from job.output.folder import PLAN
from job.output.records import CategoryPlan, Plan
from job.plan.damage import damage_noted
from job.source.fetch.first_bytes import check_first_bytes
from job.source.fetch.local_copies import nearest_location
from job.source.fetch.packing import is_packed
from job.source.files import CategorySource, Repository
from job.source.find import bucket, folder, hub
from job.source.find.load_dataset import loaded_category
from job.source.find.passed_over import PassedOver
from job.source.read.json_form import check_lines
from job.source.read.jsonl import check_fields
from job.source.read.parquet_columns import open_checked
from job.source.read.rows import RowLayout


def find_sources(
    config: JobConfig, before: Plan | None = None, passed_over: PassedOver | None = None
) -> list[CategorySource]:
    """Finds the files of the categories wanted.

    Args:
        config: the job.
        before: plan of the output, if there is one. A data set on the Hub stays at the commit of this plan.
        passed_over: is told what is not read.

    Returns:
        The categories with their files.

    Raises:
        UsageError: when the config names no source, or the files are missing or wrong.
        CurateError: when the Hub does not answer.
    """
    passed_over = passed_over if passed_over is not None else PassedOver()
    layout = RowLayout.of(config)
    columns = {layout.source_name(name) for name in layout.inputs.names}
    if config.source.load_dataset is not None:
        sources = [loaded_category(config.source.load_dataset, config.categories)]
    elif config.source.path is not None:
        root = located(config.source.path)
        if isinstance(root, Path):
            try:
                sources = folder.find_categories(root, config.categories, columns, passed_over)
            except UsageError:
                if (root / PLAN).is_file():
                    raise UsageError(
                        f"{root} is an output of this program, and no source\n"
                        "name the folder that it was made from: --source DIR"
                    ) from None
                raise
        else:
            sources = bucket.find_categories(root, config.categories, columns, passed_over)
    else:
        sources = _find_on_hub(config, before, columns, passed_over)
    planned = before.categories if before else {}
    spelled = {normal_form(name): name for name in planned}  # an older plan may have the accents apart
    sources = [replace(source, category=spelled.get(source.category, source.category)) for source in sources]
    for source in sources:
        if source.category not in planned:
            _check_no_table(source, passed_over)
            _check_files(config, source)
    return sources


def _check_no_table(source: CategorySource, passed_over: PassedOver) -> None:
    """Refuses files of a table whose log says which of them count: others may be older versions of the same rows."""
    kind = passed_over.tables.get(source.category)
    if kind is None:
        return
    how = (
        "such as in DuckDB: COPY (FROM delta_scan('FOLDER')) TO 'NAME.parquet'" if kind == "Delta" else "as with Spark"
    )
    raise UsageError(
        f"{source.category}: its files are a {kind} table, whose log says which of them count, and is not read here\n"
        f"write the rows that count to a Parquet file elsewhere, and read that; {how}"
    )


def _check_files(config: JobConfig, source: CategorySource) -> None:
    layout = RowLayout.of(config)
    for file in source.files:
        location, damaged = nearest_location(source, file), dict[str, str]()
        with damage_noted(config, file, damaged):
            check_first_bytes(location)
        if damaged:
            continue
        if source.file_format == "parquet":
            with damage_noted(config, file, {}):
                open_checked(location, layout)
        elif not is_packed(file.name):
            # Over the network it is a request per file, and all files of a category are made in one way.
            if location.local_path is not None or file is source.files[0]:
                check_lines(location)
            if config.source.fields and not source.is_packed:
                check_fields(location, config.source.fields)


def _find_on_hub(
    config: JobConfig, before: Plan | None, columns: Collection[str], passed_over: PassedOver | None
) -> list[CategorySource]:
    planned = _planned_categories(config, before)
    if config.categories and all(name in planned for name in config.categories):
        return [_planned_source(planned[name]) for name in config.categories]
    dataset = config.source.hub_dataset
    repository = _planned_repository(planned) or hub.resolve(dataset, config.source.hub_revision)
    if not config.categories:
        names = [source.category for source in hub.find_categories(repository, ())]
        raise UsageError(
            f"{dataset} has {len(names)} categories: {', '.join(names)}\nname those you want: --category NAME"
        )
    return hub.find_categories(repository, config.categories, columns, passed_over)


def _planned_categories(config: JobConfig, before: Plan | None) -> dict[str, CategoryPlan]:
    """Returns the categories that an output has from the same revision of the same data set on the Hub."""
    if before is None or config.source.path is not None or config.source.load_dataset is not None:
        return {}
    planned_source = SourceConfig.model_validate(before.config.get("source", {}))
    if planned_source.hub_revision != config.source.hub_revision:
        return {}
    return {
        name: plan
        for name, plan in before.categories.items()
        if plan.identity.repository is not None and plan.identity.repository.dataset == config.source.hub_dataset
    }


def _planned_source(plan: CategoryPlan) -> CategorySource:
    assert plan.identity.repository is not None  # noqa: S101  # see `_planned_categories`
    return hub.planned_category(plan.category, plan.identity.repository, plan.identity.files)


def _planned_repository(planned: dict[str, CategoryPlan]) -> Repository | None:
    return next((plan.identity.repository for plan in planned.values()), None)


def newer_commit(config: JobConfig, before: Plan | None) -> str | None:
    """Tells whether the revision points to another commit now than the output's plan has.

    Returns:
        A sentence about it; None when it has not moved, or nobody can be asked.
    """
    planned = _planned_repository(_planned_categories(config, before))
    if planned is None:
        return None
    try:
        now = hub.resolve(planned.dataset, config.source.hub_revision).commit
    except CurateError:
        return None
    if now == planned.commit:
        return None
    before_, now_ = planned.commit[:8], now[:8]
    return (
        f"{planned.dataset}: {config.source.hub_revision} has moved from {before_} to {now_} since; going on with "
        f"{before_}; to start again with {now_}: --fresh"
    )
