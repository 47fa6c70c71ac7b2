"""What a private name of Ray's is to this program: it has a check, and there is a way to go on without it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Internal:
    """One private name of Ray's."""

    name: str
    """As Ray's code has it."""
    fits: Callable[[], bool]
    """Tells whether this Ray has the name in the form that is needed; may raise an error instead of returning False."""
    without: str
    """What is different without it, in words for the user."""

    def is_there(self) -> bool:
        """Tells whether this Ray has the name in the form that is needed. The check is made once per process."""
        return _is_there(self)


@functools.cache
def _is_there(internal: Internal) -> bool:
    try:
        return internal.fits()
    except (ImportError, AttributeError, TypeError, ValueError):
        return False


def found(path: str) -> Any:
    """Returns what a dotted path leads to.

    Args:
        path: names of modules, then of what is in them.

    Raises:
        ImportError: if there is nothing.
        AttributeError: if there is nothing.
    """
    holder, name = _holder(path)
    return getattr(holder, name)


@contextlib.contextmanager
def replaced(path: str, replacement: object) -> Generator[None]:
    """Replaces what a dotted path leads to, while the context lasts.

    Args:
        path: names of modules, then of what is in them.
        replacement: what stands there meanwhile.
    """
    original = found(path)
    replace(path, replacement)
    try:
        yield
    finally:
        replace(path, original)


def replace(path: str, replacement: object) -> None:
    """Replaces what a dotted path leads to.

    Args:
        path: names of modules, then of what is in them.
        replacement: what stands there from now on.
    """
    holder, name = _holder(path)
    setattr(holder, name, replacement)


def _holder(path: str) -> tuple[Any, str]:
    """Returns the module or class that has the last name of a dotted path, and that name."""
    before, _, name = path.rpartition(".")
    try:
        return _imported(before), name
    except ModuleNotFoundError:
        module, _, holder = before.rpartition(".")
        return getattr(_imported(module), holder), name


def _imported(path: str) -> Any:
    """Imports a module, and first what it is in: two threads that begin at different ends can get halves of modules."""
    ends = [place for place, character in enumerate(path) if character == "."]
    for end in ends:
        importlib.import_module(path[:end])
    return importlib.import_module(path)


@contextlib.contextmanager
def variable(name: str, value: str) -> Generator[None]:
    """Sets an environment variable while the context lasts.

    Args:
        name: its name.
        value: its value meanwhile.
    """
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before


_told: set[str] = set()


def tell_what_is_missing(internals: tuple[Internal, ...], say: Callable[[str], object]) -> None:
    """Tells the user, once per process and name, which names this Ray lacks and what is different without them.

    Args:
        internals: the names to check.
        say: receives one line per name that is missing.
    """
    import ray

    for internal in internals:
        if internal.name not in _told and not internal.is_there():
            _told.add(internal.name)
            say(f"Ray {ray.__version__} has no {internal.name}, so {internal.without}")
