"""Memory that was freed goes back to the system, before each partition."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from job.output.folder import OutputFolder
from job.pipeline import read_partitions

KEEPS_HOLES = """
import ctypes, psutil, pyarrow
from job.cluster.memory import return_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
size, count = 100_000, 1_000
pieces = [libc.malloc(ctypes.c_size_t(size)) for _ in range(count)]
for piece in pieces:
    ctypes.memset(ctypes.c_void_p(piece), 1, size)
for piece in pieces[:-1]:  # the last one keeps the heap from shrinking by itself
    libc.free(piece)
before = psutil.Process().memory_info().rss
return_memory()
print((before - psutil.Process().memory_info().rss) / (size * count))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not the allocator of glibc")
def test_freed_memory_goes_back_to_the_system() -> None:
    result = subprocess.run([sys.executable, "-c", KEEPS_HOLES], capture_output=True, text=True, check=True)
    assert float(result.stdout) > 0.9


def test_memory_is_returned_before_partitions_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("job.pipeline.return_memory", lambda: calls.append("returned"))
    none = pa.table({"partition": pa.array([], pa.int64())})
    assert list(read_partitions(none, cast(Any, None), {}, "Toys", OutputFolder(tmp_path))) == []
    assert calls == ["returned"]
