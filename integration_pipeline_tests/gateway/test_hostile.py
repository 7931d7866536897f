"""Ten thousand requests that are none of HubSpot's: judged as the gateway judges them, a part over HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import httpx
import pytest

from integration_pipeline.crm.hubspot.signature import Forged, Proof
from integration_pipeline.crm.hubspot.webhooks import MalformedWebhook, read_events
from integration_pipeline_tests.gateway.conftest import PUBLIC_URL, Running
from integration_pipeline_tests.gateway.hubspot import PATH, SECRET, body_of, event, signed
from integration_pipeline_tests.gateway.malformed import forged, malformed

_COUNT = 5_000
# Enough for each way of going wrong to come by dozens of times; what a request then costs is HTTP's.
_OVER_HTTP = 250
_URL = PUBLIC_URL + PATH
Make = Callable[[int, str], tuple[bytes, dict[str, str]]]


@pytest.mark.parametrize(("make", "status"), [(malformed, 400), (forged, 401)])
def test_hundreds_of_requests_that_are_not_hubspots_leave_nothing(
    running: Running, make: Make, status: int
) -> None:
    url = running.process.webhook_url
    before = running.inbox.count
    answers: Counter[int] = Counter()
    connection = HTTPConnection(url.split("/")[2], timeout=30)
    with closing(connection):
        for number in range(_OVER_HTTP):
            body, headers = make(number, url)
            connection.request("POST", PATH, body, headers)
            with connection.getresponse() as response:
                response.read()
            answers[response.status] += 1

        assert answers == {status: _OVER_HTTP}
        assert running.inbox.count == before
        valid = body_of(event(77_000 + status))
        connection.request("POST", PATH, valid, signed(url, valid))
        assert connection.getresponse().status == 200


@pytest.mark.parametrize(("make", "refusal"), [(malformed, MalformedWebhook), (forged, Forged)])
def test_thousands_of_requests_that_are_not_hubspots_are_told(make: Make, refusal: type[Exception]) -> None:
    for number in range(_OVER_HTTP, _COUNT):
        body, headers = make(number, _URL)
        with pytest.raises(refusal):
            _judge(body, headers)


def _judge(body: bytes, headers: dict[str, str]) -> None:
    """As the route does, before it keeps anything."""
    proof = Proof.of(httpx.Headers(headers), time.time_ns() // 1_000_000)
    proof.require((SECRET,), method="POST", uri=_URL.encode(), body=body)
    read_events(body)
