"""What categories a source has: in which format, how big, and how much of them is in the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from job.config.addresses import located
from job.config.models import JobConfig
from job.errors import CurateError, UsageError, printable
from job.source.fetch.cache import cached_commit, missing_bytes
from job.source.fetch.entries import cache_folder
from job.source.files import CategorySource, Repository
from job.source.find import bucket, folder, hub
from job.source.find.amazon_2023 import CATEGORIES, DATASET
from job.source.find.layout import FileFormat
from job.source.find.passed_over import PassedOver
from job.source.hub_waits import hub_waits_said
from job.source.read.rows import RowLayout

_RETRIES = 1
"""Number of times that the Hub is asked again, after 1 s. Without a network, a listing need not take half a minute."""


class Category(msgspec.Struct, frozen=True, kw_only=True, rename={"file_format": "form"}):
    """A category of a source. All but the name is None where only that is known."""

    name: str
    file_format: FileFormat | None = None
    """The format that is read, where it is there in both."""
    files: int | None = None
    size_bytes: int | None = None
    """Bytes of the files that are read, packed or not."""
    cached_bytes: int | None = None
    """How many of these are in the Hugging Face cache; None for files that are not on the Hub."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The categories of a source."""

    source: str
    """Path, address, or data set with its revision."""
    commit: str | None
    """Commit of a data set on the Hub; None elsewhere, and where nobody knows it."""
    offline: str | None
    """Why the Hub could not be asked; None where it was."""
    categories: list[Category]
    several: list[str]
    """Names of those that are there more than once, such as in both formats."""
    not_read: list[str]
    """What the source has that is not read."""


def list_categories(config: JobConfig, passed_over: PassedOver) -> Listing:
    """Lists the categories of a source.

    Args:
        config: the job; only its source and the categories wanted count.
        passed_over: is told what is not read.

    Returns:
        The categories; without a network, as far as they are known.

    Raises:
        UsageError: when there is no such source, or its files do not fit together.
        CurateError: when the Hub does not answer and nothing is known of the data set.
    """
    if config.source.load_dataset is not None:
        raise UsageError("what load_dataset reads is one category, which --category names")
    layout = RowLayout.of(config)
    columns = {layout.source_name(name) for name in layout.inputs.names}
    if config.source.path is None:
        return _on_hub(config, columns, passed_over)
    root = located(config.source.path)
    if isinstance(root, Path):
        found = folder.find_categories(root, config.categories, columns, passed_over)
    else:
        found = bucket.find_categories(root, config.categories, columns, passed_over)
    return Listing(
        source=str(root),
        commit=None,
        offline=None,
        categories=[_category(source) for source in found],
        several=list(passed_over.twice),
        not_read=passed_over.names,
    )


def _on_hub(config: JobConfig, columns: set[str], passed_over: PassedOver) -> Listing:
    from huggingface_hub import constants

    dataset, revision, wanted = config.source.hub_dataset, config.source.hub_revision, config.categories
    offline = "HF_HUB_OFFLINE is set" if constants.is_offline_mode() else None
    commit: str | None = None
    categories: list[Category] = []
    if offline is None:
        try:
            with hub_waits_said(lambda _: None):  # there are few, and what they lead to is said
                repository = hub.resolve(dataset, revision, max_retries=_RETRIES)
                found = hub.find_categories(repository, wanted, columns if wanted else (), passed_over)
            commit, categories = repository.commit, [_category(source) for source in found]
        except UsageError:
            raise
        except CurateError as error:
            offline = str(error).splitlines()[0]
    if offline is not None:
        commit = cached_commit(dataset, revision)
        categories = _cached(dataset, commit, wanted)
        if not categories:
            raise CurateError(
                f"nothing is known of {dataset}: {offline}\nin the cache is nothing of it; run the same command again "
                "with a network"
            )
    return Listing(
        source=f"{dataset} at {revision}",
        commit=commit,
        offline=offline,
        categories=categories,
        several=list(passed_over.twice),
        not_read=passed_over.names,
    )


def _cached(dataset: str, commit: str | None, wanted: Sequence[str]) -> list[Category]:
    """Returns what is known without the Hub: categories in the cache, and the names of those of the usual data set."""
    found: dict[str, Category] = {}
    if commit is not None:
        sources = hub.cached_categories(Repository(dataset, commit), CATEGORIES if dataset == DATASET else ())
        found = {source.category: _category(source) for source in sources}
    names = sorted({*found, *(CATEGORIES if dataset == DATASET else ())})
    return [found.get(name, Category(name=name)) for name in wanted or names if name in names]


def _category(source: CategorySource) -> Category:
    cached = None if source.repository is None else source.size_bytes - missing_bytes(source)
    return Category(
        name=source.category,
        file_format=source.file_format,
        files=len(source.files),
        size_bytes=source.size_bytes,
        cached_bytes=cached,
    )


def listing_json(listing: Listing) -> dict[str, Any]:
    """Returns a listing for a program to read: categories by name."""
    found = {each.name: {**msgspec.to_builtins(each), "name": ...} for each in listing.categories}
    for each in found.values():
        del each["name"]
    return {**msgspec.to_builtins(listing), "categories": found}


def listing_lines(listing: Listing) -> Iterator[str]:
    """Yields a listing as text: a table, and its sums."""
    categories, is_hub = listing.categories, any(each.cached_bytes is not None for each in listing.categories)
    if listing.offline is not None:
        yield f"the Hub was not asked: {listing.offline}"
        yield "names are those known to this program, and sizes those of what is in the cache"
    is_hub = is_hub or listing.offline is not None
    names = [printable(each.name) for each in categories]
    width = max(map(len, ("category", *names)))
    yield f"{'category':<{width}}  {'format':<7}  {'files':>5}  {'size':>10}" + ("  in the cache" if is_hub else "")
    for name, each in zip(names, categories, strict=True):
        files = "?" if each.files is None else f"{each.files:,}"
        size = "?" if each.size_bytes is None else _size(each.size_bytes)
        line = f"{name:<{width}}  {each.file_format or '?':<7}  {files:>5}  {size:>10}"
        yield f"{line}  {_share(each)}".rstrip() if is_hub else line
    yield _sums(listing, is_hub=is_hub)


def _sums(listing: Listing, *, is_hub: bool) -> str:
    known = [each for each in listing.categories if each.size_bytes is not None]
    count = len(listing.categories)
    parts = [f"{count:,} {'category' if count == 1 else 'categories'} in {listing.source}"]
    if listing.offline is None:
        parts.append(_size(sum(each.size_bytes or 0 for each in known)))
        parts.append(f"{sum(each.file_format == 'parquet' for each in known):,} in Parquet")
        if listing.several:
            parts.append(f"{len(listing.several):,} in another form too, which is not read")
    if is_hub:
        cached = sum(each.cached_bytes or 0 for each in known)
        parts.append(f"{_size(cached)} in the cache, {cache_folder()}")
    return "; ".join(map(printable, parts))


def _share(category: Category) -> str:
    """Returns how much of a category is in the cache."""
    if not category.cached_bytes or not category.size_bytes:
        return "no"
    return (
        "all" if category.cached_bytes == category.size_bytes else f"{category.cached_bytes / category.size_bytes:.0%}"
    )


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:,.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:,.1f} MB"
