"""A packed copy of a category's records: one file that is read in place of very many.

The file of each record still commits its partition. A copy only saves reading these files, so it may be missing,
damaged or of any age, and a run that is killed while it writes one has lost nothing. A record is taken from the copy
only if its own file is there, and is older than the copy: one that was written again since is read itself. `curate
verify` compares a copy with the files, and the report, which needs all of a record, reads the files.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
import zstandard

from job.output.section import Committed, Section, record_name
from job.storage.interface import Store

R = TypeVar("R", bound=Committed)

PACKED_FROM = 1000
"""Number of records from which a copy pays: in a bucket, reading as many takes 2 s and more."""
GROWTH = 0.25
"""Share of the copied records that has to be new until all are copied anew. So at most a fifth of them are read
themselves, and all copies of a run together have five times the bytes of the last one."""


def packed_name(section: str) -> str:
    """Returns the path of a section's copy, relative to the output folder. No category's name begins with `_`."""
    return f"_partitions/_{section}.jsonl.zst"


def packed(records: Iterable[msgspec.Struct]) -> bytes:
    """Packs records: a line of JSON each, and last the SHA-256 of these lines."""
    encoder, checksum = msgspec.json.Encoder(), hashlib.sha256()
    stream = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as writer:
        for record in records:
            line = encoder.encode(record) + b"\n"
            checksum.update(line)
            writer.write(line)
        writer.write(checksum.hexdigest().encode("ascii"))
    return stream.getvalue()


def unpacked(content: bytes | None, kind: type[R]) -> list[R] | None:
    """Unpacks what `packed` wrote; None for what is missing or damaged, which can be made again."""
    decoder, checksum = msgspec.json.Decoder(kind), hashlib.sha256()
    found: list[R] = []
    try:
        with zstandard.ZstdDecompressor().stream_reader(content or b"") as stream:
            for line in io.BufferedReader(stream):
                if not line.endswith(b"\n"):
                    return found if line == checksum.hexdigest().encode("ascii") else None
                checksum.update(line)
                found.append(decoder.decode(line))
    except (ValueError, zstandard.ZstdError):
        return None
    return None


def read_packed(store: Store, section: Section[R], written: Mapping[str, float]) -> dict[int, R]:
    """Reads the records that may be taken from a section's copy.

    Args:
        store: the output.
        section: a category's plan.
        written: when the file of each record was written, by its name in its folder.

    Returns:
        The records by number.
    """
    name = packed_name(section.name)
    folder, _, file = name.rpartition("/")
    copied = store.times(folder).get(file)
    if copied is None or not math.isfinite(copied):
        return {}
    found: dict[int, R] = {}
    for record in unpacked(store.read(name), section.record_type) or ():
        own = record_name(section.name, record.partition).rpartition("/")[2]
        if record.digest == section.digest and written.get(own, math.inf) < copied:
            found[record.partition] = record
    return found
