"""A vendor's sandbox in a process of its own, for tests, benchmarks and the demo."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import BaseModel, SecretStr

from integration_pipeline.child_process import ChildProcess
from integration_pipeline.sandbox.frame import ADMIN_KEY_HEADER, FrameOptions
from integration_pipeline.sandbox.server import OPTIONS_VARIABLE, ready_line
from integration_pipeline.sandbox.told import ADMIN_ROOT


class VendorProcess(ChildProcess):
    """One of `vendors.VENDORS`, as a child of this process.

    >>> with VendorProcess("xero", data_dir, Options(...)) as sandbox:
    ...     sandbox.admin("PUT", "/latency", {"ms": 80})

    Its messages are in `data_dir/server.log`.
    """

    def __init__(self, vendor: str, data_dir: Path, options: FrameOptions, *, port: int = 0) -> None:
        super().__init__(
            "integration_pipeline.sandbox",
            ["--vendor", vendor, "--data-dir", str(data_dir), "--port", str(port)],
            environment={OPTIONS_VARIABLE: _in_clear(options)},
            ready=ready_line(vendor),
            log=data_dir / "server.log",
        )
        self._admin_key = options.admin_key

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:8025`, once it was started."""
        return self.announced

    def start(self) -> Self:
        """Start the child and wait until it answers."""
        super().start()
        self.admin("GET", "/clock")
        return self

    def admin(self, method: str, path: str, json: object = None) -> Any:
        """Call `/_sandbox{path}`; the parsed answer, or None without a body. Raises on a refusal."""
        answer = httpx.request(
            method,
            f"{self.base_url}{ADMIN_ROOT}{path}",
            json=json,
            headers={ADMIN_KEY_HEADER: self._admin_key.get_secret_value()},
            timeout=60,
        )
        if answer.is_error:
            raise RuntimeError(f"{method} {ADMIN_ROOT}{path} was refused: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def _in_clear(options: FrameOptions) -> str:
    """Options as JSON with their secrets, for the child's environment alone."""
    return json_text.dumps(options.model_dump(), default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, (set, frozenset)):
        return sorted(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - any set
    return str(value)
