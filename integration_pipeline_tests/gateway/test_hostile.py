"""Ten thousand requests that are none of HubSpot's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest

from integration_pipeline_tests.gateway.conftest import Running
from integration_pipeline_tests.gateway.hubspot import PATH, body_of, event, signed
from integration_pipeline_tests.gateway.malformed import forged, malformed

_COUNT = 5_000
Make = Callable[[int, str], tuple[bytes, dict[str, str]]]


@pytest.mark.parametrize(("make", "status"), [(malformed, 400), (forged, 401)])
def test_thousands_of_requests_that_are_not_hubspots_leave_nothing(
    running: Running, make: Make, status: int
) -> None:
    url = running.process.webhook_url
    before = running.inbox.count
    answers: Counter[int] = Counter()
    connection = HTTPConnection(url.split("/")[2], timeout=30)
    with closing(connection):
        for number in range(_COUNT):
            body, headers = make(number, url)
            connection.request("POST", PATH, body, headers)
            with connection.getresponse() as response:
                response.read()
            answers[response.status] += 1

        assert answers == {status: _COUNT}
        assert running.inbox.count == before
        valid = body_of(event(77_000 + status))
        connection.request("POST", PATH, valid, signed(url, valid))
        assert connection.getresponse().status == 200
