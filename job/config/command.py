"""The command that makes an output again, from the config in its plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from job.config.models import JobConfig, SourceConfig
from job.errors import quoted
from job.recipe.registry import RECIPES, current_name

_NEVER = ("output", "workers", "batch_size", "published_items")
"""Keys that change no item, or have an option of their own."""


def run_command(config: Mapping[str, Any], output: Path | str) -> str:
    """Returns the command that resumes an output, or makes it again.

    Args:
        config: the config in the output's plan.
        output: path or address of the output.
    """
    words = ["curate", "run", *_options(config), "--output", quoted(output)]
    return " ".join(words)


def try_command(config: Mapping[str, Any], wanted: str) -> str:
    """Returns the command that shows what the recipe does with a row.

    Args:
        config: the config in an output's plan.
        wanted: the row's id.
    """
    rows = {key: value for key, value in config.items() if key not in ("limit", "skip_damaged_files")}
    return " ".join(["curate", "try", *_options(rows), "--id", quoted(wanted)])


def _options(config: Mapping[str, Any]) -> Iterator[str]:
    source: Mapping[str, Any] = config.get("source") or {}
    if source.get("path") is not None:
        yield from ("--source", quoted(source["path"]))
    for name in config.get("categories") or ():
        yield from ("--category", quoted(name))
    if config.get("limit") is not None:
        yield from ("--limit", str(config["limit"]))
    if config.get("skip_damaged_files"):
        yield "--skip-damaged-files"
    for key, value in _changed(config, source):
        yield from ("--set", quoted(f"{key}={json.dumps(value, ensure_ascii=False)}"))


def _changed(config: Mapping[str, Any], source: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields the other keys whose values are not the defaults."""
    recipe: Mapping[str, Any] = config.get("recipe") or {}
    settings = RECIPES.get(current_name(str(recipe.get("name"))))
    defaults = {} if settings is None else settings.model_validate({}).model_dump(mode="json")
    for key, value in recipe.items():
        if key != "name" and defaults.get(key) != value:
            yield f"recipe.{key}", value
    if recipe.get("name") not in (None, JobConfig().recipe.name):
        yield "recipe.name", recipe["name"]
    plain = SourceConfig().model_dump(mode="json")
    for key, value in source.items():
        if key != "path" and plain.get(key) != value:
            yield f"source.{key}", value
    own = ("source", "recipe", "categories", "limit", "skip_damaged_files", *_NEVER)
    plain = JobConfig().model_dump(mode="json")
    for key, value in config.items():
        if key not in own and plain.get(key) != value:
            yield key, value
