"""Which names a category may have."""

from __future__ import annotations

import re

_CATEGORY = re.compile(r"[^\W_][\w &.,+'()-]*")

_MAX_CATEGORY_BYTES = 200
"""Bytes in a name. File systems allow 255, and `datasets` appends a hash to the name of the folder that it makes."""


def check_category(name: str) -> str:
    """Checks a category's name, which becomes a folder, a part of a glob pattern, and a `datasets` config.

    Args:
        name: the name, from a config or from a file's name.

    Returns:
        The name.

    Raises:
        ValueError: when no category may have this name.
    """
    if not _CATEGORY.fullmatch(name) or name != name.strip() or name == "default" or ".." in name:
        raise ValueError(
            f"{name!r} is no category's name: use letters, digits, _ and blanks, such as Musical_Instruments"
        )
    if len(name.encode()) > _MAX_CATEGORY_BYTES:
        raise ValueError(f"{name[:20] + '...'!r} is no category's name: it has more than {_MAX_CATEGORY_BYTES} bytes")
    return name
