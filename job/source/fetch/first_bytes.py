"""Looks at the first bytes of a file: whether it is what its name says, and if not, what it is and what to do."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Container

import zstandard

from job.errors import DamagedFileError, quoted
from job.source.fetch.packing import is_packed
from job.source.location import FileLocation

_HEAD_BYTES = 1 << 10
"""Bytes at the beginning of a file that tell what it is."""
_PACKED_HEAD_BYTES = 1 << 18
"""Bytes at the beginning of a packed file that tell what is inside; a block of zstd has up to 128 KiB."""
_MAX_LINE_BYTES = 8 << 20
"""Bytes of the first line of a `.json` file that are looked at; a longer one is not a row."""

_UTF_16 = "text in UTF-16"
_KINDS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("gzip", re.compile(rb"\x1f\x8b")),
    ("zstd", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),
    ("parquet", re.compile(rb"PAR1")),
    ("an encrypted Parquet file", re.compile(rb"PARE")),
    ("bzip2", re.compile(rb"BZh[1-9]")),
    ("xz", re.compile(rb"\xfd7zXZ\0")),
    ("lz4", re.compile(rb"\x04\x22\x4d\x18")),
    ("a 7z archive", re.compile(rb"7z\xbc\xaf\x27\x1c")),
    ("a RAR archive", re.compile(rb"Rar!\x1a\x07")),
    ("a zip archive", re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)")),
    ("a tar archive", re.compile(rb".{257}ustar", re.DOTALL)),
    ("an Arrow file", re.compile(rb"ARROW1|\xff\xff\xff\xff")),
    ("an ORC file", re.compile(rb"ORC")),
    ("an Avro file", re.compile(rb"Obj\x01")),
    ("an SQLite database", re.compile(rb"SQLite format 3\0")),
    (_UTF_16, re.compile(rb"\xff\xfe|\xfe\xff|\{\0|\0\{")),
    ("a Git LFS pointer", re.compile(rb"version https://(git-lfs\.github\.com|hawser\.github\.com)/spec/")),
    ("a web page", re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body|!--)", re.IGNORECASE)),
    ("an XML document", re.compile(rb"(\xef\xbb\xbf)?\s*<(\?xml|Error>)")),
    ("json", re.compile(rb"(\xef\xbb\xbf)?\s*\{")),
    ("a JSON array", re.compile(rb"(\xef\xbb\xbf)?\s*\[")),
)
_LINES = {"json", "a JSON array"}
_ZEROS = "nothing but zeros, as a disk or a download leaves that broke off"

_SHOWN = {"gzip": "gzip", "zstd": "zstd", "parquet": "Parquet", "json": "plain JSON"}
_SUFFIXES = {"gzip": ".jsonl.gz", "zstd": ".jsonl.zst", "parquet": ".parquet", "json": ".jsonl"}
_SUFFIX = re.compile(r"(\.(jsonl|ndjson|json))?(\.gz|\.zst)?$|\.parquet$", re.IGNORECASE)
_UNPACK = {"gzip": "gunzip", "zstd": "unzstd", "bzip2": "bunzip2", "xz": "unxz", "lz4": "unlz4"}
"""Programs that unpack one file."""
_EXTRACT = {"a zip archive": "unzip", "a tar archive": "tar -xf", "a 7z archive": "7z x", "a RAR archive": "unrar x"}
"""Programs that unpack an archive."""
_FETCH_AGAIN = {
    "a Git LFS pointer": "it only says where the file is; in its repository, fetch the file: git lfs pull",
    "a web page": "a login or error page was saved in place of the file: download it again, logged in",
    "an XML document": "an error of its storage was saved in place of the file: download it again",
    _ZEROS: "download it again",
}


def kind_of_bytes(head: bytes) -> str | None:
    """Returns what a file is: `gzip`, `zstd`, `parquet`, `json`, other kinds in words, None for anything else.

    Args:
        head: its first bytes, 1 KiB of them if it has as many.
    """
    if len(head) >= 16 and not head.strip(b"\0"):
        return _ZEROS
    return next((kind for kind, pattern in _KINDS if pattern.match(head)), None)


def check_first_bytes(location: FileLocation) -> None:
    """Checks that a file is what its name says. What is not recognised passes.

    Args:
        location: a file of a name that is read.

    Raises:
        DamagedFileError: if it is something else, with what to do about it.
    """
    name = location.name.lower()
    expected = "parquet" if name.endswith(".parquet") else "json"
    if is_packed(name):
        expected = "gzip" if name.endswith(".gz") else "zstd"
    head = _head(location, _PACKED_HEAD_BYTES if is_packed(name) else _HEAD_BYTES)
    found = kind_of_bytes(head)
    if found == expected and is_packed(name):
        inner = kind_of_bytes(_unpacked(head, expected))
        if inner is not None and inner not in _LINES:
            raise _error(location, f"has {_SHOWN.get(inner, inner)} inside of its {expected}", inner, expected)
    elif found is not None and found != expected and not (expected == "json" and found in _LINES):
        wanted = "JSONL" if expected == "json" else _SHOWN[expected]
        raise _error(location, f"is not {wanted}, as its name says: it is {_SHOWN.get(found, found)}", found)


def _error(location: FileLocation, what: str, kind: str, outer: str | None = None) -> DamagedFileError:
    advice = _advice(location, kind, outer)
    return DamagedFileError(f"{location} {what}\n{advice}; or go on without it: --skip-damaged-files")


def _advice(location: FileLocation, kind: str, outer: str | None) -> str:
    """Returns what to do about a file.

    Args:
        location: the file.
        kind: what it is, or has inside.
        outer: what it is packed as, if `kind` is inside.
    """
    path = str(location)
    base = path[: path.rindex("/") + 1] + _SUFFIX.sub("", path.rpartition("/")[2]) if "/" in path else path
    plain, given = quoted(f"{base}.jsonl"), quoted(path)
    if kind in _FETCH_AGAIN:
        return _FETCH_AGAIN[kind]
    if outer:
        if kind not in _SUFFIXES:
            return f"unpack it, and what is inside too, to a file that ends with .jsonl: {_UNPACK[outer]} < {given}"
        right, part = quoted(base + _SUFFIXES[kind]), quoted(f"{base}.part")
        return f"it is packed twice; unpack it once: {_UNPACK[outer]} < {given} > {part} && mv {part} {right}"
    if kind in _SUFFIXES:
        return f"give it the right name: mv {given} {quoted(base + _SUFFIXES[kind])}"
    if kind == "a JSON array":
        return f"write its elements as lines: jq -c '.[]' {given} > {plain}"
    if kind in _UNPACK:
        return f"unpack it: {_UNPACK[kind]} < {given} > {plain}"
    if kind in _EXTRACT:
        return f"unpack it, to a file that ends with .jsonl or .parquet: {_EXTRACT[kind]} {given}"
    if kind == _UTF_16:
        return f"write it as UTF-8: iconv -f UTF-16 -t UTF-8 {given} > {quoted(base + '-utf8.jsonl')}"
    return "write it as JSONL or as plain Parquet"


def has_row(location: FileLocation, keys: Container[str]) -> bool:
    """Tells whether the first line of a file is a whole JSON object that has one of some keys.

    Args:
        location: a file whose name ends with `.json`, `.json.gz` or `.json.zst`.
        keys: the columns that are read.
    """
    name = location.name.lower()
    try:
        with location.open(0, min(location.size_now(), _MAX_LINE_BYTES)) as stream:
            if name.endswith(".gz"):
                text = _unpacked(stream.read(_MAX_LINE_BYTES), "gzip")
            elif name.endswith(".zst"):
                text = _unpacked(stream.read(_MAX_LINE_BYTES), "zstd")
            else:
                text = b""
                while len(text) < _MAX_LINE_BYTES and not text.strip():
                    text = stream.readline(_MAX_LINE_BYTES)
                    if not text:
                        return False
        row = json.loads(text.lstrip().partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and any(key in keys for key in row)


def _head(location: FileLocation, size: int) -> bytes:
    with location.open(0, min(location.size_now(), size)) as stream:
        return stream.read(size)


def _unpacked(data: bytes, kind: str) -> bytes:
    """Unpacks the beginning of a file; what is damaged gives fewer bytes, or none."""
    try:
        if kind == "gzip":
            return zlib.decompressobj(wbits=31).decompress(data, _MAX_LINE_BYTES)
        with zstandard.ZstdDecompressor(max_window_size=1 << 31).stream_reader(io.BytesIO(data)) as stream:
            return stream.read(_HEAD_BYTES if len(data) <= _HEAD_BYTES else _MAX_LINE_BYTES)
    except (zlib.error, zstandard.ZstdError):
        return b""
