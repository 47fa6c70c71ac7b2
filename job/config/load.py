"""Reads a config: a YAML file, with values given elsewhere laid over it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml
from pydantic import BaseModel

from job.config.addresses import without_secrets
from job.config.models import JobConfig
from job.config.yaml_file import YAML_MISTAKES, check_size, read_settings
from job.errors import UsageError, nearest, printable


def load_config(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> JobConfig:
    """Reads a config file and lays overrides over it.

    Args:
        path: a YAML file; None for the defaults.
        overrides: values by dotted key, such as `{"recipe.min_price": 1}`. To name `source.path`,
            `source.dataset` or `source.load_dataset` replaces the place that the file's `source` names.

    Returns:
        The checked config.

    Raises:
        UsageError: when the file cannot be read, a key is unknown, or a value does not fit.
    """
    where = "the command line" if path is None else str(path)
    settings = {} if path is None else read_settings(Path(path))
    overrides = dict(overrides or {})
    for given in (settings, overrides):
        check_size(where, given)
    if overrides.keys() & {"source.path", "source.dataset", "source.load_dataset"}:
        before = settings.get("source")
        kept = ("fields", "stream", "max_hub_readers")
        settings["source"] = {key: before[key] for key in kept if key in before} if isinstance(before, dict) else {}
    for key, value in overrides.items():
        _lay(settings, key, value)
    try:
        return JobConfig.model_validate(settings)
    except pydantic.ValidationError as error:
        lines = [_describe(problem) for problem in error.errors()]
        raise UsageError(f"{where}: " + "\n".join(lines) + "\nall keys and their defaults: curate config") from None


def parse_assignment(assignment: str) -> tuple[str, Any]:
    """Takes `KEY=VALUE` apart, the value read as YAML.

    Args:
        assignment: such as `recipe.max_price=500`.

    Returns:
        The dotted key and the value.

    Raises:
        UsageError: when it has no `=`, or the value is not YAML.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {assignment}: write it as KEY=VALUE, such as --set recipe.max_price=500")
    try:
        return key, yaml.safe_load(text)
    except YAML_MISTAKES as error:
        raise UsageError(f"--set {assignment}: the value is not YAML: {error}") from None


def dump_config(config: JobConfig) -> str:
    """Writes a config as YAML, every key with its value and what it means."""
    lines: list[str] = []

    def write(section: BaseModel, indent: str) -> None:
        for key, field in type(section).model_fields.items():
            value = getattr(section, key)
            comment = f"  # {' '.join(field.description.split())}" if field.description else ""
            if isinstance(value, BaseModel):
                lines.append(f"{indent}{key}:{comment}")
                write(value, indent + "  ")
            else:
                plain: Any = list(value) if isinstance(value, tuple) else value
                text = yaml.safe_dump(plain, default_flow_style=True, width=math.inf).removesuffix("...\n").strip()
                lines.append(f"{indent}{key}: {text}{comment}")

    write(config, "")
    return "\n".join(lines) + "\n"


def _lay(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = settings.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {key}: {section} has no keys below it")
        settings = inner
    settings[last] = value


def _keys_at(location: Sequence[int | str]) -> list[str]:
    section: type[BaseModel] = JobConfig
    for name in location:
        field = section.model_fields.get(str(name))
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        section = field.annotation
    return list(section.model_fields)


_EXPECTED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "tuple_type": "must be a list, such as [Appliances, Books]",
    "model_type": "must have keys below it, each with a value",
    "dict_type": "must have keys below it, each with a value",
}


def _describe(problem: Any) -> str:
    location = problem["loc"]
    key = printable(".".join(str(part) for part in location))
    if problem["type"] == "extra_forbidden":
        elsewhere = [
            f"{section}.{location[-1]}" for section in ("recipe", "source") if location[-1] in _keys_at([section])
        ]
        hint = f"; did you mean {elsewhere[0]}?" if elsewhere else nearest(str(location[-1]), _keys_at(location[:-1]))
        return f"{key}: unknown key{hint}"
    message = _EXPECTED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    found = f" (found: {without_secrets(repr(given))})" if not isinstance(given, dict) else ""
    return f"{key + ': ' if key else ''}{message}{found}"
