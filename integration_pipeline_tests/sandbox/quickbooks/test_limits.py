"""Rate limits on the sandbox's clock, faults in Intuit's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from integration_pipeline.sandbox.quickbooks.options import Limits
from integration_pipeline_tests.sandbox.quickbooks.conftest import UK, Api, Connect, advance


def _limit(api: Api, **limits: object) -> None:
    api.sandbox.admin("PUT", "/limits", {**Limits.unlimited().model_dump(), **limits})


def _statuses(api: Api, times: int, path: str = "/preferences") -> list[int]:
    return [api.call("GET", path).status for _ in range(times)]


def test_a_company_has_so_many_requests_a_minute(api: Api, connect: Connect) -> None:
    _limit(api, per_minute=3)
    assert _statuses(api, 4) == [200, 200, 200, 429]
    assert _statuses(connect(UK), 1) == [200]
    advance(api.sandbox, timedelta(minutes=1))
    assert _statuses(api, 1) == [200]


def test_a_throttle_is_xml_whatever_was_accepted_and_names_no_time(api: Api) -> None:
    _limit(api, per_minute=0)
    answer = api.call("GET", "/preferences")
    assert (answer.status, answer.headers["content-type"]) == (429, "application/xml")
    assert "errorCode=003001; statusCode=429" in answer.body
    assert "retry-after" not in answer.headers


def test_a_throttle_can_be_json(api: Api) -> None:
    _limit(api, per_minute=0, throttle_form="json")
    assert api.call("GET", "/preferences").body["Fault"]["Error"][0]["code"] == "3001"


def test_batches_have_a_limit_of_their_own(api: Api) -> None:
    _limit(api, batches_per_minute=1)
    body = {"BatchItemRequest": [{"bId": "1", "Query": "SELECT * FROM Item"}]}
    assert [api.call("POST", "/batch", body).status for _ in range(2)] == [200, 429]
    assert _statuses(api, 1) == [200]


def test_refused_requests_count_for_nothing(api: Api) -> None:
    _limit(api, per_minute=1, per_second=1)
    assert _statuses(api, 3) == [200, 429, 429]
    advance(api.sandbox, timedelta(minutes=1))
    assert _statuses(api, 1) == [200]


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ({"kind": "error", "status": 500}, 500, "System Failure Error"),
        ({"kind": "error", "status": 503}, 503, "<html>"),
        ({"kind": "throttle", "policy": "per_minute"}, 429, "ThrottleExceeded"),
        ({"kind": "unauthorized"}, 401, "Token revoked"),
        ({"kind": "garbage", "form": "text"}, 200, "It works!"),
        ({"kind": "garbage", "form": "shape"}, 200, "'QueryResponse': []"),
        ({"kind": "garbage", "form": "record"}, 200, "'Id': None"),
    ],
)
def test_faults_on_order_speak_as_intuit_does(
    api: Api, fault: dict[str, object], status: int, said: str
) -> None:
    api.sandbox.admin(
        "PUT", "/faults", {"rules": [{"name": "f", "path": "/v3/*", "times": 1, "fault": fault}]}
    )
    answer = api.call("GET", "/query", query="SELECT * FROM Item")
    assert answer.status == status
    assert said in str(answer.body)
    assert api.ids("SELECT * FROM Item") == ["1"]


def test_an_answer_lost_after_the_commit_is_repeated_by_its_request_id(api: Api) -> None:
    rule = {"name": "lost", "path": "*/customer", "times": 1, "fault": {"kind": "garbage"}}
    api.sandbox.admin("PUT", "/faults", {"rules": [rule]})
    assert (
        api.post("Customer", {"DisplayName": "Acme"}, requestid="once")
        .headers["content-type"]
        .startswith("text/html")
    )
    assert api.make("Customer", {"DisplayName": "Acme"}, requestid="once")["Id"] == "1"


def test_every_answer_can_be_found_by_its_tid(api: Api) -> None:
    first, second = (api.call("GET", path).headers["intuit_tid"] for path in ("/preferences", "/invoice/9"))
    assert first != second


@pytest.mark.parametrize("path", ["/estimate", "/invoice/1/pdf", "/invoice/x"])
def test_what_is_not_there_is_refused(api: Api, path: str) -> None:
    assert api.call("GET", path).code in ("500", "610")
