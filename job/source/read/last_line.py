"""Tells whether a JSONL file was cut off: its last line has no newline and is not JSON.

An interrupted download leaves such a file. One that was cut off exactly at the end of a line cannot be told from a
whole one. Nothing here runs for a well-formed row: a reader asks only about a line that it has refused.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_PIECE_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MARK = re.compile(rb'["\\{}\[\]]')


def why_cut_off(stream: BinaryIO, offset: int, line: bytes, max_row_bytes: int) -> str | None:
    """Looks at a line that is not a row.

    Args:
        stream: the file, where the reader stands after this line. It stands there again afterwards.
        offset: where the line begins.
        line: the line without its line ending, or the beginning of one that is too long.
        max_row_bytes: bytes above which a line is too long.

    Returns:
        What `json.loads` says of it, if it is the file's last line, has no newline and is not JSON; else None.
    """
    after = stream.tell()
    if _ends_with_newline(stream, after):
        return None
    try:
        if len(line) <= max_row_bytes:
            return _json_error(line)
        # It is not known where the line ends, and whether it is JSON: it does not have to fit in memory.
        if _ends_with_newline(stream, stream.seek(0, os.SEEK_END)):
            return None
        stream.seek(after)
        if any(b"\n" in piece for piece in _pieces(stream)):
            return None
        stream.seek(offset)
        return None if _is_closed(_pieces(stream)) else "Unterminated value"
    finally:
        stream.seek(after)


def _ends_with_newline(stream: BinaryIO, end: int) -> bool:
    stream.seek(end - 1)
    return stream.read(1) == b"\n"


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece


def _json_error(line: bytes) -> str | None:
    try:
        json.loads(line.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos}"
    except RecursionError:
        return None if _is_closed([line]) else "Unterminated value"
    except ValueError as error:
        return str(error)
    return None


def _is_closed(pieces: Iterable[bytes]) -> bool:
    """Tells whether all strings, arrays and objects of a text end in it: enough to know whether it was cut off.

    Args:
        pieces: a text that is too long, or nested too deeply, to be decoded.
    """
    depth = 0
    begin = b""
    in_string = False
    escaped_bytes = 0  # of the next piece
    for piece in pieces:
        begin = begin or piece.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
        after_escape, escaped_bytes = escaped_bytes, 0
        for found in _MARK.finditer(piece):
            at, mark = found.start(), found[0]
            if at < after_escape:
                continue
            if in_string:
                if mark == b"\\":
                    after_escape = at + 2
                elif mark == b'"':
                    in_string = False
            elif mark == b'"':
                in_string = True
            else:
                depth += 1 if mark in b"{[" else -1 if mark in b"}]" else 0
        escaped_bytes = max(0, after_escape - len(piece))
    return begin in (b"{", b"[", b'"') and not in_string and depth == 0
