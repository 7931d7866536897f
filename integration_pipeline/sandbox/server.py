"""Running the sandbox: in this process (`serve`) or as a child of this one (`SandboxProcess`).

What it answers is `app`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import uvicorn

from integration_pipeline.sandbox.app import create_app
from integration_pipeline.sandbox.faults.connection import ClosableConnection
from integration_pipeline.sandbox.hubspot.limits import Limits

TOKEN_VARIABLE = "HUBSPOT_TOKEN"  # noqa: S105 - the variable's name
READY = "HubSpot sandbox on "


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
    app = create_app(data_dir, token=token, limits=limits)
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


class SandboxProcess:
    """The sandbox in a process of its own, for tests and demos.

    >>> with SandboxProcess(data_dir, token="pat-test") as sandbox:
    ...     httpx.get(sandbox.base_url + "/crm/v3/objects/deals", headers=sandbox.headers)

    The child ends with this process, however that ends. Its messages are in `data_dir/server.log`.
    """

    def __init__(self, data_dir: Path, *, token: str, port: int = 0, limits: Limits | None = None) -> None:
        self._data_dir = data_dir
        self._token = token
        self._port = port
        self._limits = limits
        self._child: subprocess.Popen[str] | None = None
        self.base_url = ""

    @property
    def headers(self) -> dict[str, str]:
        """The authorization header a client of this sandbox needs."""
        return {"Authorization": f"Bearer {self._token}"}

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> str:
        """Start the child, wait until it answers, and return its base URL."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "integration_pipeline.sandbox", "--stop-with-parent"]
        command += ["--data-dir", str(self._data_dir), "--port", str(self._port)]
        if self._limits is not None:
            command += ["--limits", self._limits.model_dump_json()]
        with self._log.open("w") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
                command,
                env={**os.environ, TOKEN_VARIABLE: self._token},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._child.stdout is not None  # noqa: S101
        line = self._child.stdout.readline()
        if not line.startswith(READY):
            self._child.wait()
            raise RuntimeError(f"The HubSpot sandbox did not start: {self._log.read_text().strip()}")
        self.base_url = line.removeprefix(READY).strip()
        httpx.get(f"{self.base_url}/_sandbox/counts", headers=self.headers, timeout=30).raise_for_status()
        return self.base_url

    def stop(self) -> int:
        """Let the child finish its requests and end; its exit code."""
        return self._end(subprocess.Popen[str].terminate)

    def kill(self) -> int:
        """End the child at once, as `kill -9` does."""
        return self._end(subprocess.Popen[str].kill)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self.stop()

    @property
    def _log(self) -> Path:
        return self._data_dir / "server.log"

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None:
            raise RuntimeError("The HubSpot sandbox is not running; call start() first.")
        return self._child

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> int:
        child = self._running()
        how(child)
        code = child.wait(timeout=15)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        self._child = None
        return code


def stop_with_parent() -> None:
    """End this process when its standard input does, which the parent holds open while it lives."""

    def watch() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, aborts the interpreter's shutdown.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
