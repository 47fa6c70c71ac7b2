"""A category's files in a data set repository on the Hugging Face Hub, at one commit.

A revision is resolved once; the commit stands in the plan, and every later read is of that commit. Tokens are found by
huggingface_hub's own lookup where a request is made (HF_TOKEN, or `hf auth login`), and kept nowhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from job.errors import CurateError, UsageError
from job.source.fetch.cache import cached_commit, cached_files, remember_revision
from job.source.files import CategorySource, SourceFile
from job.source.find.layout import choose_files
from job.source.hub_file import HubFile, hub_failed, odd_token, offline

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""It becomes the name of a file in the cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A data set repository at one commit."""

    dataset: str
    """Such as `McAuley-Lab/Amazon-Reviews-2023`."""
    commit: str

    def file(self, name: str, size_bytes: int) -> HubFile:
        """Returns one of its files."""
        url = f"{_endpoint()}/datasets/{self.dataset}/resolve/{self.commit}/{quote(name)}"
        return HubFile(url=url, name=name, size_bytes=size_bytes)

    def source_file(self, name: str, size_bytes: int, fingerprint: str) -> SourceFile:
        """Returns one of its files as a category's."""
        return SourceFile(name=name, path=self.file(name, size_bytes), size_bytes=size_bytes, fingerprint=fingerprint)


def resolve(dataset: str, revision: str) -> Repository:
    """Finds out which commit a revision is.

    Args:
        dataset: the repository.
        revision: a branch, a tag or a commit.

    Returns:
        The repository at that commit. Where the Hub may not be asked, at the one that the cache remembers.

    Raises:
        UsageError: when there is no such repository or revision, or it is not open to this user.
        CurateError: when the Hub does not answer.
    """
    if _COMMIT.fullmatch(revision):
        return Repository(dataset=dataset, commit=revision)
    from huggingface_hub import constants

    if constants.is_offline_mode():
        commit = cached_commit(dataset, revision)
        if commit is None:
            raise offline(f"{dataset} at {revision}")
        return Repository(dataset=dataset, commit=commit)
    url = f"{_endpoint()}/api/datasets/{dataset}/revision/{quote(revision, safe='')}"
    answer, _ = _asked(url, f"{dataset} at {revision}")
    commit = answer.get("sha") if isinstance(answer, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise CurateError(
            f"{_endpoint()} does not answer as the Hub does\ncheck HF_ENDPOINT, and for a proxy on the way"
        )
    remember_revision(dataset, revision, commit)
    return Repository(dataset=dataset, commit=commit)


def find_categories(repository: Repository, wanted: Sequence[str]) -> list[CategorySource]:
    """Finds the files of categories in the repository's tree.

    Args:
        repository: where, at which commit.
        wanted: the categories' names; none for all that are there, by name.

    Returns:
        The categories with their files, in the order wanted.

    Raises:
        UsageError: see `choose_files`.
        CurateError: when the Hub does not answer; or may not be asked, and the cache has not what is needed.
    """
    from huggingface_hub import constants

    if constants.is_offline_mode():
        files = cached_files(repository.dataset, repository.commit)
        where = f"the cache of {repository.dataset}"
    else:
        files = dict(_tree(repository))
        where = repository.dataset
    try:
        chosen = choose_files(files, wanted, where, prefer_whole=True)
    except UsageError:
        if constants.is_offline_mode():
            raise offline(f"{repository.dataset}: {', '.join(wanted) or 'its tree'}") from None
        raise
    return [
        CategorySource(
            category=category.category,
            file_format=category.file_format,
            files=tuple(repository.source_file(name, *files[name]) for name in category.names),
            repository=(repository.dataset, repository.commit),
        )
        for category in chosen
    ]


def planned_category(category: str, determines: dict[str, Any]) -> CategorySource:
    """Makes a category of what its plan says of it: the files of a commit never change, so nobody has to be asked.

    Args:
        category: its name.
        determines: the plan's, of a category from the Hub.
    """
    dataset, commit = determines["repository"]
    repository = Repository(dataset=dataset, commit=commit)
    return CategorySource(
        category=category,
        file_format="parquet" if determines["files"][0][0].endswith(".parquet") else "jsonl",
        files=tuple(repository.source_file(*file) for file in determines["files"]),
        repository=(dataset, commit),
    )


def _tree(repository: Repository) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yields the name, size and hash of every file, page by page."""
    what = f"{repository.dataset} at {repository.commit[:8]}"
    url: str | None = f"{_endpoint()}/api/datasets/{repository.dataset}/tree/{repository.commit}?recursive=true"
    while url is not None:
        entries, url = _asked(url, what)
        if not isinstance(entries, list):
            raise _no_hub(what)
        try:
            files = [entry for entry in entries if entry["type"] == "file"]
            found = [(entry["path"], entry.get("lfs") or entry) for entry in files]
            if not all(_HASH.fullmatch(entry["oid"]) for _, entry in found):
                raise _no_hub(what)
            yield from [(name, (int(entry["size"]), entry["oid"])) for name, entry in found]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise _no_hub(what) from None


def _no_hub(what: str) -> CurateError:
    return CurateError(
        f"{what}: the answer is not the Hub's\ncheck HF_ENDPOINT, and for a proxy or login page on the way"
    )


def _asked(url: str, what: str) -> tuple[Any, str | None]:
    """Asks the Hub's API; returns the answer, and where it goes on."""
    import httpx2
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_backoff

    try:
        response = http_backoff("GET", url, headers=build_hf_headers(), timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)
        hf_raise_for_status(response)
        return response.json(), response.links.get("next", {}).get("url")
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise UsageError(str(hub_failed(error, what))) from None
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise hub_failed(error, what) from None
    except httpx2.InvalidURL as error:
        raise UsageError(f"HF_ENDPOINT is no address of a Hub: {_endpoint()}: {error}") from None
    except UnicodeEncodeError:
        raise odd_token() from None
    except ValueError:
        raise _no_hub(what) from None


def _endpoint() -> str:
    address = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not address.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT is no address of a Hub: {address}\nit begins with https://; or unset it")
    return address
