"""What decides the bytes of a category's shards."""

from __future__ import annotations

import pyarrow as pa

from job.config.models import JobConfig
from job.output.records import Identity
from job.source.files import CategorySource
from job.source.read.partitions import RULE


def identity_of(config: JobConfig, source: CategorySource) -> Identity:
    """Returns the identity of the work on a category."""
    recipe = config.recipe.recipe_type()
    return Identity(
        category=source.category,
        repository=source.repository,
        files=[file.identity for file in source.files],
        recipe=config.recipe.identity(),
        keep_columns=list(config.keep_columns),
        limit=config.limit,
        max_row_bytes=config.max_row_bytes,
        fields=dict(config.source.fields),
        partition_rule=RULE,
        versions={"recipe": recipe.version, **recipe.fingerprints, "pyarrow": pa.__version__},
    )
