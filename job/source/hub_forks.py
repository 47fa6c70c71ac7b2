"""Keeps a process from waiting for ever when it is forked while others use the Hub's client.

huggingface_hub closes its client in each forked child, for which it takes a lock of the client's connections. A thread
of the parent that used them at that moment held it, and is not in the child. Ray starts its processes by such forks.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any


@functools.cache
def hide_client_from_children() -> None:
    """Hides the client while this process is forked, so that there is none to close. Once is enough."""
    http: Any = importlib.import_module("huggingface_hub.utils._http")
    hidden: list[Any] = []

    def hide() -> None:
        hidden.append(http._GLOBAL_CLIENT)
        http._GLOBAL_CLIENT = None

    def show() -> None:
        client = hidden.pop()
        if http._GLOBAL_CLIENT is None:  # else another thread has made one meanwhile
            http._GLOBAL_CLIENT = client

    if hasattr(http, "_GLOBAL_CLIENT"):
        os.register_at_fork(before=hide, after_in_parent=show)
