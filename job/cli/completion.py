"""What a shell offers when a word is completed with TAB. It asks neither Ray nor the network, so that it is quick."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import typer

from job.config.addresses import located
from job.config.load import config_keys
from job.config.yaml_file import read_settings
from job.errors import CurateError

_MAX_FILES = 200
"""Number of configs that are offered."""


def categories(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the categories of the source that the command line or its config names, else those of the data set."""
    from job.source.find.amazon_2023 import CATEGORIES

    names: tuple[str, ...] = CATEGORIES
    given = ctx.params.get("source")
    config = ctx.params.get("config") or next(iter(ctx.args), None)  # while a value is missing, arguments stay in args
    source = {"path": given} if given else _source_of(config)
    if path := source.get("path"):
        names = tuple(_names_in(str(path)))
    elif source.get("dataset") or source.get("load_dataset"):
        names = ()
    return [name for name in names if name.startswith(incomplete)]


def _source_of(config: object) -> dict[str, object]:
    if config:
        with contextlib.suppress(CurateError):
            source = read_settings(Path(str(config))).get("source")
            return source if isinstance(source, dict) else {}
    return {}


def _names_in(path: str) -> Iterator[str]:
    from job.source.find.folder import category_names

    with contextlib.suppress(CurateError, OSError, ValueError, RuntimeError):
        root = located(path)
        if isinstance(root, Path):
            yield from category_names(root)


def configs(incomplete: str) -> list[str]:
    """Returns the YAML files that begin so, also those in a folder that does. Without any, the shell takes over."""
    folder, slash, begin = incomplete.rpartition("/")
    root = Path(f"{folder}{slash}" or ".")
    found: Iterator[Path] = itertools.chain(
        *[root.glob(f"{pattern}.{suffix}") for pattern in ("*", "*/*") for suffix in ("yaml", "yml")]
    )
    with contextlib.suppress(OSError):
        names = [str(path.relative_to(root)) for path in itertools.islice(found, _MAX_FILES)]
        return [f"{folder}{slash}{name}" for name in sorted(names) if name.startswith(begin) and name[0] != "."]
    return []


def keys(ctx: typer.Context, incomplete: str) -> list[str]:
    """Returns the keys of a config that begin so, each with the `=` that follows it."""
    known = config_keys(craft=ctx.info_name == "craft")
    return [f"{key}=" for key in known if key.startswith(incomplete)]


def forms() -> list[str]:
    """Returns the values of `--form`."""
    return ["jsonl", "parquet", "both"]


def export_forms(incomplete: str) -> list[str]:
    """Returns the forms of exports."""
    from job.export.items import JSONL
    from job.export.registry import FORMS

    return [name for name in (*FORMS, JSONL.name) if name.startswith(incomplete)]
