"""What `curate craft` can be told: every key of its config, its default and what it means, and the courses' presets.

The docstrings below a key are what `curate config --craft` prints beside it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from job.config.models import Names, PathName, Section, check_workers
from job.config.yaml_file import number_in
from job.errors import nearest

DUPLICATE_KINDS = ("id", "title", "text", "near")
"""Kinds of duplicates, in the order in which they count."""

Amount = int | float | Literal["rest"]
"""Size of a split: rows, a share between 0 and 1, or all that the other splits leave."""


class SampleConfig(Section, frozen=True):
    """Which of the items that remain are drawn."""

    size: Annotated[int, Field(ge=1)] | None = None
    """Draw exactly this many items; null draws all that remain."""
    slot_cap: Annotated[int, Field(ge=1)] | None = None
    """Draw at most this many items of each rounded dollar."""
    whole_from: Annotated[int, Field(ge=0)] | None = None
    """The slot cap applies below this dollar, and dollars from here on are drawn whole; null caps all."""
    category_weights: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    """Weights by category, such as {Automotive: 0.05}: an item with twice the weight is drawn about twice as often.
    They take the place of those that a preset has."""
    other_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight of the other categories."""
    price_power: Annotated[float, Field(ge=0, le=1e15)] | None = None
    """Weigh items by their price too: by its place between the lowest (0) and the highest (1), to this power."""


class SplitsConfig(Section, frozen=True):
    """How the sample is divided: rows (whole numbers), shares (fractions), or `rest`, what the others leave."""

    train: Amount = "rest"
    """For training."""
    validation: Amount = 0.01
    """For choosing between models."""
    test: Amount = 0.01
    """For the last word on a model."""

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _amount(cls, value: object) -> object:
        if isinstance(value, str) and (number := number_in(value)) is not None:  # YAML takes 1e-2 for text
            value = int(number) if number > 1 and number % 1 == 0 else number
        is_rows = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        is_share = isinstance(value, float) and 0 <= value <= 1
        if not is_rows and not is_share and value != "rest":
            raise ValueError("must be a whole number (rows), a fraction from 0 to 1 (a share), or `rest`")
        return value

    @property
    def amounts(self) -> dict[str, Amount]:
        """The size of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @pydantic.model_validator(mode="after")
    def _adds_up(self) -> SplitsConfig:
        amounts = self.amounts
        said = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
        rests = [name for name, amount in amounts.items() if amount == "rest"]
        if len(rests) > 1:
            raise ValueError(f"only one split can be the rest, and {' and '.join(rests)} are")
        shares = [Fraction(str(amount)) for amount in amounts.values() if isinstance(amount, float)]
        total = sum(shares)
        if total > 1:
            raise ValueError(f"the shares add up to {float(total):g}, more than 1: {said}; let one be `rest`")
        if len(shares) == len(amounts) and total != 1:
            raise ValueError(f"the shares add up to {float(total):g}, not 1: {said}; let one be `rest`")
        if not any(amount for amount in amounts.values()):
            raise ValueError("every split is empty")
        return self


_PRESETS: dict[str, dict[str, Any]] = {
    "course-2024": {
        "deduplicate": [],
        "sample": {
            "slot_cap": 1200,
            "whole_from": 240,
            "category_weights": {"Automotive": 1.0},
            "other_weight": 5.0,
        },
        "splits": {"train": 400_000, "validation": 0, "test": 2_000},
    },
    "course-2025": {
        "deduplicate": ["title", "text"],
        "sample": {
            "size": 820_000,
            "price_power": 2.0,
            "category_weights": {"Tools_and_Home_Improvement": 0.5, "Automotive": 0.05},
        },
        "splits": {"train": 800_000, "validation": 10_000, "test": "rest"},
    },
}
"""What each preset fills in. Source: CRAFT.md, "The config"."""

_LITE_SPLITS: dict[str, dict[str, int]] = {
    "course-2024": {"train": 25_000, "validation": 0, "test": 2_000},
    "course-2025": {"train": 20_000, "validation": 1_000, "test": 1_000},
}
"""Rows of each split in the small form of a preset."""


class CraftConfig(Section, frozen=True):
    """Everything about a training set."""

    items: Annotated[PathName, Field(min_length=1)]
    """A finished output of `curate run`; a path, or an address such as s3://BUCKET/FOLDER."""
    output: Annotated[PathName, Field(min_length=1)] = "out/set"
    """The folder of the training set; a path, or an address."""
    preset: Literal["course-2024", "course-2025"] | None = None
    """Make the training set of a course, bit for bit; fills in everything below."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Another seed draws another sample and other splits."""
    deduplicate: Names = DUPLICATE_KINDS
    """Kinds of duplicates of which one item is kept: the same id, title or text, and nearly the same text."""
    near_threshold: Annotated[float, Field(ge=0.1, le=1)] = 0.8
    """Jaccard similarity from which two texts are nearly the same, from 0.1 to 1."""
    sample: SampleConfig = SampleConfig()
    """Which of the items that remain are drawn."""
    splits: SplitsConfig = SplitsConfig()
    """How the sample is divided: rows (whole numbers), shares (fractions), or `rest`."""
    lite: bool = False
    """Make the small form of a preset."""
    workers: int | Literal["all"] = "all"
    """How many cores work at once."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset, is_lite = given.get("preset"), given.get("lite") is True
        if preset is None and is_lite:
            raise ValueError("lite is the small form of a preset: name one, such as --set preset=course-2024")
        if not isinstance(preset, str) or preset not in _PRESETS:
            return given
        filled = copy.deepcopy(_PRESETS[preset])
        if is_lite:
            filled["splits"] = dict(_LITE_SPLITS[preset])
        _check_places(preset, given, filled)
        for section in ("sample", "splits"):
            if isinstance(given.get(section), dict):
                filled[section] |= given[section]
        return {**filled, **{key: value for key, value in given.items() if key not in ("sample", "splits")}} | {
            section: filled[section] if isinstance(given.get(section, {}), dict) else given[section]
            for section in ("sample", "splits")
        }

    @pydantic.model_validator(mode="after")
    def _rows(self) -> CraftConfig:
        shares = [name for name, amount in self.splits.amounts.items() if isinstance(amount, float)]
        if self.preset is not None and shares:
            raise ValueError(f"splits.{shares[0]}: {self.preset} divides by rows: give a whole number, or `rest`")
        return self

    @pydantic.field_validator("deduplicate")
    @classmethod
    def _kinds(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in DUPLICATE_KINDS:
                known = ", ".join(DUPLICATE_KINDS)
                raise ValueError(f"{name!r} is no kind of duplicate{nearest(name, DUPLICATE_KINDS)}; they are: {known}")
        if len(set(value)) < len(value):
            raise ValueError("a kind is named more than once")
        return value

    @pydantic.model_validator(mode="after")
    def _no_idle_bound(self) -> CraftConfig:
        if self.preset is None and self.sample.whole_from is not None and self.sample.slot_cap is None:
            raise ValueError(
                "sample.whole_from: slot_cap applies below this dollar, and there is none: give sample.slot_cap too, "
                "or leave whole_from out"
            )
        return self

    _workers = pydantic.field_validator("workers", mode="before")(check_workers)


def _check_places(preset: str, given: Mapping[str, Any], filled: Mapping[str, Any]) -> None:
    """Raises ValueError when a key is given that the preset's method has no place for, unless it changes nothing."""
    defaults = CraftConfig.model_fields
    if "near_threshold" in given and given["near_threshold"] != defaults["near_threshold"].default:
        raise ValueError(f"near_threshold: {preset} has no near duplicates")
    kinds = given.get("deduplicate", ())
    named = kinds if isinstance(kinds, list | tuple) else [kinds]
    unknown = [kind for kind in named if kind not in filled["deduplicate"]]
    if unknown and all(kind in DUPLICATE_KINDS for kind in unknown):
        has = f"only duplicates by {' and '.join(filled['deduplicate'])}" if filled["deduplicate"] else "no duplicates"
        raise ValueError(f"deduplicate: {preset} removes {has}, not by {' and '.join(unknown)}")
    sample = given.get("sample")
    is_undrawn = preset == "course-2024" and given.get("lite") is True
    for key, value in (sample if isinstance(sample, dict) else {}).items():
        field = SampleConfig.model_fields.get(key)
        if field is not None and key not in filled["sample"] and value != field.default:
            raise ValueError(f"sample.{key}: the method of {preset} has no place for it")
        if is_undrawn and field is not None and key in filled["sample"] and value != filled["sample"][key]:
            raise ValueError(f"sample.{key}: the small form of {preset} takes all items of Appliances, and draws none")


SECTIONS: dict[tuple[int | str, ...], type[Section]] = {
    (): CraftConfig,
    ("sample",): SampleConfig,
    ("splits",): SplitsConfig,
}
"""The sections of the config, by where they stand in it."""
