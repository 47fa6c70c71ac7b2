"""curate: turns a large product catalogue into training data, on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from job.loader import Item, ItemLoader

__all__ = ["Item", "ItemLoader"]


def __getattr__(name: str) -> Any:
    """Imports `job.loader` on first use: the command does not need it."""
    if name in __all__:
        from job import loader

        return getattr(loader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
