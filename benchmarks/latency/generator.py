"""The load, in a process of its own: closes deals at moments fixed beforehand, whatever the answers do.

    HUBSPOT_TOKEN=... python -m benchmarks.latency.generator BASE_URL PLAN RESULTS

The plan is a JSON list of `{"at", "deal", "newcomer"}`, seconds from the beginning; the results repeat each
deal with `intended_at`, `begun_at`, `answered_at` (epoch seconds). A late answer delays no other closing: as
many connections as it takes, up to a bound beyond which the load is not what was asked for, and says so.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from benchmarks.latency.portal import closing, closing_day, newcomer
from integration_pipeline.child_process import stop_with_parent

_CONNECTIONS = 32
_LEAD_SECONDS = 0.5
_TIMEOUT_SECONDS = 30
# A server closes what is idle for five seconds; a closing that meets such a connection would fail.
_KEPT_SECONDS = 2.0

Closing = dict[str, Any]


class Closer(threading.Thread):
    """One connection to the CRM, kept open; closes whatever deal is next."""

    def __init__(self, address: str, token: str, due: SimpleQueue[Closing | None]) -> None:
        super().__init__(daemon=True)
        self._connection = HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._change = {"properties": dict(closing(closing_day()))}
        self._due = due
        self._used_at = 0.0
        self.refused: list[str] = []

    def run(self) -> None:
        while (each := self._due.get()) is not None:
            each["begun_at"] = time.time()
            if each["begun_at"] - self._used_at > _KEPT_SECONDS:
                self._connection.close()
            try:
                if each["newcomer"]:
                    self._call("POST", "/crm/v3/objects/companies", newcomer(each["deal"]))
                self._call("PATCH", f"/crm/v3/objects/deals/{each['deal']}", self._change)
            except (OSError, HTTPException) as error:
                self.refused.append(f"deal {each['deal']}: {error}")
                self._connection.close()
            each["answered_at"] = self._used_at = time.time()

    def _call(self, method: str, path: str, body: object) -> None:
        self._connection.request(method, path, json.dumps(body), self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise HTTPException(f"{method} {path}: {answer.status} {said[:200]!r}")


def run(base_url: str, token: str, plan: list[Closing]) -> list[str]:
    """Close the deals of the plan, note in it what happened when; what was refused."""
    due: SimpleQueue[Closing | None] = SimpleQueue()
    closers = [Closer(urlsplit(base_url).netloc, token, due) for _ in range(_CONNECTIONS)]
    for closer in closers:
        closer.start()
    beginning, clock = time.time() + _LEAD_SECONDS, time.monotonic() + _LEAD_SECONDS
    for each in plan:
        each["intended_at"] = beginning + each["at"]
        time.sleep(max(0.0, clock + each["at"] - time.monotonic()))
        due.put(each)
    for _ in closers:
        due.put(None)
    for closer in closers:
        closer.join()
    return [each for closer in closers for each in closer.refused]


def main() -> int:
    stop_with_parent()
    base_url, plan_file, results_file = sys.argv[1:]
    plan: list[Closing] = json.loads(Path(plan_file).read_text())
    refused = run(base_url, os.environ["HUBSPOT_TOKEN"], plan)
    for each in refused[:10]:
        sys.stderr.write(f"{each}\n")
    Path(results_file).write_text(json.dumps(plan))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
