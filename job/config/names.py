"""What a category may be called."""

from __future__ import annotations

import re

_CATEGORY = re.compile(r"[^\W_][\w &.,+'()-]*")


_MAX_CATEGORY_BYTES = 200
"""File systems take names of 255 bytes, and `datasets` adds a hash to the name of its own folder for a category."""


def check_category(name: str) -> str:
    """Checks that a name can be a category's: it becomes a folder, a part of a pattern, and a `datasets` config.

    Args:
        name: from a config, or found in a file's name.

    Returns:
        The name.

    Raises:
        ValueError: when it cannot.
    """
    if not _CATEGORY.fullmatch(name) or name != name.strip() or name == "default" or ".." in name:
        raise ValueError(
            f"{name!r} is no category's name: use letters, digits, _ and blanks, such as Musical_Instruments"
        )
    if len(name.encode()) > _MAX_CATEGORY_BYTES:
        raise ValueError(f"{name[:20] + '...'!r} is no category's name: it has more than {_MAX_CATEGORY_BYTES} bytes")
    return name
