"""Which keys and files differ between two jobs, and how a message says so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from job.config.addresses import without_secrets
from job.output.records import Identity
from job.recipe.registry import current_name
from job.source.files import FileIdentity, Repository


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A key whose value differs. A value is None where the key is not set."""

    key: str
    """With dots between its sections, such as `recipe.max_price`."""
    a: Any
    b: Any

    def __str__(self) -> str:
        if self.key == "versions.code" and self.a and self.b:
            return f"the recipe's code (SHA-256 was {self.a}..., is {self.b}...)"
        return f"{self.key} was {shown(self.a)}, is {shown(self.b)}"


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """A source file that differs. A size is None where the file is not there."""

    name: str
    a: int | None
    """Size in bytes."""
    b: int | None
    """Size in bytes. It may be the same, with other bytes."""

    def __str__(self) -> str:
        if self.a is None:
            return f"{self.name} is new"
        if self.b is None:
            return f"{self.name} is gone"
        if self.a == self.b:
            return f"{self.name} has {self.b:,} bytes as before, but others"
        return f"{self.name} was {self.a:,} bytes, is {self.b:,}"


def shown(value: Any) -> str:
    """Writes a config's value for a message, as a config has it. None is `not set`."""
    if value is None:
        return "not set"
    if isinstance(value, bool | list | dict):
        return without_secrets(json.dumps(value, ensure_ascii=False))
    return without_secrets(str(value)) or "empty"


def changed_keys(a: Mapping[str, Any], b: Mapping[str, Any], section: str = "") -> Iterator[KeyChange]:
    """Yields the keys whose values differ, also those of sections in it.

    Args:
        a: keys with values; a value that is a mapping is a section.
        b: the same of the other job.
        section: what the keys are in, with a dot at its end.
    """
    for name in {**a, **b}:
        key, before, now = f"{section}{name}", a.get(name), b.get(name)
        if isinstance(before, Mapping) or isinstance(now, Mapping):
            inner = [value if isinstance(value, Mapping) else {} for value in (before, now)]
            yield from changed_keys(inner[0], inner[1], f"{key}.")
        elif before != now:
            yield KeyChange(key=key, a=before, b=now)


def _builtins(identity: Identity) -> dict[str, Any]:
    """Returns an identity as plain values, with the name that its recipe has today."""
    found = msgspec.to_builtins(identity)
    if isinstance(name := found["recipe"].get("name"), str):
        found["recipe"]["name"] = current_name(name)
    return found


def changed_settings(a: Identity, b: Identity) -> list[KeyChange]:
    """Returns what differs of the settings that decide a category's items: everything but its source."""
    left, right = [
        {name: value for name, value in _builtins(each).items() if name not in ("files", "repository")}
        for each in (a, b)
    ]
    return list(changed_keys(left, right))


def changed_repository(a: Identity, b: Identity) -> list[KeyChange]:
    """Returns what differs of the repository on the Hub that a category is read from: nothing, or one key."""
    if a.repository == b.repository:
        return []
    return [KeyChange(key="repository", a=_repository(a.repository), b=_repository(b.repository))]


def _repository(repository: Repository | None) -> str | None:
    return None if repository is None else f"{repository.dataset} at {repository.commit}"


def changed_files(a: Identity, b: Identity) -> list[FileChange]:
    """Returns the source files of a category that differ.

    The digest of a file on the Hub covers all of it, elsewhere only its ends. Where the one source is the Hub and the
    other is not, a file of the same size counts as the same.
    """
    is_comparable = (a.repository is None) == (b.repository is None)

    def known(file: FileIdentity) -> object:
        return (file.size_bytes, file.fingerprint) if is_comparable else file.size_bytes

    before = {file.name: file for file in a.files}
    found = [
        FileChange(name=file.name, a=before[file.name].size_bytes if file.name in before else None, b=file.size_bytes)
        for file in b.files
        if file.name not in before or known(before[file.name]) != known(file)
    ]
    gone = sorted(before.keys() - {file.name for file in b.files})
    return found + [FileChange(name=name, a=before[name].size_bytes, b=None) for name in gone]


def changes(before: Identity, now: Identity) -> list[str]:
    """Returns what differs between two identities of a category, in words."""
    everything = [*changed_repository(before, now), *changed_files(before, now), *changed_settings(before, now)]
    return [str(change) for change in everything]
