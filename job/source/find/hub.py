"""Finds a category's files in a data set repository on the Hugging Face Hub, at one commit.

A revision is resolved once. The commit is stored in the plan, and all later reads are of that commit. huggingface_hub
looks up the token (HF_TOKEN, or `hf auth login`) for each request; it is stored nowhere.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from job.errors import CurateError, UsageError
from job.source.fetch.cache import cached_commit, cached_file, cached_files, remember_revision
from job.source.fetch.first_bytes import has_row
from job.source.files import CategorySource, FileIdentity, Repository, SourceFile
from job.source.find.assign import name_of_source
from job.source.find.layout import CategoryFiles, choose_files
from job.source.find.passed_over import PassedOver
from job.source.find.shard_names import parse_name
from job.source.hub_errors import hub_error, invalid_token, not_cached, request_headers
from job.source.hub_file import HubFile
from job.source.location import FileLocation

_MAX_RETRIES = 5
"""Number of retries of a request, which take 23 s in all if nobody answers; the client's own default."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""Form of a file's hash, which becomes the name of a file in the cache."""


def resolve(dataset: str, revision: str, max_retries: int = _MAX_RETRIES) -> Repository:
    """Finds the commit that a revision is.

    Args:
        dataset: the name of the repository.
        revision: a branch, a tag or a commit.
        max_retries: how often to ask again when the Hub does not answer.

    Returns:
        The repository at that commit. While HF_HUB_OFFLINE is set, at the commit that the cache remembers.

    Raises:
        UsageError: if the repository or revision does not exist, or this user has no access to it.
        CurateError: if the Hub does not answer.
    """
    if _COMMIT.fullmatch(revision):
        return Repository(dataset, revision)
    from huggingface_hub import constants

    if constants.is_offline_mode():
        commit = cached_commit(dataset, revision)
        if commit is None:
            raise not_cached(f"{dataset} at {revision}")
        return Repository(dataset, commit)
    url = f"{_endpoint()}/api/datasets/{dataset}/revision/{quote(revision, safe='')}"
    answer, _ = _request(url, f"{dataset} at {revision}", max_retries)
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise CurateError(
            f"{_endpoint()} does not answer as the Hub does\ncheck HF_ENDPOINT, and whether a proxy is in between"
        )
    remember_revision(dataset, revision, commit)
    return Repository(dataset, commit)


def find_categories(
    repository: Repository,
    wanted: Sequence[str],
    columns: Collection[str] = (),
    passed_over: PassedOver | None = None,
) -> list[CategorySource]:
    """Finds the files of categories in a repository.

    Args:
        repository: the repository at one commit.
        wanted: the names of the categories; if empty, all that are there, sorted by name.
        columns: the names of the columns that are read; a `.json` file needs one of them on its first line. None is
            looked into where no category is named.
        passed_over: is told what is not read.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: see `choose_files`.
        CurateError: if the Hub does not answer, or HF_HUB_OFFLINE is set and the cache lacks what is needed.
    """
    from huggingface_hub import constants

    is_offline = constants.is_offline_mode()
    listing = cached_files(repository) if is_offline else _list_files(repository)
    files = {file.name: file for file in listing}
    where = f"the cache of {repository.dataset}" if is_offline else repository.dataset
    try:
        chosen = choose_files(
            files,
            wanted,
            where,
            source_name=name_of_source([repository.dataset.rpartition("/")[2]]),
            prefer_whole=True,
            has_rows=lambda name: bool(wanted) and has_row(_nearest(repository, files[name]), columns),
            passed_over=passed_over,
        )
    except UsageError:
        if is_offline:
            raise not_cached(f"{repository.dataset}: {', '.join(wanted) or 'its list of files'}") from None
        raise
    if is_offline and passed_over is not None:
        passed_over.notes += [
            f"{category.category}: offline nobody can tell whether it has more shards than {category.names[-1]}"
            for category in chosen
            if (last := parse_name(category.names[-1])) and last.shards and last.shards.count is None
        ]
    return [_category_source(repository, category, files) for category in chosen]


def cached_categories(repository: Repository, names: Sequence[str]) -> list[CategorySource]:
    """Returns the categories whose files are in the cache. No request is made.

    Args:
        repository: the repository at one commit.
        names: the categories to look for, each by itself, since others may be incomplete; if empty, all that are there.
    """
    files = {file.name: file for file in cached_files(repository)}
    found: list[CategoryFiles] = []
    for wanted in [[name] for name in names] or [[]]:
        with contextlib.suppress(UsageError):
            found += choose_files(files, wanted, repository.dataset, prefer_whole=True)
    return [_category_source(repository, category, files) for category in found]


def planned_category(category: str, repository: Repository, files: Sequence[FileIdentity]) -> CategorySource:
    """Returns a category as its plan describes it. The files of a commit never change, so no request is needed.

    Args:
        category: its name.
        repository: the repository at the plan's commit.
        files: the plan's files, at least one.
    """
    return CategorySource(
        category=category,
        file_format="parquet" if files[0].name.lower().endswith(".parquet") else "jsonl",
        files=tuple(_source_file(repository, file) for file in files),
        repository=repository,
    )


def published_files(repository: Repository) -> list[SourceFile]:
    """Lists every file of a repository, to be read in place.

    Args:
        repository: the repository at one commit.

    Raises:
        CurateError: if the Hub does not answer.
    """
    return [_source_file(repository, file) for file in _list_files(repository)]


def _category_source(
    repository: Repository, category: CategoryFiles, files: Mapping[str, FileIdentity]
) -> CategorySource:
    return CategorySource(
        category=category.category,
        file_format=category.file_format,
        files=tuple(_source_file(repository, files[name]) for name in category.names),
        repository=repository,
    )


def _nearest(repository: Repository, file: FileIdentity) -> FileLocation:
    found = _source_file(repository, file)
    return cached_file(repository, found) or found.location


def _source_file(repository: Repository, file: FileIdentity) -> SourceFile:
    url = f"{_endpoint()}/datasets/{repository.dataset}/resolve/{repository.commit}/{quote(file.name)}"
    return SourceFile(
        name=file.name,
        location=HubFile(url=url, name=file.name, size_bytes=file.size_bytes, content_hash=file.fingerprint),
        size_bytes=file.size_bytes,
        fingerprint=file.fingerprint,
    )


def _list_files(repository: Repository) -> Iterator[FileIdentity]:
    """Yields every file of a repository, requested page by page."""
    what = f"{repository.dataset} at {repository.commit[:8]}"
    url: str | None = f"{_endpoint()}/api/datasets/{repository.dataset}/tree/{repository.commit}?recursive=true"
    while url is not None:
        entries, url = _request(url, what)
        if not isinstance(entries, list):
            raise _not_the_hub(what)
        try:
            files = [entry for entry in entries if entry["type"] == "file"]
            found = [(entry["path"], entry.get("lfs") or entry) for entry in files]
            if not all(_HASH.fullmatch(entry["oid"]) for _, entry in found):
                raise _not_the_hub(what)
            yield from [FileIdentity(name, int(entry["size"]), entry["oid"]) for name, entry in found]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _not_the_hub(what) from None


def _not_the_hub(what: str) -> CurateError:
    return CurateError(
        f"{what}: the answer is not the Hub's\ncheck HF_ENDPOINT, and whether a proxy or a login page is in between"
    )


def _request(url: str, what: str, max_retries: int = _MAX_RETRIES) -> tuple[Any, str | None]:
    """Sends a request to the Hub's API. Returns the answer, and the address of the next page if there is one."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import hf_raise_for_status, http_backoff

    try:
        response = http_backoff(
            "GET",
            url,
            headers=request_headers(),
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            max_retries=max_retries,
        )
        hf_raise_for_status(response)
        return response.json(), response.links.get("next", {}).get("url")
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UsageError(str(hub_error(error, what))) from None
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise hub_error(error, what) from None
    except httpx2.InvalidURL as error:
        raise UsageError(f"HF_ENDPOINT is not the address of a Hub: {_endpoint()}: {error}") from None
    except UnicodeEncodeError:
        raise invalid_token() from None
    except ValueError:
        raise _not_the_hub(what) from None


def _endpoint() -> str:
    address = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not address.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT is not the address of a Hub: {address}\nit begins with https://; or unset it")
    return address
