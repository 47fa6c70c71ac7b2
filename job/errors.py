"""Errors that are not bugs: the user, the input or the machine caused them. Each class has an exit code.

A `CurateError` is printed as one message, without a traceback. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
import platform
import re
import shlex
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class CurateError(Exception):
    """The job failed. The message says what went wrong, where, what is left on disk, and what to type next."""

    exit_code = 1

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message  # Ray adds its own advice to the text of an exception

    def __str__(self) -> str:
        return self.message

    def _render_traceback_(self) -> list[str]:
        """Returns what IPython and notebooks show instead of a traceback."""
        return _as_one_message(self)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook, while a job ran that was called from Python."""

    def _render_traceback_(self) -> list[str]:
        return _as_one_message(self)


def _as_one_message(error: BaseException) -> list[str]:
    return [f"{type(error).__name__}: {printable(str(error), lines=True)}"]


class UsageError(CurateError):
    """Wrong arguments, config, source files or output folder, found before work starts."""

    exit_code = 2


class DeniedError(UsageError):
    """A storage that refuses its credentials."""

    def at_work(self) -> CurateError:
        """Returns the error for a storage that has begun to refuse them while the job ran."""
        what, _, advice = self.message.partition("\n")
        return CurateError(f"{what}\nwhat was finished is kept; {advice}")


class NoAnswerError(CurateError):
    """A storage that has not answered for too long."""


class DamagedFileError(UsageError):
    """A source file that cannot be read at all, found before work starts."""


class DamagedPartError(CurateError):
    """A part of a source file that cannot be read, found while the job runs."""


class WorkersDiedError(CurateError):
    """Workers died repeatedly, usually because memory ran out."""


class MalformedLimitError(CurateError):
    """More malformed rows than `max_malformed` allows."""

    exit_code = 3


class RefusedError(CurateError):
    """The output folder belongs to another job, or another run is working on it."""

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
    errno.ELOOP: "its symbolic links form a loop",
}


def plain_reason(error: OSError) -> str:
    """Returns in plain words why the operating system refused something."""
    return _DISK_ERRORS.get(error.errno or 0, (error.strerror or str(error)).lower())


def cannot_be_written(error: OSError, folder: object) -> UsageError:
    """Returns the error for an output folder that cannot be written, found before work starts.

    Args:
        error: what the operating system raised.
        folder: the output folder.
    """
    return UsageError(f"the output cannot be written: {folder}: {plain_reason(error)}\nname another: --output DIR")


def write_failed(error: OSError, path: object, left: str = "finished partitions are kept") -> CurateError:
    """Returns the error for a file that could not be written while the job ran.

    Args:
        error: what the operating system raised.
        path: the file.
        left: what is left of the work.
    """
    return CurateError(f"{plain_reason(error)}: {path}\n{left}; fix this and run the same command again to go on")


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and everything that led to it, outermost first."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # The error of a Ray task has the original error in `cause`.
        waiting += [getattr(current, "cause", None), current.__cause__, current.__context__]


def as_curate_error(error: BaseException) -> CurateError | None:
    """Converts an exception into the error that the user should see.

    Args:
        error: an exception raised in this process or in a Ray task.

    Returns:
        A `CurateError`, or None for an unknown exception, which should keep its traceback.
    """
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.split(".")[0] != __package__:
        return UsageError(
            f"the Python package {error.name} is not installed for {sys.executable} on {platform.node()}\n"
            "install what scripts/requirements.lock lists; on a cluster in the nodes' image, or submit with --install"
        )
    # Ray raises a subclass of its own for an error in a task. It is a CurateError too, but prints fifty lines.
    return next((cause for cause in causes(error) if type(cause).__module__ == __name__), None)  # pyright: ignore[reportReturnType]


def printable(text: str, *, lines: bool = False) -> str:
    r"""Escapes control characters, so that text from outside cannot control the terminal.

    Args:
        text: such as a file name, or a prompt.
        lines: keep newlines and tabs as they are.

    Returns:
        The text with `\x1b` for an escape character, and so on. Characters that change the direction of writing are
        escaped too.
    """
    shown = _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")


def quoted(path: object) -> str:
    """Quotes a path for the shell. One that begins with `-` gets `./` in front, so that it is not read as an option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def nearest(
    name: str, names: Iterable[str], *, cutoff: float = 0.5, shown: Mapping[str, str] = types.MappingProxyType({})
) -> str:
    """Suggests the valid names that are most similar to a wrong one.

    Args:
        name: what the user typed.
        names: the valid names.
        cutoff: how similar they have to be, from 0 to 1.
        shown: what to show in place of a name.

    Returns:
        `; did you mean X or Y?`, or an empty string when no name is similar.
    """
    by_lower_case = {valid.lower(): shown.get(valid, valid) for valid in names}
    found = difflib.get_close_matches(name.lower(), by_lower_case, n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(by_lower_case[match] for match in found)}?" if found else ""


def nearest_path(path: Path) -> Path | None:
    """Finds the existing path that is most similar to a wrong one, by the name of each folder on the way.

    Args:
        path: what the user typed, which does not exist.

    Returns:
        The path, relative if the wrong one is; None when no path is similar.
    """
    found = Path(path.anchor)
    for name in path.parts[1:] if path.anchor else path.parts:
        if not (found / name).exists():
            try:
                names = {each.name.lower(): each.name for each in found.iterdir()}
            except OSError:
                return None
            similar = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
            if not similar:
                return None
            name = names[similar[0]]
        found /= name
    return found
