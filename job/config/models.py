"""What the job should do: a YAML file and overrides become one checked `JobConfig`.

The same keys work in YAML, in `--set KEY=VALUE` and from Python.
"""

from __future__ import annotations

import contextlib
import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from job.config.addresses import located, without_secrets
from job.config.names import check_category
from job.errors import nearest

INPUTS = ("title", "price", "description", "features", "details", "parent_asin")
"""What the recipe reads of a row."""


def _check_path(path: str) -> str:
    """Raises ValueError when a path or an address is none, cannot be written down, or has a user who is not there."""
    try:
        path.encode()
        located(path)
    except UnicodeEncodeError:
        raise ValueError("its name is not UTF-8: rename it, or make a link to it") from None
    except RuntimeError:
        raise ValueError("there is no such user; for a name that begins with ~, write ./~") from None
    return path


def _as_tuple(value: object) -> object:
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


_Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]
_PathName = Annotated[str, AfterValidator(_check_path)]


class _Section(BaseModel, frozen=True):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class SourceConfig(_Section, frozen=True):
    """Where the rows come from: a data set on the Hub, or a folder."""

    dataset: str | None = None
    """A data set repository on the Hugging Face Hub."""
    revision: str | None = None
    """Its branch, tag or commit; `main` unless told."""
    path: _PathName | None = None
    """A folder in the Hub's layout, or with the files flat in it; a path, or an address such as s3://BUCKET/FOLDER."""
    stream: bool | None = None
    """Read the Hub's files where they are, piece by piece, and store nothing; null: only with a limit or on a Ray
    cluster, and else fetch them into the Hugging Face cache first."""
    max_hub_readers: Annotated[int, Field(ge=1)] = 32
    """How many tasks may read from the Hub at once when streaming."""

    load_dataset: dict[str, Any] | None = None
    """Arguments of `datasets.load_dataset`: any data set that it opens, made one category."""
    fields: dict[str, str] = {}
    """Which column is which input of the recipe, where they have other names: {title: name, price: cost}."""

    @property
    def hub_dataset(self) -> str:
        """The data set repository, where no path is given."""
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
        for name in self.fields:
            if name not in INPUTS:
                raise ValueError(f"fields: {name!r} is no input{nearest(name, INPUTS)}; they are: {', '.join(INPUTS)}")
        if self.dataset is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.dataset):
            raise ValueError(f"dataset {self.dataset!r}: write it as OWNER/NAME, as the Hub does")
        if self.revision is not None and (".." in self.revision or self.revision.startswith("/")):
            raise ValueError(f"revision {self.revision!r}: no branch, tag or commit is called so")
        if self.path == "":
            raise ValueError("path is empty")
        return self


class RecipeConfig(_Section, frozen=True):
    """What makes a row an item."""

    name: Literal["price-prompt"] = "price-prompt"
    """The recipe."""
    min_price: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    """The lowest price kept, in dollars, included."""
    max_price: Annotated[float, Field(allow_inf_nan=False)] = 999.49
    """The highest price kept, in dollars, included."""
    min_chars: Annotated[int, Field(ge=0)] = 300
    """The contents must have more characters than this."""
    min_tokens: Annotated[int, Field(ge=0)] = 150
    """The text must have more tokens than this."""
    max_tokens: Annotated[int, Field(ge=1)] = 160
    """The text is cut after this many tokens."""
    tokenizer: Literal["llama3"] = "llama3"
    """Whose tokens are counted."""

    @pydantic.model_validator(mode="after")
    def _range(self) -> RecipeConfig:
        if self.min_price > self.max_price:
            raise ValueError(f"min_price {self.min_price} is above max_price {self.max_price}: nothing would be kept")
        return self


KEEPABLE_COLUMNS = (
    "main_category",
    "store",
    "average_rating",
    "rating_number",
    "features",
    "description",
    "categories",
    "details",
)
"""The source columns that can be carried along: those that mean the same in both of the Hub's forms."""


class JobConfig(_Section, frozen=True):
    """A whole job."""

    source: SourceConfig = SourceConfig()
    """Where the rows come from."""
    categories: _Names = ()
    """Which categories, in this order; without any, all that a folder has."""
    recipe: RecipeConfig = RecipeConfig()
    """What makes a row an item."""
    keep_columns: _Names = ()
    """Source columns to carry along with each item."""
    max_malformed: int | float = 0.001
    """How many malformed rows are put up with: a whole number is a count, a fraction a share of each
    category, but never less than 10 rows."""
    max_row_bytes: Annotated[int, Field(ge=1)] = 64 * 2**20
    """A longer row is malformed."""
    skip_damaged_files: bool = False
    """Go on without what cannot be read of damaged source files; the manifest names it."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many rows of each category, blank lines apart."""
    published_items: dict[str, int] = {}
    """How many items somebody else has published for a category, to compare a full run with."""
    output: Annotated[_PathName, Field(min_length=1)] = "out/items"
    """The output folder; a path, or an address such as s3://BUCKET/FOLDER."""
    workers: int | Literal["all"] = "all"
    """How many cores work at once."""
    batch_size: Annotated[int, Field(ge=1)] = 1000
    """Rows in one batch; changes the speed, never the output."""

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

    @pydantic.field_validator("workers", mode="before")
    @classmethod
    def _workers(cls, value: object) -> object:
        if value != "all" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ValueError("must be a whole number from 1 up, or `all` for every core")
        return value

    @pydantic.field_validator("categories")
    @classmethod
    def _categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            check_category(name)
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
