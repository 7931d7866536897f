"""A vendor's sandbox as tests use it: its address, and `/_sandbox` over one kept connection."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from integration_pipeline.sandbox.frame import ADMIN_KEY_HEADER, FrameOptions
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.told import ADMIN_ROOT

_LONG = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """A running sandbox."""

    base_url: str
    _http: httpx.Client

    def admin(self, method: str, path: str, json: object = None) -> Any:
        """As `VendorProcess.admin`, without a new connection each time."""
        answer = self._http.request(method, f"{ADMIN_ROOT}{path}", json=json)
        if answer.is_error:
            raise RuntimeError(f"{method} {path} was refused: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def delivered(self) -> bool:
        """Whether all webhooks are acknowledged or given up."""
        queue = self.admin("GET", "/webhooks/queue")
        return not (queue["open"] or queue["duplicates"] or queue["requests"])

    def waiting(self) -> int:
        """How many events wait for their next attempt; 0 while one is under way."""
        queue = self.admin("GET", "/webhooks/queue")
        return 0 if queue["requests"] else int(queue["open"])


def until(reached: Callable[[], object]) -> None:
    """Wait for something that must become true."""
    ends = time.monotonic() + _LONG
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.01)


@contextmanager
def desk(vendor: str, data_dir: Path, options: FrameOptions) -> Generator[Desk]:
    """Start a vendor's sandbox; it ends with the block."""
    headers = {ADMIN_KEY_HEADER: options.admin_key.get_secret_value()}
    with (
        VendorProcess(vendor, data_dir, options) as process,
        httpx.Client(base_url=process.base_url, headers=headers, timeout=60) as http,
    ):
        yield Desk(process.base_url, http)
