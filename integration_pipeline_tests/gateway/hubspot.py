"""HubSpot as a sender: events of its guide, signed as it signs."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any

import httpx

from integration_pipeline.crm.hubspot.signature import sign

SECRET = "app-secret-4711"
PATH = "/webhooks/hubspot"
UNSIGNED = httpx.Auth()
"""For requests that come with signatures of their own, or none."""


def event(number: int, kind: str = "deal.propertyChange", **fields: Any) -> dict[str, Any]:
    """An event of the deal with that number; the same arguments make the same event."""
    return {
        "eventId": number,
        "subscriptionId": 1,
        "portalId": 62515,
        "appId": 1001,
        "occurredAt": 1_790_000_000_000 + number,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "objectId": number,
        "changeSource": "CRM_UI",
        **fields,
    }


def body_of(*events: object) -> bytes:
    return json.dumps(events).encode()


def signed(
    url: str, body: bytes, *, secret: str = SECRET, seconds_ago: float = 0, method: str = "POST"
) -> dict[str, str]:
    """The headers with which HubSpot sends `body` to `url`."""
    timestamp = str(int((time.time() - seconds_ago) * 1_000))
    return {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": sign(secret, method, url.encode(), body, timestamp),
        "X-HubSpot-Request-Timestamp": timestamp,
    }


class Signing(httpx.Auth):
    """Signs whatever is sent, as it is sent, for the address under which the receiver is known."""

    requires_request_body = True

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        url = self._public_url + request.url.raw_path.decode()
        request.headers.update(signed(url, request.content, method=request.method))
        yield request
