"""A process that becomes another one when somebody connects to its port, and ends at the end of its standard input.

    python -I -S asleep.py HOST PORT COMMAND ...

It imports next to nothing, unlike what it becomes. Whoever connects has to try again, since its port is closed until
the other process has opened it.
"""

from __future__ import annotations

import os
import select
import socket
import sys


def bound(host: str, port: int = 0) -> socket.socket:
    """Returns a socket that is bound to a port.

    Args:
        host: an address of this machine.
        port: the port; 0 for any that is free.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    found = socket.socket(family, kind, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind(address)
    return found


def main() -> None:
    """Waits, and becomes the other process."""
    host, port, *command = sys.argv[1:]
    is_asked = False
    try:
        with bound(host, int(port)) as asked:
            asked.listen()
            is_asked = asked in select.select([0, asked], [], [])[0]
    except OSError:  # somebody else has taken the port meanwhile; hardly anybody asks
        select.select([0], [], [])
    if is_asked:
        os.execv(command[0], command)  # noqa: S606 (the command that Ray has made)


if __name__ == "__main__":
    main()
