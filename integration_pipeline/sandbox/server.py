"""Running the sandbox: in this process (`serve`) or as a child of this one (`SandboxProcess`).

What it answers is `app`.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx
import uvicorn
from starlette.applications import Starlette

from integration_pipeline.child_process import ChildProcess
from integration_pipeline.sandbox.app import create_app
from integration_pipeline.sandbox.faults.connection import ClosableConnection
from integration_pipeline.sandbox.hubspot.limits import Limits

TOKEN_VARIABLE = "HUBSPOT_TOKEN"  # noqa: S105 - the variable's name
READY = "HubSpot sandbox on "
OPTIONS_VARIABLE = "SANDBOX_OPTIONS"
"""A vendor's options as JSON: they hold secrets, so they are no argument."""


def ready_line(vendor: str) -> str:
    """How the line begins with which a vendor's sandbox says where it is."""
    return f"{vendor} sandbox on "


def serve(
    data_dir: Path,
    host: str,
    port: int,
    token: str,
    *,
    limits: Limits | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests and return.

    Port 0 takes a free one; `announce` is told the base URL once connections are accepted. Raises OSError
    when the port is taken and `StorageInUseError` when the directory is.
    """
    serve_app(create_app(data_dir, token=token, limits=limits), host, port, announce=announce)


def serve_app(app: Starlette, host: str, port: int, *, announce: Callable[[str], None] | None = None) -> None:
    """The same for any vendor's application."""
    config = uvicorn.Config(
        app,
        http=ClosableConnection,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    with socket.create_server((host, port)) as listener:
        if announce is not None:
            announce(f"http://{host}:{listener.getsockname()[1]}")
        # uvicorn raises the signal again after its shutdown; turned into KeyboardInterrupt it ends here.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, before)


class SandboxProcess(ChildProcess):
    """The sandbox in a process of its own, for tests and demos.

    >>> with SandboxProcess(data_dir, token="pat-test") as sandbox:
    ...     httpx.get(sandbox.base_url + "/crm/v3/objects/deals", headers=sandbox.headers)

    Its messages are in `data_dir/server.log`.
    """

    def __init__(self, data_dir: Path, *, token: str, port: int = 0, limits: Limits | None = None) -> None:
        arguments = ["--data-dir", str(data_dir), "--port", str(port)]
        if limits is not None:
            arguments += ["--limits", limits.model_dump_json()]
        super().__init__(
            "integration_pipeline.sandbox",
            arguments,
            environment={TOKEN_VARIABLE: token},
            ready=READY,
            log=data_dir / "server.log",
        )
        self._token = token

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:8025`, once it was started."""
        return self.announced

    @property
    def headers(self) -> dict[str, str]:
        """The authorization header a client of this sandbox needs."""
        return {"Authorization": f"Bearer {self._token}"}

    def start(self) -> Self:
        """Start the child and wait until it answers."""
        super().start()
        httpx.get(f"{self.base_url}/_sandbox/counts", headers=self.headers, timeout=30).raise_for_status()
        return self
