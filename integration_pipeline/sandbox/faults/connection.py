"""A server connection that an ASGI application can close, which ASGI itself has no word for.

Only the way to the socket; who closes it and why is `middleware`.
"""

from __future__ import annotations

from typing import cast

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_EXTENSION = "sandbox.connection"


class ClosableConnection(HttpToolsProtocol):
    """uvicorn's HTTP connection, offered to the application in its scope's `extensions`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"protocol": self}}


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Send what was written so far, close the connection, and return once it is closed.

    Raises RuntimeError under a server that was not started with `ClosableConnection`.
    """
    offered = scope.get("extensions", {}).get(_EXTENSION)
    if offered is None:
        raise RuntimeError("This server cannot close connections; start the sandbox with sandbox.server.")
    cast("ClosableConnection", offered["protocol"]).transport.close()
    # uvicorn takes a return before this for a mistake of the application, and logs it.
    await until_disconnected(receive)


async def until_disconnected(receive: Receive) -> None:
    """Take in the rest of the request, then wait until the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
