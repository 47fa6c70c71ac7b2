"""Makes a sample catalogue of any size from a seed, in the layout and formats of the data set on the Hub.

With it, the job can be tried, tested and timed without a download and without real listings: all text is the project's
own, and all brands are invented. The rows resemble real ones in what the job's results and speed depend on: how many
have a price, how long the texts are, how varied the words, how many become items, and which odd characters and values
occur.

A chunk of rows depends only on the seed, its category and its number. So the same seed gives the same bytes, however
many processes make them, and the category of a smaller catalogue is the beginning of the same one in a larger one.
Another version of the program may make other rows of the same seed: see `SAMPLE_VERSION`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from job.config.names import check_category
from job.errors import UsageError, write_failed
from job.source.find.assign import category_of_folder
from job.source.sample.listings import RowMaker

SAMPLE_VERSION = 2
"""Version of the rows. It goes up whenever the same seed gives others."""

_CHUNK_ROWS = 1000
_MAX_ROWS_WITHOUT_POOL = 5000
_MAX_WORKERS = 8
_CHUNKS_AHEAD = 2
"""Number of chunks in flight beyond one per worker, so that no worker waits and memory stays flat."""
_CHUNKS_PER_SHARD = 150
"""Number of chunks in a shard, which gives about 85 MB of Parquet; the Hub's shards have 60 to 230 MB."""

_TEXTS = pa.list_(pa.string())
_IMAGE_KEYS = ("hi_res", "large", "thumb", "variant")
_VIDEO_KEYS = ("title", "url", "user_id")
_COLUMN_TYPES = {
    **dict.fromkeys(("main_category", "title"), pa.string()),
    "average_rating": pa.float64(),
    "rating_number": pa.int64(),
    "features": _TEXTS,
    "description": _TEXTS,
    "price": pa.string(),
    "images": pa.struct([(key, _TEXTS) for key in _IMAGE_KEYS]),
    "videos": pa.struct([(key, _TEXTS) for key in _VIDEO_KEYS]),
    "store": pa.string(),
    "categories": _TEXTS,
    **dict.fromkeys(("details", "parent_asin", "bought_together", "subtitle", "author"), pa.string()),
}
_SCHEMA = pa.schema(list(_COLUMN_TYPES.items()))


def _parquet_row(row: dict[str, Any]) -> dict[str, Any]:
    """Converts a row from its JSON object to its Parquet columns."""
    return row | {
        "price": str(row["price"]),
        "details": json.dumps(row["details"]),
        "author": json.dumps(row["author"]) if "author" in row else None,
        "images": {key: [image[key] for image in row["images"]] for key in _IMAGE_KEYS},
        "videos": {key: [video[key] for video in row["videos"]] for key in _VIDEO_KEYS},
    }


class _Chunk(NamedTuple):
    """A piece of a category that one process makes at once."""

    seed: int
    category: str
    number: int
    num_rows: int
    file_format: Literal["jsonl", "parquet", "both"]


def _make_chunk(chunk: _Chunk) -> tuple[bytes, pa.Table]:
    """Returns a chunk as JSON lines and as a table. What the file format does not need is empty."""
    maker = RowMaker(chunk.seed, chunk.category, chunk.number)
    rows = [maker.row() for _ in range(chunk.num_rows)]
    texts = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows] if chunk.file_format != "parquet" else []
    parquet_rows = [_parquet_row(row) for row in rows] if chunk.file_format != "jsonl" else []
    return "".join(texts).encode(), pa.Table.from_pylist(parquet_rows, schema=_SCHEMA)


def _make_chunks(chunks: Sequence[_Chunk]) -> Iterator[tuple[bytes, pa.Table]]:
    """Yields the chunks' data in order, made by several processes if there are enough rows."""
    if sum(chunk.num_rows for chunk in chunks) <= _MAX_ROWS_WITHOUT_POOL:
        yield from map(_make_chunk, chunks)
        return
    num_workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    with ProcessPoolExecutor(num_workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        in_flight: deque[Future[tuple[bytes, pa.Table]]] = deque()
        for chunk in chunks:
            in_flight.append(pool.submit(_make_chunk, chunk))
            if len(in_flight) >= num_workers + _CHUNKS_AHEAD:
                yield in_flight.popleft().result()
        while in_flight:
            yield in_flight.popleft().result()


def sample_files(folder: Path, category: str, num_rows: int, file_format: str) -> list[Path]:
    """Returns the paths of a category's files in one format, in the order of their rows.

    Args:
        folder: the folder of the sample catalogue.
        category: the category's name.
        num_rows: the number of its rows.
        file_format: `jsonl` or `parquet`.
    """
    if file_format == "jsonl":
        return [folder / "raw" / "meta_categories" / f"meta_{category}.jsonl"]
    count = math.ceil(num_rows / _CHUNK_ROWS / _CHUNKS_PER_SHARD)
    return [folder / f"raw_meta_{category}" / f"full-{shard:05d}-of-{count:05d}.parquet" for shard in range(count)]


def _check_free(category: str, paths: Sequence[Path]) -> None:
    """Raises UsageError if a category's name is not valid, or one of its files exists already."""
    try:
        check_category(category)
    except ValueError as error:
        raise UsageError(str(error)) from None
    for path in paths:
        for found in (path, *sorted(path.parent.glob("full-*.parquet"))):
            if found.exists():
                raise UsageError(f"already there: {found}\nname another folder, or move that file away")
        for parent in path.parents:
            if parent.exists() and not parent.is_dir():
                raise UsageError(f"a file, not a folder: {parent}\nname another folder")


def _check_folder(folder: Path) -> None:
    """Raises UsageError if a folder contains anything but a catalogue, so that invented listings stay apart."""
    if not folder.is_dir():
        return
    if others := sorted(
        path.name for path in folder.iterdir() if path.name != "raw" and not category_of_folder(path.name)
    ):
        raise UsageError(f"{folder} contains something else ({', '.join(others[:5])})\nname another folder")


def make_catalogue(
    folder: Path,
    *,
    rows: int,
    seed: int = 0,
    categories: Sequence[str] = ("Appliances", "Musical_Instruments"),
    file_format: Literal["jsonl", "parquet", "both"] = "both",
    report: Callable[[int], None] = lambda _: None,
) -> list[Path]:
    """Makes a sample catalogue. Files get their final names only after all of them are complete.

    Args:
        folder: the folder to write to, created if it does not exist.
        rows: the number of rows of all categories, split evenly; the first category gets the remainder.
        seed: the same seed gives the same rows as long as `SAMPLE_VERSION` is the same.
        categories: the names of the categories.
        file_format: which files to write.
        report: called with the number of rows done so far.

    Returns:
        The paths of the files.

    Raises:
        UsageError: if an argument is wrong, or a file exists already.
    """
    if rows < len(categories):
        raise UsageError(f"rows is {rows}: ask for 1 or more" + (" of each category" if len(categories) > 1 else ""))
    if not categories or len(set(categories)) < len(categories):
        raise UsageError(f"categories are {', '.join(categories) or 'missing'}: name one or more, each once")
    _check_folder(folder)
    each, remainder = divmod(rows, len(categories))
    sizes = dict(zip(categories, [each + remainder, *[each] * (len(categories) - 1)], strict=True))
    file_formats = ["jsonl", "parquet"] if file_format == "both" else [file_format]
    targets = {
        category: {each: sample_files(folder, category, num_rows, each) for each in file_formats}
        for category, num_rows in sizes.items()
    }
    for category, paths in targets.items():
        _check_free(category, list(itertools.chain(*paths.values())))
    chunks = [
        _Chunk(seed, category, start // _CHUNK_ROWS, min(_CHUNK_ROWS, num_rows - start), file_format)
        for category, num_rows in sizes.items()
        for start in range(0, num_rows, _CHUNK_ROWS)
    ]
    parts: dict[Path, Path] = {}
    num_done = 0
    try:
        made = _make_chunks(chunks)
        for (category, shard), its_chunks in itertools.groupby(
            chunks, key=lambda chunk: (chunk.category, chunk.number // _CHUNKS_PER_SHARD)
        ):
            with ExitStack() as stack:
                files: dict[str, BinaryIO] = {}
                for name, paths in targets[category].items():
                    path = paths[shard if name == "parquet" else 0]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    mode = "ab" if path in parts else "wb"
                    parts[path] = path.with_name(f"{path.name}.{os.getpid()}.part")
                    files[name] = stack.enter_context(parts[path].open(mode))
                parquet = files.get("parquet")
                writer = parquet and stack.enter_context(pq.ParquetWriter(parquet, _SCHEMA, compression="zstd"))
                for chunk in its_chunks:
                    lines, table = next(made)
                    if jsonl := files.get("jsonl"):
                        jsonl.write(lines)
                    if writer and table.num_rows:
                        writer.write_table(table, row_group_size=_CHUNK_ROWS)
                    num_done += chunk.num_rows
                    report(num_done)
        for path, part in parts.items():
            part.rename(path)
    except OSError as error:
        raise write_failed(error, error.filename or folder, "nothing is left of it") from None
    finally:
        for part in parts.values():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    return list(parts)
