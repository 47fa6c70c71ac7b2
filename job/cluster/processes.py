"""A Ray of our own: the folder of its sockets and logs, what dead runs have left of theirs, and whether it is alive.

A run that is killed cannot clean up; the next one does, whoever's it was. A folder's owner has a file in it locked,
which the system unlocks when the owner dies.
"""

from __future__ import annotations

import _thread
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import psutil

from job.errors import CurateError

_PREFIX = "curate-"
_OWNED = "owned"
_LONGEST_PARENT = 30
"""The path of a socket may have 103 characters on macOS, of which Ray uses up to 65 below its folder."""
_POLL_S = 0.5
_HEART_POLL_S = 0.02
"""So soon, since a driver that asks its dead Ray to keep an object is ended by Ray, without a word."""
_ENDED_S = 5.0
_ENDED_POLL_S = 0.01
_PATIENCE_S = 15.0
_YOUNG_S = 60.0
_IDLE = (
    f"ray{os.sep}dashboard{os.sep}dashboard.py",
    f"ray{os.sep}_private{os.sep}log_monitor.py",
    f"ray{os.sep}autoscaler{os.sep}_private{os.sep}monitor.py",
)
_IDLE_POLL_S = 0.05
_HEART = {"raylet": "node process (raylet)", "gcs_server": "control service (gcs_server)"}
"""Processes without which Ray does nothing more. Ray ends the driver without a word, 14 s after the first has died and
60 s after the second."""


def clear_dead_sessions() -> None:
    """Removes what runs that were killed have left of their Rays."""
    for old in _parent().glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's
            _clear(old)


def _parent() -> Path:
    parent = Path(tempfile.gettempdir())
    return parent if len(str(parent)) <= _LONGEST_PARENT else Path("/tmp")  # noqa: S108


@contextlib.contextmanager
def session_folder() -> Generator[str]:
    """Makes the folder of a Ray of our own, and removes it at the end."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_parent()))
    with (folder / f"{_OWNED}-soon").open("x") as owned:
        fcntl.flock(owned, fcntl.LOCK_EX)
        Path(owned.name).rename(folder / _OWNED)  # never there without its lock, for which others look
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Removes the folder of a run that is dead, and what is left of its Ray."""
    if not (folder / _OWNED).exists():
        if time.time() - folder.stat().st_mtime > _YOUNG_S:  # its run died between two lines
            shutil.rmtree(folder, ignore_errors=True)
        return
    with (folder / _OWNED).open("r+") as owned:
        try:
            fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        end_all(str(folder))


def _processes_of(folder: str) -> Iterator[tuple[psutil.Process, str]]:
    """Yields the processes of a Ray and their commands: those told of its folder, and workers with their logs in it."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            if command.startswith("ray::"):  # a worker has written over the words it was started with
                if any(file.path.startswith(folder) for file in process.open_files()):
                    yield process, command
            elif f"{os.sep}ray{os.sep}" in command and folder in command:
                yield process, command


@contextlib.contextmanager
def without_idle() -> Generator[None]:
    """Ends, while Ray starts, what it starts and this job has no use for.

    That is the dashboard, who carries logs to it, and who would ask a cloud for machines. On two cores their imports
    would hold up the start of the rest. The dashboard would also ask the clouds' metadata services where it runs.
    """
    started = threading.Event()

    def end() -> None:
        while not started.wait(_IDLE_POLL_S):
            for process in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    if any(word.endswith(_IDLE) for word in process.cmdline()):
                        process.kill()

    thread = threading.Thread(target=end, daemon=True)
    thread.start()
    try:
        yield
    finally:
        started.set()
        thread.join()


def end_working(folder: str) -> None:
    """Ends the workers of a Ray of our own, for which it would wait one after the other when it is shut down.

    All else is left to Ray: a driver whose node process has been ended is itself ended by Ray, without a word, when it
    asks for an object meanwhile; and a node process ends with its agents.
    """
    found = _processes_of(folder)
    _kill(process for process, command in found if command.startswith("ray::") and "Agent" not in command)


def end_all(folder: str) -> None:
    """Ends a Ray of our own whatever state it is in, and removes its folder."""
    _kill(process for process, _ in _processes_of(folder))
    shutil.rmtree(folder, ignore_errors=True)


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.Error):  # it has ended by itself
            process.kill()
    # `psutil.wait_procs` would wait for zombies too, which whoever has adopted them may leave for a second.
    patience = time.monotonic() + _ENDED_S
    while not all(map(_is_dead, killed)) and time.monotonic() < patience:
        time.sleep(_ENDED_POLL_S)


class Watch:
    """Watches over a Ray of our own, from before it starts: a run without its heart ends with an error, and soon.

    Args:
        folder: the Ray's.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._died: list[str] = []
        self._ended = threading.Event()

    def __enter__(self) -> Watch:
        if threading.current_thread() is threading.main_thread():  # nobody else can be interrupted
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def end(self) -> None:
        """Ends the watch before Ray is stopped, unless that has died, and stopping it may take for ever."""
        if not self._died:
            self._ended.set()

    def _watch(self) -> None:
        processes: dict[psutil.Process, str] = {}
        poll_s = _POLL_S
        while not self._ended.wait(poll_s):
            if len(processes) < len(_HEART):
                processes |= _heart()
            else:
                poll_s = _HEART_POLL_S
            self._died += [_HEART[name] for process, name in processes.items() if _is_dead(process)]
            if self._died:
                _thread.interrupt_main()
                if not self._ended.wait(_PATIENCE_S):
                    os.write(sys.stderr.fileno(), f"error: {self._error()}\n".encode())
                    end_all(self._folder)
                    os._exit(CurateError.exit_code)
                return

    def _error(self) -> CurateError:
        return CurateError(
            f"Ray's {self._died[0]} has died; it may have been killed, as it is when memory runs out\n"
            "what was finished is kept: run the same command again to go on, perhaps with fewer --workers"
        )

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        if self._died and error is not None:
            raise self._error() from None


def _heart() -> dict[psutil.Process, str]:
    """Returns the processes of this one's Ray that it cannot do without, with their names."""
    found: dict[psutil.Process, str] = {}
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if (name := process.name()) in _HEART:
                found[process] = name
    return found


def _is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
