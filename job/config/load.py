"""Reads a config: a YAML file, overridden by what the command line or Python gives."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic
import yaml
from pydantic import BaseModel

from job.config.addresses import without_secrets
from job.config.craft import SECTIONS as CRAFT_SECTIONS
from job.config.craft import CraftConfig
from job.config.models import JobConfig, SourceConfig
from job.config.yaml_file import YAML_MISTAKES, number_in, parse_yaml, quoted_at, read_settings
from job.errors import UsageError, nearest, printable, quoted
from job.recipe.custom.code import is_custom, located_from
from job.recipe.registry import DEFAULT, RECIPES, settings_type

_Config = TypeVar("_Config", bound=BaseModel)

_RUN, _CRAFT = "run", "craft"
_KEYS_OF_ONE = {_RUN: {"source", "categories"}, _CRAFT: {"items"}}
"""Commands that each have configs of their own, and keys that only these have."""
_PROBLEMS_SHOWN = 10
_SIMILAR = 0.75
"""Least similarity, from 0 to 1, of a mistyped key to one in another section, which is then offered in its place."""
_FOUND_CHARS = 200
"""Characters of a wrong value that its message shows."""


def load_config(
    path: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
) -> JobConfig:
    """Reads a config file and applies overrides.

    Args:
        path: a YAML file; None for the defaults.
        overrides: values by dotted key, such as `{"recipe.min_price": 1}`. Naming `source.path`, `source.dataset` or
            `source.load_dataset` replaces the source that the file names.
        typed: for overrides that were read from YAML, its text by dotted key, to show in messages.

    Returns:
        The checked config.

    Raises:
        UsageError: when the file cannot be read, a key is unknown, or a value does not fit.
    """
    settings = {} if path is None else read_settings(Path(path))
    overrides = dict(overrides or {})
    _locate_recipe(settings, Path() if path is None else Path(path).parent)
    if overrides.keys() & {"source.path", "source.dataset", "source.load_dataset"}:
        before = settings.get("source")
        kept = ("fields", "stream", "max_hub_readers")
        settings["source"] = {key: before[key] for key in kept if key in before} if isinstance(before, dict) else {}
    for key, value in overrides.items():
        _override(settings, key, value)
    _locate_recipe(settings, Path())
    try:
        return _validated(settings, JobConfig)
    except pydantic.ValidationError as error:
        given = _Given(path, overrides, typed or {})
        raise _wrong(error, given, _keys_by_section(settings), "curate config", _RUN) from None


def load_craft_config(
    path: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
) -> CraftConfig:
    """Reads the config of a training set; arguments and errors are as for `load_config`."""
    settings = {} if path is None else read_settings(Path(path))
    overrides = dict(overrides or {})
    for key, value in overrides.items():
        _override(settings, key, value)
    try:
        return _validated(settings, CraftConfig)
    except pydantic.ValidationError as error:
        keys = {location: list(section.model_fields) for location, section in CRAFT_SECTIONS.items()}
        given = _Given(path, overrides, typed or {})
        raise _wrong(error, given, keys, "curate config --craft", _CRAFT) from None


def is_craft_file(path: str | Path) -> bool:
    """Tells whether a config file is one of `curate craft`: its key `items` says so.

    Raises:
        UsageError: when the file cannot be read.
    """
    return _has_keys_of(_CRAFT, path)


def _has_keys_of(command: str, path: str | Path) -> bool:
    return not _KEYS_OF_ONE[command].isdisjoint(read_settings(Path(path)))


@dataclass(frozen=True, slots=True)
class _Given:
    """Where the values of a config come from."""

    path: str | Path | None
    overrides: Mapping[str, Any]
    typed: Mapping[str, str]


def _wrong(
    error: pydantic.ValidationError,
    given: _Given,
    keys: Mapping[tuple[int | str, ...], list[str]],
    all_keys: str,
    command: str,
) -> UsageError:
    """Returns an error that says everything that is wrong with a config.

    Args:
        error: what is wrong.
        given: where its values come from.
        keys: the keys that each section can have.
        all_keys: the command that prints them.
        command: the one that the config is for.
    """
    where = "the command line" if given.path is None else str(given.path)
    problems = list(_problems(error))
    advice = [_advice(problem, given) for problem in problems[:_PROBLEMS_SHOWN]]
    lines = [_describe(problem, keys, each) for problem, each in zip(problems, advice, strict=False)]
    lines += [f"and {len(problems) - _PROBLEMS_SHOWN:,} more"] if len(problems) > _PROBLEMS_SHOWN else []
    lines.append(f"all keys and their defaults: {all_keys}")
    other = _RUN if command == _CRAFT else _CRAFT
    if given.path is not None and _has_keys_of(other, given.path):
        lines.append(f"if it is a config of curate {other}: curate {other} {quoted(given.path)}")
    return UsageError(f"{where}: " + "\n".join(lines))


def parse_assignment(assignment: str) -> tuple[str, Any]:
    """Splits `KEY=VALUE`, and reads the value as YAML.

    Args:
        assignment: such as `recipe.max_price=500`.

    Returns:
        The dotted key and the value.

    Raises:
        UsageError: when it has no `=`, or the value is not YAML.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {assignment}: write it as KEY=VALUE, such as --set workers=2")
    try:
        return key, parse_yaml(text)
    except YAML_MISTAKES as error:
        raise UsageError(f"--set {assignment}: the value is not YAML: {error}") from None


def dump_config(config: BaseModel) -> str:
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


def _override(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = settings.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UsageError(f"--set {key}: {section} has no keys below it")
        settings = inner
    settings[last] = value


def _locate_recipe(settings: Mapping[str, Any], folder: Path) -> None:
    """Makes the path of a user's own recipe absolute, which the file that names it gives relative to itself."""
    recipe = settings.get("recipe")
    if isinstance(recipe, dict) and is_custom(recipe.get("name")):
        recipe["name"] = located_from(recipe["name"], folder)


def _validated(settings: dict[str, Any], model: type[_Config]) -> _Config:
    """Validates settings. Raises `pydantic.ValidationError`, also when numbers that YAML takes for text do not help."""
    try:
        return model.model_validate(settings)
    except pydantic.ValidationError as error:
        settings = copy.deepcopy(settings)
        changed = False
        for problem in _problems(error):
            if problem["type"] in _NUMBERS:
                changed |= _as_number(settings, problem["loc"], is_whole=problem["type"] == "int_type")
        if not changed:
            raise
    return model.model_validate(settings)


def _as_number(settings: Any, location: Sequence[int | str], *, is_whole: bool) -> bool:
    """Replaces text such as `1e3` by its number, 1000 where a whole number is wanted. Tells whether there was any."""
    for step in location:
        inner = settings[step]
        if (number := number_in(inner)) is not None:
            settings[step] = int(number) if is_whole and number % 1 == 0 else number
            return True
        if not isinstance(inner, dict | list):
            return False
        settings = inner
    return False


def _advice(problem: Any, where: _Given) -> str | None:
    """Returns what to type instead of a bare `No` or `2023` where text is meant; None where that is not the mistake."""
    given = problem["input"]
    if problem["type"] not in {"string_type", "tuple_type"} or isinstance(given, str | list | dict):
        return None
    location = problem["loc"]
    if location[-1] == "[key]":
        return "write it in quotes"
    keys = [key for key in where.overrides if location[: key.count(".") + 1] == (*key.split("."),)]
    key = max(keys, key=len, default="")
    found = None
    with contextlib.suppress(OSError, *YAML_MISTAKES):
        if key in where.typed:
            found = quoted_at(where.typed[key], location[key.count(".") + 1 :])
        elif not key and where.path is not None:
            found = quoted_at(Path(where.path).read_text(encoding="utf-8"), location)
    if found is None:
        return None
    written, repaired = found
    command = f": --set {quoted(f'{key}={repaired}')}" if key else ""
    return f"write {written!r} in quotes{command}"


def _problems(error: pydantic.ValidationError, location: tuple[int | str, ...] = ()) -> Iterator[Any]:
    """Yields everything that is wrong, also within a recipe's settings, which are validated by themselves."""
    for problem in error.errors():
        where = (*location, *problem["loc"])
        inner = problem.get("ctx", {}).get("error")
        if isinstance(inner, pydantic.ValidationError):
            yield from _problems(inner, where)
        else:
            yield {**problem, "loc": where}


def config_keys(*, craft: bool = False) -> dict[str, bool]:
    """Returns every key that a config can have, with dots between its sections, and whether its values are yes or no.

    Keys of all built-in recipes are among them. A section is no key.

    Args:
        craft: of a training set, and not of a job.
    """
    sections: list[tuple[str, type[BaseModel]]] = [
        ("", JobConfig),
        ("source.", SourceConfig),
        *[("recipe.", recipe) for recipe in RECIPES.values()],
    ]
    if craft:
        sections = [("".join(f"{name}." for name in place), section) for place, section in CRAFT_SECTIONS.items()]
    return {
        f"{prefix}{name}": bool in (field.annotation, *get_args(field.annotation))
        for prefix, section in sections
        for name, field in section.model_fields.items()
        if name not in ("source", "recipe", "sample", "splits")
    }


def _keys_by_section(settings: Mapping[str, Any]) -> dict[tuple[int | str, ...], list[str]]:
    """Returns the keys that each section of a config can have."""
    given = settings.get("recipe")
    recipe: type[BaseModel] = settings_type(DEFAULT)
    if isinstance(given, dict):
        with contextlib.suppress(ValueError):
            recipe = settings_type(given.get("name", DEFAULT))
    sections: dict[tuple[int | str, ...], type[BaseModel]] = {
        (): JobConfig,
        ("recipe",): recipe,
        ("source",): SourceConfig,
    }
    return {location: list(section.model_fields) for location, section in sections.items()}


_NUMBERS = ("int_type", "float_type")
_EXPECTED = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "tuple_type": "must be a list, such as [Appliances, Books]",
    "model_type": "must have keys below it, each with a value",
    "dict_type": "must have keys below it, each with a value",
}


def _describe(problem: Any, keys: Mapping[tuple[int | str, ...], list[str]], advice: str | None) -> str:
    *section, name = problem["loc"] or [""]
    key = printable(".".join(map(str, problem["loc"])))
    if problem["type"] == "extra_forbidden":
        return f"{key}: unknown key{_hint(tuple(section), str(name).replace('-', '_'), keys)}"
    message = _EXPECTED.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    message += f"; {advice}" if advice else ""
    given = problem["input"]
    text = "nothing" if given is None else _shortened(without_secrets(repr(given)))
    found = f" (found: {text})" if not isinstance(given, dict) else ""
    return f"{key + ': ' if key else ''}{message}{found}"


def _hint(section: tuple[int | str, ...], name: str, keys: Mapping[tuple[int | str, ...], list[str]]) -> str:
    """Suggests keys for an unknown one; at the top also those of every section, since the section may be missing."""
    right = [".".join(map(str, (*other, name))) for other, known in keys.items() if other and name in known]
    if right:
        return f"; did you mean {right[0]}?"
    known = keys.get(section, [])
    if section:
        return nearest(name, known)
    if similar := nearest(name, known, cutoff=_SIMILAR):
        return similar
    inner = {key: ".".join(map(str, (*other, key))) for other, names in keys.items() if other for key in names}
    return nearest(name, inner, cutoff=_SIMILAR, shown=inner) or nearest(name, known)


def _shortened(text: str) -> str:
    return text if len(text) <= _FOUND_CHARS else text[:_FOUND_CHARS] + "..."
