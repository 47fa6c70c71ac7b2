"""Reads YAML for configs: safely, without duplicate keys or aliases that multiply, and numbers as people write them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from job.errors import UsageError, nearest, quoted

YAML_MISTAKES = (yaml.YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Exceptions that PyYAML raises for invalid text. `!!int x`, a 13th month and 1,000 brackets each raise another one."""


_MAX_ALIASES = 100
"""Aliases in a config. Each one repeats the whole value of its anchor for everything that reads the config."""


class _ConfigLoader(yaml.SafeLoader):
    """A safe loader that refuses what PyYAML allows and no config needs.

    A duplicate key would silently replace the first one. An alias inside an anchored value multiplies what the anchor
    stands for: 500 bytes can stand for billions of values. So do thousands of aliases of a long list.
    """

    _num_open_anchors = 0
    _num_aliases = 0

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own name for the rules of plain values
        first: [(tag, rule) for tag, rule in rules if tag.rpartition(":")[2] not in {"int", "float"}]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()
        is_alias = isinstance(event, yaml.AliasEvent)
        if is_alias and self._num_open_anchors and not isinstance(self.anchors.get(event.anchor), yaml.ScalarNode):
            message = f"the alias *{event.anchor} is part of an anchored value: write that value out"
            raise yaml.MarkedYAMLError(None, None, message, event.start_mark)
        self._num_aliases += is_alias
        if self._num_aliases > _MAX_ALIASES:
            raise yaml.MarkedYAMLError(None, None, f"more than {_MAX_ALIASES} aliases", event.start_mark)
        is_anchored = not is_alias and event.anchor is not None
        self._num_open_anchors += is_anchored
        node = super().compose_node(parent, index)
        self._num_open_anchors -= is_anchored
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_WHOLE = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)")
_DECIMAL = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WRITTEN_NUMBER = re.compile(r"[-+]?(?:0[0-9]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+)")


def _whole_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """Reads `0100` as 100: PyYAML alone would read it as octal, and `1:30` as 90 seconds, which is text here."""
    text = loader.construct_scalar(node).replace("_", "")
    return int(text, 0 if text.lstrip("+-")[:2] in {"0b", "0x"} else 10)


_ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"(?:{_WHOLE.pattern})$"), list("-+0123456789"))
_ConfigLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"(?:{_DECIMAL.pattern})$"), list("-+.0123456789")
)
_ConfigLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def number_in(text: object) -> int | float | None:
    """Reads text that people mean as a number and YAML takes for text: `1e3`, `08`.

    Such text stays text where text is wanted: `12e4567` may be a commit.

    Returns:
        The number; None when the value is no such text.
    """
    if not isinstance(text, str) or not _WRITTEN_NUMBER.fullmatch(text):
        return None
    return float(text) if "e" in text.lower() else int(text)


def quoted_at(text: str, location: Sequence[int | str]) -> tuple[str, str] | None:
    """Finds a plain value that YAML took for a number, a truth value or null, where text was meant.

    Args:
        text: one YAML document that can be read.
        location: keys and numbers that lead to the value.

    Returns:
        The value as it is written, and the document with that value in quotes. None when no plain value is there.
    """
    node: Any = yaml.compose(text, Loader=_ConfigLoader)
    for step in location:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
    if not isinstance(node, yaml.ScalarNode) or node.style is not None or not node.value:
        return None
    start, end = node.start_mark.index, node.end_mark.index
    return node.value, text[:start] + json.dumps(node.value, ensure_ascii=False) + text[end:]


def parse_yaml(text: str) -> Any:
    """Parses YAML text.

    Args:
        text: one YAML document.

    Returns:
        Its value.

    Raises:
        Exception: one of `YAML_MISTAKES`, when the text is not valid.
    """
    return yaml.load(text, Loader=_ConfigLoader)  # noqa: S506  # a SafeLoader


def read_settings(path: Path) -> dict[str, Any]:
    """Reads a config file without checking its keys and values.

    Args:
        path: a YAML file.

    Returns:
        The keys and values of the file.

    Raises:
        UsageError: when the file does not exist, cannot be read, or is not a YAML mapping.
    """
    if path.name.lower().endswith((".jsonl", ".ndjson", ".gz", ".zst", ".parquet")):
        raise UsageError(f"{path} is a data file, not a config\nto read rows from it: --source {quoted(path)}")
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
        settings = parse_yaml(text)
    except YAML_MISTAKES as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UsageError(f"{path}: a config is a list of `key: value`, this is a {type(settings).__name__}")
    return {str(key): value for key, value in settings.items()}
