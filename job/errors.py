"""What can go wrong through no fault of the program, each with its exit code.

A `CurateError` is printed as one message without a traceback. Anything else is a bug, and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Iterator

_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class CurateError(Exception):
    """The job cannot go on; the message says what, where, what is left, and what to type next."""

    exit_code = 1

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message  # Ray adds advice of its own to what an exception was made of

    def __str__(self) -> str:
        return self.message


class UsageError(CurateError):
    """Wrong input: arguments, config, source files, or the output folder. Found before work starts."""

    exit_code = 2


class DamagedFileError(UsageError):
    """A source file that cannot be read at all, found before work starts."""


class DamagedPartError(CurateError):
    """A part of a source file that cannot be read, found while it is."""


class WorkersDiedError(CurateError):
    """Workers died again and again, as they do when memory runs out."""


class MalformedLimitError(CurateError):
    """More malformed rows than `max_malformed` allows."""

    exit_code = 3


class RefusedError(CurateError):
    """The output folder belongs to another job, or to another run of this one."""

    exit_code = 4


_DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EIO: "the disk reports an input/output error",
    errno.ENAMETOOLONG: "the file name is too long",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ELOOP: "its links lead in a circle",
}


def reason(error: OSError) -> str:
    """Says in plain words why the operating system refused something."""
    return _DISK_ERRORS.get(error.errno or 0, (error.strerror or str(error)).lower())


def cannot_be_written(error: OSError, folder: object) -> UsageError:
    """Makes the message for an output folder that cannot be written, found before work starts.

    Args:
        error: why.
        folder: which.
    """
    return UsageError(f"the output cannot be written: {folder}: {reason(error)}\nname another: --output DIR")


def write_failed(error: OSError, path: object, left: str = "finished partitions are kept") -> CurateError:
    """Makes the message for a file that could not be written while the job ran.

    Args:
        error: why.
        path: which.
        left: what there is of the work.
    """
    return CurateError(f"{reason(error)}: {path}\n{left}; mend it and run the same command again to go on")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and all that led to it, outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # A Ray task's error carries the original one in `cause`.
        waiting += [getattr(current, "cause", None), current.__cause__, current.__context__]


def known(error: BaseException) -> CurateError | None:
    """Turns an exception into the message a user should see.

    Args:
        error: what was raised, in this process or in a Ray task.

    Returns:
        A `CurateError`, or None when the error is not one a user can mend: then the traceback is wanted.
    """
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] != __package__:
        return UsageError(
            f"the Python package {error.name} is not installed for {sys.executable} on {platform.node()}\n"
            "install what scripts/requirements.lock lists; on a cluster in the nodes' image, or submit with --install"
        )
    # Ray makes a kind of its own of an error in a task, which is a CurateError too, but says it in fifty lines.
    return next((cause for cause in causes(error) if type(cause).__module__ == __name__), None)  # pyright: ignore[reportReturnType]


def printable(text: str, *, lines: bool = False) -> str:
    r"""Writes text from outside so that a terminal only shows it: control characters as escapes.

    Args:
        text: such as a file's name, or a prompt.
        lines: leave newlines and tabs as they are.

    Returns:
        The text with `\x1b` for an escape character, and so on; also for what turns the direction of writing round.
    """
    shown = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")


def quoted(path: object) -> str:
    """Writes a path as it has to be typed into a shell, also where it would be taken for an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def nearest(name: str, names: Iterable[str]) -> str:
    """Says which known name was probably meant.

    Args:
        name: what was typed.
        names: what would have been right.

    Returns:
        `; did you mean X or Y?`, or an empty string when nothing is near.
    """
    by_lower_case = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(by_lower_case[match] for match in found)}?" if found else ""
