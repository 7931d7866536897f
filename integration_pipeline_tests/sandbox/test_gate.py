"""What every request meets first: token, limits, URL length, and malformed bodies."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from integration_pipeline.sandbox.hubspot.limits import Limits, RateLimiter

DEALS = "/crm/v3/objects/deals"


def limit(client: httpx.Client, **limits: int) -> None:
    client.put("/_sandbox/limits", json=limits).raise_for_status()


@pytest.mark.parametrize("authorization", ["", "Bearer pat-na1-other", "pat-na1-test", "Bearer é"])
@pytest.mark.parametrize("path", [DEALS, "/_sandbox/counts", "/nowhere"])
def test_a_wrong_token_is_refused_everywhere(client: httpx.Client, authorization: str, path: str) -> None:
    answer = client.get(path, headers={b"Authorization": authorization.encode()})
    assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert UUID(answer.json()["correlationId"])


def test_the_ten_second_limit_is_announced_and_then_enforced(client: httpx.Client) -> None:
    limit(client, requests_per_ten_seconds=2, requests_per_day=1_000)
    first, second, third = (client.get(DEALS) for _ in range(3))
    assert first.headers["X-HubSpot-RateLimit-Max"] == "2"
    assert first.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert [
        first.headers["X-HubSpot-RateLimit-Remaining"],
        second.headers["X-HubSpot-RateLimit-Remaining"],
    ] == [
        "1",
        "0",
    ]
    assert second.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "998"
    body = third.json()
    assert (third.status_code, body["errorType"], body["policyName"]) == (
        429,
        "RATE_LIMIT",
        "TEN_SECONDLY_ROLLING",
    )
    assert body["message"] == "You have reached your ten_secondly_rolling limit."


def test_searches_have_a_limit_of_their_own_and_no_headers(client: httpx.Client) -> None:
    limit(client, searches_per_second=1, requests_per_ten_seconds=100)
    answers = [client.post(f"{DEALS}/search", json={}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].json()["policyName"] == "SECONDLY"
    assert answers[1].json()["message"] == "You have reached your secondly limit."
    assert not any("ratelimit" in name.lower() for answer in answers for name in answer.headers)
    assert client.get(DEALS).headers["X-HubSpot-RateLimit-Remaining"] == "99"


def test_the_daily_limit_covers_searches_too(client: httpx.Client) -> None:
    limit(client, requests_per_day=1)
    client.get(DEALS)
    answer = client.post(f"{DEALS}/search", json={})
    assert (answer.status_code, answer.json()["policyName"]) == (429, "DAILY")
    assert answer.json()["message"] == "You have reached your daily limit."


def test_admin_requests_count_against_nothing(client: httpx.Client) -> None:
    limit(client, requests_per_ten_seconds=0)
    assert client.get("/_sandbox/counts").status_code == 200


def test_an_unknown_limit_is_refused(client: httpx.Client) -> None:
    assert client.put("/_sandbox/limits", json={"requests_per_minute": 5}).status_code == 400


def test_hubspots_limits_hold_unless_others_are_given() -> None:
    now = 0.0
    limiter = RateLimiter(Limits(), clock=lambda: now)
    assert [limiter.admit(search=False) for _ in range(190)] == [None] * 190
    assert limiter.admit(search=False) == "TEN_SECONDLY_ROLLING"
    assert [limiter.admit(search=True) for _ in range(6)] == [None] * 5 + ["SECONDLY"]
    now = 10.0
    assert limiter.admit(search=False) is None
    assert limiter.admit(search=True) is None


def test_an_overlong_url_is_refused_as_html(client: httpx.Client) -> None:
    answer = client.get(DEALS, params={"properties": ",".join(f"property_{n}" for n in range(2_000))})
    assert answer.status_code == 414
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"properties": []}',
        b'{"properties": {"dealname": {"deep": 1}}}',
        b'{"properties": {"dealname": "\\ud800"}}',
        b'{"properties":' + b"[" * 100_000,
    ],
)
def test_a_malformed_body_is_hubspots_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post(DEALS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert answer.json()["message"].startswith("Invalid input JSON")


def test_missing_fields_are_named(client: httpx.Client) -> None:
    answer = client.post(f"{DEALS}/merge", json={})
    assert answer.json()["message"].endswith("[primaryObjectId, objectIdToMerge]")


@pytest.mark.parametrize("path", ["/nowhere", f"{DEALS}/999", f"{DEALS}/x", "/crm/v3/owners/1"])
def test_what_is_not_there_is_a_404(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_owners_answer_with_and_without_a_slash(client: httpx.Client) -> None:
    assert client.get("/crm/v3/owners").json() == client.get("/crm/v3/owners/").json() == {"results": []}
