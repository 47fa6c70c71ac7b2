"""What decides the bytes of a category's shards, and what has changed when it differs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec
import pyarrow as pa

from job.config.models import JobConfig
from job.output.records import Identity
from job.recipe.registry import current_name
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


def changes(before: Identity, now: Identity) -> list[str]:
    """Returns what differs between two identities, in words."""
    return list(_changes("", _with_current_name(before), _with_current_name(now)))


def _with_current_name(identity: Identity) -> dict[str, Any]:
    found = msgspec.to_builtins(identity)
    if isinstance(name := found["recipe"].get("name"), str):
        found["recipe"]["name"] = current_name(name)
    return found


def _changes(key: str, before: Any, now: Any) -> Generator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in {**before, **now}:
            yield from _changes(f"{key}.{name}".lstrip("."), before.get(name), now.get(name))
    elif before != now and key == "files":
        then = {file[0]: file[1:] for file in before}
        for name, size, digest in now:
            if name not in then:
                yield f"{name} is new"
            elif then[name] != [size, digest]:
                yield f"{name} was {then[name][0]:,} bytes, is {size:,}" + (" others" if then[name][0] == size else "")
        gone = then.keys() - {file[0] for file in now}
        yield from (f"{name} is gone" for name in sorted(gone))
    elif before != now:
        yield f"{key} was {before}, is {now}"
