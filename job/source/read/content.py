"""Digests of what a partition's rows are made of, so that an edited source is told from one that was only copied.

Of a JSONL file it is the bytes of the lines that begin in the partition. Of a Parquet file it is the values in the
columns that are read: their bytes would not do, since a row group, which may be many partitions, is compressed as one.
XXH3 tells an edit from a copy, at more than 10 GB/s; it does not keep anybody from forging one.
"""

# pyarrow makes the functions of `pyarrow.compute` when it is imported.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import xxhash


class ContentDigest:
    """Takes in a partition piece by piece; how it is cut into pieces makes no difference."""

    def __init__(self) -> None:
        self._streams: dict[str, xxhash.xxh3_128] = {}

    def add_bytes(self, piece: bytes) -> None:
        """Takes in the next bytes of a JSONL file."""
        self._stream("").update(piece)

    def add_rows(self, rows: pa.RecordBatch) -> None:
        """Takes in the next rows of a Parquet file."""
        for name, column in zip(rows.schema.names, rows.columns, strict=True):
            self._add(name, column)

    def hexdigest(self) -> str:
        """Returns the digest of all that was taken in, 128 bits in hexadecimal."""
        whole = xxhash.xxh3_128()
        for name in sorted(self._streams):
            whole.update(name.encode("utf-8", "surrogatepass") + b"\0" + self._streams[name].digest())
        return whole.hexdigest()

    def _stream(self, name: str) -> xxhash.xxh3_128:
        return self._streams.setdefault(name, xxhash.xxh3_128())

    def _add(self, name: str, values: pa.Array) -> None:
        """Takes in a column. What lies in memory under a null is undefined, so nulls are set apart first."""
        values = _plain(values)
        self._add_fixed(f"{name} valid", values.is_valid().cast(pa.uint8()))
        kind = values.type
        if pa.types.is_struct(kind):
            for field, member in zip(kind, values.flatten(), strict=True):
                self._add(f"{name}.{field.name}", member)
        elif hasattr(kind, "value_type"):  # every kind of list
            self._add_fixed(f"{name} lengths", pc.list_value_length(values).drop_null().cast(pa.int64()))
            self._add(f"{name}[]", values.flatten())
        elif not len(values := values.drop_null()):
            return
        elif pa.types.is_large_binary(kind):
            self._add_fixed(f"{name} lengths", pc.binary_length(values))
            _, offsets, content = values.buffers()
            ends = memoryview(offsets).cast("q")
            if content is not None:
                self._stream(name).update(content[ends[values.offset] : ends[values.offset + len(values)]])
        else:
            self._add_fixed(name, values)

    def _add_fixed(self, name: str, values: pa.Array) -> None:
        """Takes in values of a fixed width in bytes, without nulls."""
        if not len(values):
            return
        width = values.type.bit_width // 8
        self._stream(name).update(values.buffers()[1][values.offset * width : (values.offset + len(values)) * width])


def _plain(values: pa.Array) -> pa.Array:
    """Returns the same values as structs, lists, large binaries, nulls, or a type whose width is whole bytes."""
    kind = values.type
    if isinstance(values, pa.ExtensionArray):
        return _plain(values.storage)
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8())
    if pa.types.is_map(kind):
        pairs = pa.struct([pa.field("key", kind.key_type), pa.field("value", kind.item_type)])
        return values.cast(pa.large_list(pairs))
    if any(is_text(kind) for is_text in _TEXTS):
        return values.cast(pa.large_binary())
    return values


_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_binary_view,
)
