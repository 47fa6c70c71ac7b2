"""Decides which files of a category are read, where it has several, and whether a set of shards is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from job.errors import UsageError, printable
from job.source.find.passed_over import listed
from job.source.find.shard_names import CatalogueName, FileFormat, ShardSet

_LEAST_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """The files of a category that are read."""

    files: tuple[CatalogueName, ...]
    """In the order of their rows."""
    passed_over: list[str]
    """Names of the other files of the category."""

    @property
    def file_format(self) -> FileFormat:
        """The format of all files."""
        return self.files[0].file_format

    def __str__(self) -> str:
        return self.files[0].name if len(self.files) == 1 else str(self.files[0].shards)


@dataclass(slots=True)
class _Candidate:
    """A file, or a set of shards, that may be the category."""

    files: list[CatalogueName]

    @property
    def shards(self) -> ShardSet | None:
        return self.files[0].shards

    @property
    def rank(self) -> int:
        return max(file.rank for file in self.files)

    @property
    def indices(self) -> set[tuple[int, int]]:
        return {file.index for file in self.files}

    @property
    def is_whole(self) -> bool:
        return not _missing(self.shards, self.indices) if self.shards else True

    def __str__(self) -> str:
        return printable(str(self.shards) if self.shards else self.files[0].name)


def choose(category: str, files: Sequence[CatalogueName], where: str, *, prefer_whole: bool) -> Choice:
    """Decides which files of a category are read.

    Args:
        category: its name, for messages.
        files: all files that may belong to it.
        where: the source, for messages.
        prefer_whole: whether to leave incomplete sets of Parquet shards out if there is JSONL.

    Raises:
        UsageError: if a set of shards is incomplete, or more than one file or set may be the category.
    """
    candidates = _candidates(files)
    if prefer_whole and any(candidate.rank for candidate in candidates):
        candidates = [candidate for candidate in candidates if candidate.rank or candidate.is_whole]
    best = min(candidate.rank for candidate in candidates)
    candidates = [candidate for candidate in candidates if candidate.rank == best]
    if candidates[0].files[0].file_format == "jsonl":
        candidates = _unpacked_first(category, candidates, where)
    if len(candidates) > 1:
        raise UsageError(
            f"{category}: more than one file or set of shards in {where}: {listed(list(map(str, candidates)))}\n"
            "remove what is not wanted; or name the split to read: "
            f"--set source.load_dataset='{{path: {where}, split: train}}'"
        )
    read = _in_order(category, candidates[0], where)
    names = {file.name for file in read}
    return Choice(tuple(read), [file.name for file in files if file.name not in names])


def _candidates(files: Sequence[CatalogueName]) -> list[_Candidate]:
    sets: dict[ShardSet | str, _Candidate] = {}
    for file in files:
        sets.setdefault(file.shards or file.name, _Candidate([])).files.append(file)
    return list(sets.values())


def _unpacked_first(category: str, candidates: list[_Candidate], where: str) -> list[_Candidate]:
    """Leaves out packed files of the same name as a plain one."""
    single = [candidate for candidate in candidates if candidate.shards is None]
    if len(single) < 2 or len(single) < len(candidates):
        return candidates
    names = [candidate.files[0] for candidate in single]
    plain = [candidate for candidate in single if not candidate.files[0].is_packed] or single
    # Toys.jsonl beside meta_Toys.jsonl.gz may be something else, such as the reviews of the same products.
    if len(plain) > 1 or len({_unpacked(file) for file in names}) > 1:
        raise UsageError(
            f"{category}: more than one file in {where}: {', '.join(printable(file.name) for file in names)}\n"
            "keep the one to read"
        )
    return plain


def _unpacked(file: CatalogueName) -> str:
    return file.name.rpartition(".")[0] if file.is_packed else file.name


def _in_order(category: str, candidate: _Candidate, where: str) -> list[CatalogueName]:
    """Returns the shards of a set in the order of their numbers, each once."""
    shards = candidate.shards
    if shards is None:
        return candidate.files
    by_index: dict[tuple[int, int], list[CatalogueName]] = {}
    for file in candidate.files:
        by_index.setdefault(file.index, []).append(file)
    read: list[CatalogueName] = []
    for index in sorted(by_index):
        same = by_index[index]
        plain = [file for file in same if not file.is_packed] or same
        if len(plain) > 1 or len({_unpacked(file).lower() for file in same}) > 1:
            raise UsageError(
                f"{category}: shard {index[0]:05d} is in {where} more than once: "
                f"{', '.join(printable(file.name) for file in same)}\nkeep the one to read"
            )
        read.append(plain[0])
    _check_whole(category, shards, by_index, where)
    return read


def _check_whole(
    category: str, shards: ShardSet, found: dict[tuple[int, int], list[CatalogueName]], where: str
) -> None:
    place = where + (f"/{shards.folder}" if shards.folder else "")
    if missing := _missing(shards, set(found)):
        total = shards.count or max(index for index, _ in found) + 1
        of = f"-of-{shards.count:05d}" if shards.count else ""
        names = ", ".join(f"{name}{of}" for name in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        kind = "Parquet shards" if shards.file_format == "parquet" else "JSONL shards"
        advice = (
            "fetch what is missing, or remove the set to read JSONL"
            if shards.file_format == "parquet" and shards.count
            else "fetch what is missing; where its writer has left a number out, as Spark does for an empty partition, "
            "name the shards NAME-00000-of-0000N, or read them with source.load_dataset"
        )
        raise UsageError(
            f"{category}: the set of {kind} in {place} is not complete: "
            f"{len(missing)} of {total} missing: {names}{more}\n{advice}"
        )
    if shards.count is not None:
        base = _first_number(shards, set(found))
        if extra := [index for index in sorted(found) if index[0] >= base + shards.count]:
            raise UsageError(
                f"{category}: shard {extra[0][0]:05d} of a set of {shards.count}: "
                f"{where}/{printable(found[extra[0]][0].name)}"
            )


def _first_number(shards: ShardSet, found: set[tuple[int, int]]) -> int:
    """Returns the number of a set's first shard: 0, or 1 if the last one has the number of the count."""
    numbers = {index for index, _ in found}
    return 1 if 0 not in numbers and shards.count in numbers else 0


def _missing(shards: ShardSet, found: set[tuple[int, int]]) -> list[str]:
    """Returns the numbers that are missing in a set, with at least five digits."""
    numbers = {index for index, _ in found}
    base = _first_number(shards, found)
    end = base + shards.count if shards.count is not None else max(numbers) + 1
    missing = [f"{number:0{_LEAST_DIGITS}d}" for number in range(base, end) if number not in numbers]
    for number in sorted(numbers):  # files that Spark has split
        pieces = {piece for index, piece in found if index == number}
        missing += [f"{number:05d}-c{piece:03d}" for piece in range(max(pieces)) if piece not in pieces]
    return missing
