"""What happens when a standard stream cannot be written: its reader is gone, its disk is full, or it was closed.

What is written to standard error helps somebody who looks, so it is dropped when nobody can, and the job goes on. What
is written to standard output is a result: a command that did something else finishes that and then fails, and one that
only prints ends at once, without a word if its reader has seen enough.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from job.errors import plain_reason

_OUT, _ERR = 1, 2
_COMMANDS_THAT_WORK = ("run", "craft", "submit", "stop", "sample", "bench")
"""Commands that do something besides printing, unless they are given one of `_ONLY_PRINT`."""
_ONLY_PRINT = {"--help", "--dry-run"}
_REASONS = {
    errno.EPIPE: "its reader is gone",
    errno.EBADF: "it is closed",
    errno.EIO: "its terminal is gone, or its disk fails",
}


class _Unfailing(io.RawIOBase):
    """Writes without errors: drops what cannot be written.

    Args:
        raw: where to write; None to drop everything.
    """

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Writes some bytes, or drops all of them."""
        written = None
        with contextlib.suppress(OSError, ValueError):  # a stream that Python has closed raises ValueError
            written = self._raw.write(data) if self._raw is not None else None
        return len(data) if written is None else written

    def fileno(self) -> int:
        """Returns the descriptor of where it writes."""
        if self._raw is None:
            raise io.UnsupportedOperation("fileno")
        return self._raw.fileno()

    def isatty(self) -> bool:
        """Tells whether it writes to a terminal."""
        try:
            return self._raw is not None and self._raw.isatty()
        except (OSError, ValueError):
            return False


class _Results(_Unfailing):
    """Standard output of the command. It keeps the first error, and writes nothing after it."""

    error: OSError | None = None
    has_begun = False

    def write(self, data: Any, /) -> int:
        """Writes some bytes, or none. Ends a command that only prints when its reader is gone."""
        if self.error is None:
            try:
                self.has_begun = True
                return self._raw.write(data) or 0  # None from a pipe that is full and does not block: try again
            except OSError as error:
                self.error = error
                if error.errno == errno.EPIPE and not _works():
                    raise SystemExit(0) from None
        return len(data)


class _OfTheMainThread(io.TextIOWrapper):
    """Standard output of the command, which its main thread alone writes: Ray prints there from a thread of its own."""

    def write(self, text: str, /) -> int:
        """Writes text, or drops it."""
        return super().write(text) if threading.current_thread() is threading.main_thread() else len(text)


_results: _Results | None = None
"""Standard output, once the command has claimed it."""


def claim() -> None:
    """Makes standard output and standard error of this process, which is the command, streams that never fail."""
    global _results
    for descriptor in (0, _OUT, _ERR):
        try:
            os.fstat(descriptor)
        except OSError:
            # Otherwise the next file or socket would get this number, and what is printed would go there. Standard
            # output is opened for reading, so that a result still cannot be written.
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY if descriptor == _ERR else os.O_RDONLY), True)  # noqa: FBT003
    _results = _Results(io.FileIO(_OUT, "w", closefd=False))
    sys.stdout = _text(_results, sys.stdout, _OfTheMainThread)
    sys.stderr = _text(_Unfailing(io.FileIO(_ERR, "w", closefd=False)), sys.stderr)


def is_claimed() -> bool:
    """Tells whether this process is the command, not a program that uses this package."""
    return _results is not None


def tolerant(stream: TextIO | None) -> TextIO:
    """Returns a stream that writes to another one, and drops what cannot be written.

    Args:
        stream: a standard stream of this Python; None if it was closed when Python started. One that is not a file, as
            in a notebook, is returned as it is.
    """
    if stream is None:
        return _text(_Unfailing(None), None)
    raw = getattr(stream.buffer, "raw", None) if isinstance(stream, io.TextIOWrapper) else None
    if raw is None or isinstance(raw, _Unfailing):
        return stream
    return _text(_Unfailing(raw), stream)


def _text(raw: _Unfailing, like: TextIO | None, kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> TextIO:
    return kind(
        io.BufferedWriter(raw),
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors=getattr(like, "errors", None) or "backslashreplace",
        line_buffering=True,
    )


def finished(exit_code: int) -> int:
    """Writes what is left to write, and says so if the results could not be written.

    Args:
        exit_code: how the command has ended.

    Returns:
        The exit code of the process.
    """
    sys.stdout.flush()
    error = _results and _results.error
    if error and exit_code == 0 and (_works() or error.errno != errno.EPIPE):
        reason = _REASONS.get(error.errno or 0) or plain_reason(error)
        rest = "; all else is done" if _works() else ""
        sys.stderr.write(f"error: standard output cannot be written: {reason}{rest}\n")
        exit_code = 1
    sys.stderr.flush()
    return exit_code


_unmuted = _ERR
"""The descriptor of standard error, also while it is muted."""


@contextlib.contextmanager
def muted_stderr(instead: Path = Path(os.devnull)) -> Generator[None]:
    """Keeps from the user what libraries write to standard error by themselves, while the context lasts.

    Args:
        instead: the file that gets it.
    """
    global _unmuted
    tolerant(sys.stderr).flush()
    try:
        _unmuted = os.dup(_ERR)
    except OSError:  # it was closed when this Python started
        yield
        return
    with instead.open("wb") as file:
        os.dup2(file.fileno(), _ERR)
        try:
            yield
        finally:
            os.dup2(_unmuted, _ERR)
            kept, _unmuted = _unmuted, _ERR
            os.close(kept)


def say_at_once(line: str) -> None:
    """Writes a line to standard error from wherever it is called, be it a signal's handler, even while it is muted."""
    with contextlib.suppress(OSError):
        os.write(_unmuted, f"{line}\n".encode())


def report_at_once(error: str, exit_code: int, line: str = "") -> None:
    """Says at once that the process ends. With `--json` the error is a JSON document, as always.

    Args:
        error: what went wrong.
        exit_code: the exit code.
        line: what to say on standard error; nothing if it is empty.
    """
    if line:
        say_at_once(line)
    if json_options():
        with contextlib.suppress(OSError):
            os.write(_OUT, f"{error_document(error, exit_code)}\n".encode())


def leave(error: str, exit_code: int, line: str = "") -> NoReturn:
    """Reports an error as `report_at_once` does, and ends the process at once."""
    report_at_once(error, exit_code, line)
    os._exit(exit_code)


def json_options() -> list[str]:
    """Returns `--json` if this process is a command that was given it, and has printed nothing yet."""
    return ["--json"] if _results and not _results.has_begun and "--json" in sys.argv else []


def error_document(error: str, exit_code: int) -> str:
    """Returns an error as the JSON document that `--json` asks for; an empty text without `--json`."""
    return json.dumps({"error": error, "exit_code": exit_code}) if "--json" in sys.argv else ""


def _works() -> bool:
    """Tells whether this command does something besides printing."""
    return sys.argv[1:2] != [] and sys.argv[1] in _COMMANDS_THAT_WORK and not _ONLY_PRINT & {*sys.argv}
