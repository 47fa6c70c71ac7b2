"""Which files of an output are published, and what a published manifest says there is.

A manifest is read here as the tree that it is in JSON, whatever kind of output it is of: wherever an object in it has a
`path` and a `sha256`, that is a file of rows. So one function says it for every kind of output. Text that a person or a
machine wrote while the job ran, such as why a part of a source file could not be read, may name paths of this machine;
in the published manifest it is said in other words.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from job.config.addresses import is_address
from job.errors import CurateError, UsageError, quoted
from job.output.card import card
from job.output.folder import CARD, MANIFEST, OutputFolder
from job.output.full_card import cards
from job.output.records import Damage, Plan
from job.output.sealed import intact, sealed, unsealed
from job.output.totals import Manifest
from job.recipe.registry import UNDESCRIBED

REPORTS = ("report.html", "report.json")
"""Names of the files of a report, each of which an output may have."""
REMOVED = "_removed/"
"""Folder of rows that are in no split of a training set; published only where somebody asks for it."""
_PUBLISHED_FOLDERS = ("data/", REMOVED)
TEXTS = (MANIFEST, CARD, *REPORTS)
"""Names of the published files that hold no rows."""
OF_THE_HUB = ".gitattributes"
"""Name of the file that the Hub itself puts into each repository."""
_CARD_SEAL = re.compile(rb"\n<!-- sha256 ([0-9a-f]{64}) -->\n")
"""Last line of a published card, which no page shows: by it a later push tells whether somebody edited the card."""


@dataclass(frozen=True, slots=True)
class RowsFile:
    """A file of rows, as a manifest names it."""

    name: str
    size_bytes: int
    sha256: str
    num_rows: int | None
    """None where the manifest does not say it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is to be published of an output."""

    texts: Mapping[str, bytes]
    """Content of the manifest, the card and the report, by name."""
    rows: tuple[RowsFile, ...]

    @property
    def names(self) -> set[str]:
        """Names of all files."""
        return {*self.texts, *(file.name for file in self.rows)}


def rows_files(content: bytes) -> list[RowsFile]:
    """Reads from a manifest which files of rows there are.

    Args:
        content: bytes of a manifest of any kind of output.

    Returns:
        The files, in the order of their names.

    Raises:
        ValueError: when it is no manifest of this program, or a byte of it has changed.
    """
    found = {file.name: file for file in _rows_files(unsealed(content, dict[str, Any]))}
    return [found[name] for name in sorted(found)]


def _rows_files(value: Any) -> Iterator[RowsFile]:
    match value:
        case {"path": str(path), "sha256": str(sha256), "size_bytes": int(size)}:
            if not path.startswith(_PUBLISHED_FOLDERS) or ".." in path.split("/"):
                raise ValueError(f"it names a file that no output has: {path!a}")
            yield RowsFile(path, size, sha256, value.get("num_items", value.get("num_rows")))
        case dict():
            for inner in value.values():
                yield from _rows_files(inner)
        case list():
            for inner in value:
                yield from _rows_files(inner)
        case _:
            pass


def contents(output: OutputFolder, config: Mapping[str, Any], *, with_removed: bool) -> Contents:
    """Decides which files of a complete output are published.

    Args:
        output: the output folder.
        config: the config that its plan has; no path in it may be published.
        with_removed: publish the rows that are in no split, too.

    Returns:
        The files. None of the texts has a path of this machine.

    Raises:
        UsageError: when a text has one that cannot be said in other words.
        CurateError: when a file cannot be read.
    """
    read = {name: output.store.read(name) for name in TEXTS}
    texts = {name: content for name, content in read.items() if content is not None}
    try:
        rows = rows_files(texts.get(MANIFEST, b""))
    except ValueError as error:
        raise CurateError(
            f"{output.where(MANIFEST)}: {error}\nnothing was sent; to see what is wrong: "
            f"curate verify {quoted(output.root)}"
        ) from None
    manifest = intact(texts[MANIFEST], Manifest)
    if manifest is not None and manifest.damaged:
        manifest = _without_causes(manifest)
        texts[MANIFEST] = sealed(manifest)
        plan = output.any_plan()
        texts[CARD] = cards(plan, manifest)[0] if isinstance(plan, Plan) else _older_cards(manifest)[0]
    if CARD in texts and not is_own_card(texts[CARD], texts[MANIFEST]):
        texts[CARD] = _with_seal(texts[CARD])
    _check_no_path(output, config, texts)
    wanted = tuple(file for file in rows if with_removed or not file.name.startswith(REMOVED))
    return Contents(texts, wanted)


def _without_causes(manifest: Manifest) -> Manifest:
    """Returns a manifest that says which parts of source files are left out, and no longer in which words."""
    categories = {
        name: msgspec.structs.replace(totals, damaged=[_plainly(each) for each in totals.damaged])
        for name, totals in manifest.categories.items()
    }
    return msgspec.structs.replace(manifest, categories=categories)


def _plainly(damage: Damage) -> Damage:
    where = "" if damage.start is None else f", between {damage.start:,} and {damage.end or damage.start:,}"
    how = "cut off" if damage.cut_off is True else "damaged"
    return msgspec.structs.replace(damage, cause=f"{how}: {damage.file}{where}")


def _check_no_path(output: OutputFolder, config: Mapping[str, Any], texts: Mapping[str, bytes]) -> None:
    """Raises UsageError when a text names the output, what it was made from, or the home folder of this machine."""
    given = [str(output.root), os.environ.get("HOME", ""), *_strings(config)]
    paths = {path.rstrip("/") for path in given if is_address(path) or Path(path).is_absolute()} - {""}
    for path in sorted(paths):
        found = re.compile(rb"(?<![\w./:-])" + re.escape(path.encode()) + rb"(?![\w.-])")
        if names := [name for name, content in texts.items() if found.search(content)]:
            raise UsageError(
                f"{output.where(names[0])} names a path of this machine: {path}\n"
                "nothing was sent, since everybody could read it; make the output anew without it"
            )


def _strings(value: Any) -> Iterator[str]:
    """Yields all texts in a config."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _strings(inner)
        case list():
            for inner in value:
                yield from _strings(inner)
        case _:
            pass


def is_own_card(content: bytes, manifest: bytes) -> bool:
    """Tells whether a published card is as a push sent it: it has its seal, or follows from the manifest alone.

    Only the cards of earlier programs do so. Today's names what stands in the plan, which is not published, and the
    card of a training set may be written in other words by a later program.

    Args:
        content: bytes of the card.
        manifest: bytes of the manifest beside it.
    """
    seal = _CARD_SEAL.search(content, max(0, len(content) - 100))
    if seal is not None and seal.end() == len(content):
        return _card_hash(content[: seal.start()]) == seal[1]
    known = intact(manifest, Manifest)
    return known is not None and content in _older_cards(known)


def _older_cards(manifest: Manifest) -> list[bytes]:
    """Returns the cards that earlier programs wrote for items."""
    recipe = UNDESCRIBED if manifest.recipe is msgspec.UNSET else manifest.recipe
    return [card(manifest, recipe, empty_configs=old) for old in (False, True)]


def _with_seal(content: bytes) -> bytes:
    return content + b"\n<!-- sha256 " + _card_hash(content) + b" -->\n"


def _card_hash(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode("ascii")


def git_hash(content: bytes) -> str:
    """Returns the hash that git, and so the Hub, has for the content of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def has_hash(content: bytes, published: str) -> bool:
    """Tells whether content has the hash that the Hub states: SHA-256 of a large file, git's of a small one."""
    return published == (hashlib.sha256(content).hexdigest() if len(published) == 64 else git_hash(content))
