"""Sends a file to an object store, whole or not at all.

If an upload fails, pyarrow's stream must be neither closed nor released: closing publishes what was sent so far under
the final name. So does the destructor, which was seen to replace 25 MB with an empty file when the first request had
failed. So a failed stream is kept alive for the life of the process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyarrow import fs

_PART_BYTES = 64 << 20
"""Bytes of a file that are in memory at once while it is sent."""

_keep_alive = ctypes.pythonapi.Py_IncRef
_release = ctypes.pythonapi.Py_DecRef
for _count in (_keep_alive, _release):
    _count.argtypes, _count.restype = [ctypes.py_object], None


def put_by_pyarrow(filesystem: fs.FileSystem, path: str, content: bytes | Path) -> None:
    """Writes a file by one of pyarrow's file systems.

    Args:
        filesystem: the file system.
        path: path of the file in it.
        content: all its bytes, which are one put; or a file on this machine, of which a part at a time is read.
    """
    stream = filesystem.open_output_stream(path, compression=None)
    _keep_alive(stream)
    for number, part in enumerate([content] if isinstance(content, bytes) else _parts(content)):
        if number:
            stream.flush()  # waits: otherwise all parts are copied and sent at once
        stream.write(part)
    stream.close()
    _release(stream)


def put_by_fsspec(filesystem: Any, path: str, content: bytes | Path) -> None:
    """Writes a file by a file system of fsspec. Arguments are as for `put_by_pyarrow`."""
    try:
        _send(filesystem, path, content)
    except FileNotFoundError:  # a storage with real folders
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        _send(filesystem, path, content)


def _send(filesystem: Any, path: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        filesystem.pipe_file(path, content)
    else:
        filesystem.put_file(str(content), path)


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            yield part
