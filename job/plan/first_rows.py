"""Looks at the first rows of each new category before work starts: can anything become an item of rows like these?

The readers that later read all rows read these too, and the recipe looks at them. Of a file on the network or a packed
one, only the beginning is fetched or unpacked, in memory.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import zlib
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from job.config.models import JobConfig
from job.errors import CurateError, UsageError, printable
from job.recipe.inputs import encodable
from job.recipe.protocol import Finding, FirstRows
from job.recipe.verdicts import END
from job.source.fetch.local_copies import nearest_location
from job.source.fetch.packing import is_packed
from job.source.fetch.unpack import open_stream
from job.source.files import CategorySource
from job.source.location import FileLocation
from job.source.read.footer import read_footer
from job.source.read.jsonl import JsonlReader
from job.source.read.parquet import ParquetReader
from job.source.read.rows import RowLayout

NUM_ROWS = 1_000
"""Rows of a category that are looked at."""

_MAX_BYTES = 8 << 20
"""Bytes that are read for them at most, or of a JSONL file unpacked: 1,000 real rows have 3 to 5 MB."""

_ROW_BYTES = 4 << 10
"""Bytes that a row of JSONL on the network is taken to have: so much is fetched with one request."""

_PIECE_BYTES = 256 << 10
"""Bytes read at a time: of JSONL, and of each column of a Parquet file whose first row group is a huge one."""

_KEYS_SHOWN = 30
"""Keys of the rows that an error shows at most."""

_UNREADABLE = (CurateError, EOFError, OSError, pa.ArrowException, zlib.error, zstandard.ZstdError)
"""Exceptions of a file that cannot be read. Planning or reading it says so, with what to do."""

_keys_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check_first_rows(
    config: JobConfig, sources: Sequence[CategorySource], planned: Container[str], say: Callable[[str], None]
) -> None:
    """Lets the recipe look at the first rows of each category that is new to the output.

    Args:
        config: the job.
        sources: the categories wanted.
        planned: categories that the output has already.
        say: called with each warning.

    Raises:
        UsageError: when no row like these can become an item.
    """
    look: Callable[[FirstRows], Finding | None] | None = getattr(config.recipe.recipe_type(), "first_rows", None)
    if look is None:
        return
    for source in sources:
        if source.category in planned or (first := _first_rows(config, source)) is None:
            continue
        if (finding := look(first)) is None:
            continue
        text = f"{source.category}: {finding.message}"
        if not finding.is_fatal:
            say(text)
            continue
        shown = [printable(key) for key in first.keys[:_KEYS_SHOWN]]
        more = f" and {len(first.keys) - len(shown):,} more" if len(first.keys) > len(shown) else ""
        raise UsageError(
            f"{text}\nin {printable(str(source.files[0].location))}, whose rows have: {', '.join(shown)}{more}\n"
            f"{finding.advice}"
        )


def _first_rows(config: JobConfig, source: CategorySource) -> FirstRows | None:
    """Reads the first rows of a category. None when it has none, or none that can be read."""
    layout = dataclasses.replace(RowLayout.of(config), kept=pa.schema([]))
    left = min(NUM_ROWS, config.limit or NUM_ROWS)
    tables: list[pa.Table] = []
    keys: dict[str, None] = {}
    for file in source.files:
        if left <= 0:
            break
        with contextlib.suppress(*_UNREADABLE):
            location = nearest_location(source, file)
            if source.file_format == "parquet":
                found = _parquet_rows(location, layout, left, keys)
            else:
                found = _jsonl_rows(location, layout, left, keys, packed=is_packed(file.name))
            rows = pa.concat_tables(table for table in found if table["verdict"][0].as_py() != END)
            left -= rows.num_rows
            tables.append(rows.filter(pc.is_null(rows["verdict"])))
    rows = pa.concat_tables(tables) if tables else None
    if rows is None or rows.num_rows == 0:
        return None
    names = {field.name: layout.source_name(field.name) for field in layout.inputs}
    return FirstRows(rows=rows, keys=tuple(keys), names=names)


def _parquet_rows(location: FileLocation, layout: RowLayout, limit: int, keys: dict[str, None]) -> Iterator[pa.Table]:
    footer = read_footer(location)
    keys.update(dict.fromkeys(footer.summary.schema.to_arrow_schema().names))
    return ParquetReader(layout).read(_Beginning(location), 0, 0, min(limit, footer.num_rows), footer)


def _jsonl_rows(
    location: FileLocation, layout: RowLayout, limit: int, keys: dict[str, None], *, packed: bool
) -> Iterator[pa.Table]:
    with location.open(0, min(limit * _ROW_BYTES, location.size_now())) as stream:
        plain = open_stream(stream, location.name.rpartition(".")[2].lower()) if packed else stream
        content = _first_lines(plain, limit)
    for line in content.split(b"\n"):
        keys.update(dict.fromkeys(_keys(line)))
    return JsonlReader(layout).read(_Beginning(location, content), 0, 0, len(content))


def _keys(line: bytes) -> Iterable[str]:
    """Returns the keys of a row. What the fast decoder refuses, as NaN, gets a second reading, as rows do."""
    try:
        return _keys_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return ()
    return map(encodable, row) if isinstance(row, dict) else ()


def _first_lines(stream: BinaryIO, limit: int) -> bytes:
    """Reads the first lines of a stream, as many as there are whole in `_MAX_BYTES`."""
    content, count = bytearray(), 0
    while len(content) < _MAX_BYTES and count < limit:
        piece = stream.read(_PIECE_BYTES)
        if not piece:
            return bytes(content)
        content += piece
        count += piece.count(b"\n")
    lines = content[: content.rfind(b"\n") + 1].split(b"\n", limit)
    return b"\n".join(lines[:limit]) + b"\n"


@dataclasses.dataclass(frozen=True, slots=True)
class _Beginning:
    """The beginning of a file as a `FileLocation`: lines in memory, or a Parquet file of which little is read."""

    whole: FileLocation
    content: bytes | None = None
    """Lines; None for a Parquet file."""

    @property
    def name(self) -> str:
        return self.whole.name

    @property
    def local_path(self) -> Path | None:
        return None

    def open(self, start: int | None = None, end: int | None = None) -> BinaryIO:
        return self.whole.open(start, end) if self.content is None else io.BytesIO(self.content)

    def size_now(self) -> int:
        return self.whole.size_now() if self.content is None else len(self.content)

    def version(self) -> str:
        return self.whole.version()

    def fingerprint(self) -> tuple[int, str]:
        return self.whole.fingerprint()

    def parquet_metadata(self) -> pq.FileMetaData:
        return self.whole.parquet_metadata()

    @contextlib.contextmanager
    def open_parquet(
        self, metadata: pq.FileMetaData | None = None, start: int | None = None, end: int | None = None
    ) -> Generator[pq.ParquetFile]:
        """Opens it; where the range is long, as in a huge row group, each column is read piece by piece."""
        if end is not None and end - (start or 0) <= _MAX_BYTES:
            with self.whole.open_parquet(metadata, start, end) as file:
                yield file
            return
        with (
            self.whole.open() as stream,
            pq.ParquetFile(stream, metadata=metadata, pre_buffer=False, buffer_size=_PIECE_BYTES) as file,
        ):
            yield file

    def __str__(self) -> str:
        return str(self.whole)
