"""What a job can be told: every key of a config, its type, its default and what it means.

The docstrings below a key are what `curate config` prints beside it.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny

from job.config.addresses import check_no_hub_page, located, without_secrets
from job.config.columns import KEEPABLE_COLUMNS
from job.config.names import check_category
from job.errors import nearest
from job.recipe.inputs import kind_of
from job.recipe.protocol import RecipeSettings
from job.recipe.registry import DEFAULT, settings_type


def _check_path(path: str) -> str:
    """Returns a path or an address. Raises ValueError when it is neither, is not UTF-8, or names an unknown user."""
    try:
        path.encode()
        located(path)
    except UnicodeEncodeError:
        raise ValueError("its name is not UTF-8: rename it, or make a link to it") from None
    except RuntimeError:
        if path.partition("/")[0] == "~":
            raise ValueError(
                "~ is the home folder, and this user has none: write the whole path, or export HOME=/FOLDER"
            ) from None
        raise ValueError("there is no such user; for a name that begins with ~, write ./~") from None
    return path


def _check_source(path: object) -> object:
    """Returns a path or an address. Raises ValueError when it is a page of the Hub."""
    if isinstance(path, str):
        check_no_hub_page(path)
    return path


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
PathName = Annotated[str, AfterValidator(_check_path)]
_SourceName = Annotated[PathName, BeforeValidator(_check_source)]


class Section(BaseModel, frozen=True):
    """Keys of a config that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def check_workers(value: object) -> object:
    """Returns a number of workers. Raises ValueError when it is none."""
    if value != "all" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ValueError("must be a whole number from 1 up, or `all` for every core")
    return value


class SourceConfig(Section, frozen=True):
    """Where the rows come from: a data set on the Hub, or a folder."""

    dataset: str | None = None
    """A data set repository on the Hugging Face Hub."""
    revision: str | None = None
    """Its branch, tag or commit; null means `main`."""
    path: _SourceName | None = None
    """A folder in the Hub's layout, or with the files flat in it; a path, or an address such as s3://BUCKET/FOLDER."""
    stream: bool | None = None
    """Read the Hub's files in place, piece by piece, and store nothing. Null: do so with a limit or on a Ray cluster,
    and otherwise download them into the Hugging Face cache."""
    max_hub_readers: Annotated[int, Field(ge=1)] = 32
    """How many workers may read from the Hub at once when streaming. A download has as many connections, but at most
    8."""

    load_dataset: dict[str, Any] | None = None
    """Arguments of `datasets.load_dataset`: reads any data set that it can open, as one category."""
    fields: dict[str, str] = {}
    """Which column is which input of the recipe, where the names differ: {title: name, price: cost}."""

    @property
    def hub_dataset(self) -> str:
        """The data set repository to read where no path is given."""
        return self.dataset or "McAuley-Lab/Amazon-Reviews-2023"

    @property
    def hub_revision(self) -> str:
        """Its branch, tag or commit."""
        return self.revision or "main"

    @pydantic.model_validator(mode="after")
    def _one_place(self) -> SourceConfig:
        on_hub = self.dataset is not None or self.revision is not None
        if on_hub + (self.path is not None) + (self.load_dataset is not None) > 1:
            raise ValueError("give one of these: path, dataset with revision, load_dataset")
        if self.load_dataset is not None and not isinstance(self.load_dataset.get("path"), str):
            raise ValueError(
                "load_dataset needs a path, as `datasets.load_dataset` does: {path: OWNER/NAME, split: train}"
            )
        given = self.load_dataset or {}
        names = ("name", "data_dir", "split", "revision")
        if bare := [name for name in names if isinstance(given.get(name), bool | int | float | date)]:
            raise ValueError(f"load_dataset: {bare[0]} is {given[bare[0]]}, not text: write it in quotes")
        if given.get("trust_remote_code"):
            raise ValueError("load_dataset: trust_remote_code is not on offer: code of a data set is never run")
        if given.get("token") not in (None, True, False):  # the config stands in plan.json
            raise ValueError("load_dataset: write no token down: hf auth login (or set HF_TOKEN)")
        for name in ("storage_options", "download_config", "use_auth_token"):
            if name in given:
                raise ValueError(f"load_dataset: {name} may hold keys, which are never written down: leave it out")
        if without_secrets(text := repr(given)) != text:
            raise ValueError(
                f"load_dataset: an address with keys in it is never written down: {without_secrets(text)}\n"
                "fetch the file yourself, and read it from a folder"
            )
        if self.dataset is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.dataset):
            raise ValueError(f"dataset {self.dataset!r}: write it as OWNER/NAME, as the Hub does")
        if self.revision is not None and (".." in self.revision or self.revision.startswith("/")):
            raise ValueError(f"revision {self.revision!r}: no branch, tag or commit is called so")
        if self.path == "":
            raise ValueError("path is empty")
        return self


class JobConfig(Section, frozen=True):
    """A whole job."""

    source: SourceConfig = SourceConfig()
    """Where the rows come from."""
    categories: Names = ()
    """Which categories, in this order; without any, all that the folder has."""
    recipe: SerializeAsAny[RecipeSettings] = Field(default_factory=lambda: settings_type(DEFAULT).model_validate({}))
    """What makes a row an item."""
    keep_columns: Names = ()
    """Source columns to carry along with each item."""
    max_malformed: int | float = 0.001
    """How many malformed rows are tolerated: a whole number is a count, a fraction is a share of each category, but
    never fewer than 10 rows, unless these are more than half of it."""
    max_row_bytes: Annotated[int, Field(ge=1)] = 64 * 2**20
    """A row with more bytes is malformed."""
    skip_damaged_files: bool = False
    """Leave out what cannot be read of damaged source files; the manifest names it."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Read only this many rows of each category, from the first; blank lines do not count."""
    published_items: dict[str, int] = {}
    """How many items others have published for a category, to compare a full run with."""
    output: Annotated[PathName, Field(min_length=1)] = "out/items"
    """The output folder; a path, or an address such as s3://BUCKET/FOLDER."""
    workers: int | Literal["all"] = "all"
    """How many cores work at once."""
    batch_size: Annotated[int, Field(ge=1)] = 1000
    """Rows in a batch; changes the speed, never the output."""

    @pydantic.field_validator("recipe", mode="before")
    @classmethod
    def _recipe(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return settings_type(value.get("name", DEFAULT)).model_validate(value)

    @pydantic.model_validator(mode="after")
    def _no_clash(self) -> JobConfig:
        if self.keep_columns:
            recipe = self.recipe.recipe_type()
            read_as = {field.name: kind_of(field) for field in recipe.inputs}
            for name in self.keep_columns:
                if name in recipe.item_schema.names:
                    raise ValueError(f"keep_columns: the recipe makes an item column {name!r} itself")
                if read_as.get(name, KEEPABLE_COLUMNS[name]) != KEEPABLE_COLUMNS[name]:
                    raise ValueError(f"keep_columns: the recipe reads {name!r} in another way, as {read_as[name]}")
        return self

    @pydantic.model_validator(mode="after")
    def _fields(self) -> JobConfig:
        if self.source.fields:
            inputs = self.recipe.recipe_type().inputs.names
            for name in self.source.fields:
                if name not in inputs:
                    hint = f"{nearest(name, inputs)}; they are: {', '.join(inputs)}"
                    raise ValueError(f"source.fields: {name!r} is no input of the recipe{hint}")
        return self

    @pydantic.field_validator("max_malformed", mode="before")
    @classmethod
    def _budget(cls, value: object) -> object:
        if isinstance(value, str):  # YAML takes 1e-3 for text
            with contextlib.suppress(ValueError):
                value = float(value)
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        is_share = isinstance(value, float) and 0 <= value <= 1
        if not is_count and not is_share:
            raise ValueError("must be a whole number (a count), or a fraction from 0 to 1 (a share of the rows)")
        return value

    _workers = pydantic.field_validator("workers", mode="before")(check_workers)

    @pydantic.field_validator("categories")
    @classmethod
    def _categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        value = tuple(check_category(name) for name in value)
        if twice := sorted({name for name in value if value.count(name) > 1}):
            raise ValueError(f"named more than once: {', '.join(twice)}")
        return value

    @pydantic.field_validator("keep_columns")
    @classmethod
    def _keepable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in KEEPABLE_COLUMNS:
                raise ValueError(
                    f"{name!r} cannot be carried along{nearest(name, KEEPABLE_COLUMNS)}; "
                    f"these can: {', '.join(KEEPABLE_COLUMNS)}"
                )
        if len(set(value)) < len(value):
            raise ValueError("a column is named more than once")
        return value
