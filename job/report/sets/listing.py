"""A listing, as a report of a training set shows it."""

from __future__ import annotations

import msgspec


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An item."""

    id: str | None
    title: str | None
    category: str
    price: int | None
    """In cents."""
    text: str | None = None
    """Its text, or the beginning of it; None where it was not read, or the items are gone."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.title or self.id or "(no words)"
