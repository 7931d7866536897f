"""A port for a server that has to be told which: where one can listen on port 0, do that instead."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Nobody listens there now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
