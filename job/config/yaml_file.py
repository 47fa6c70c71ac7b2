"""Reads a file of settings: one YAML mapping, safely, in which no key stands twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from job.errors import UsageError, nearest, quoted

_MOST_VALUES = 10_000
"""In a config. One of 500 bytes can stand for billions by naming a list, and lists of lists, again and again."""
YAML_MISTAKES = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What PyYAML raises: not its own errors alone, but also what `!!int x`, a 13th month or 1,000 brackets make of it."""


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that does not let a second mention of a key win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a config file, as it is.

    Args:
        path: a YAML file.

    Returns:
        Its keys and values; nothing of them is checked.

    Raises:
        UsageError: when it is not there, cannot be read, or is no mapping.
    """
    if path.name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")):
        raise UsageError(f"{path} is no config\nto read rows from it: --source {quoted(path)}")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        folder = path.parent
        names = sorted(found.name for found in folder.glob("*.y*ml")) if folder.is_dir() else []
        there = f"; {folder} has: {', '.join(names)}" if names else ""
        raise UsageError(f"config not found: {path}{nearest(path.name, names) or there}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder, not a config\nto read rows from it: --source {quoted(path)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"config cannot be read: {path}: {error}") from None
    try:
        settings = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  # a SafeLoader
    except YAML_MISTAKES as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UsageError(f"{path}: a config is a list of `key: value`, this is a {type(settings).__name__}")
    return {str(key): value for key, value in settings.items()}


def check_size(where: str, settings: Mapping[str, Any]) -> None:
    """Raises UsageError when settings have more values than anybody means: then everything after would take ages."""
    count, left = 0, [iter(settings.values())]
    while left:
        for value in left[-1]:
            count += 1
            if count > _MOST_VALUES:
                raise UsageError(f"{where}: more than {_MOST_VALUES:,} values; is it a config?")
            if isinstance(value, dict | list | tuple | set):
                left.append(iter(value.values() if isinstance(value, dict) else value))
                break
        else:
            left.pop()
