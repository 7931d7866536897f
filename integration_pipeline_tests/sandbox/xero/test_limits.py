"""Rate limits: by minute, by day, by app, at once; and what a 429 tells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from integration_pipeline.sandbox.xero.options import Limits
from integration_pipeline_tests.sandbox.xero.conftest import OTHER_TENANT, ROOT, TENANT, Admin, Api

NONE = Limits.unlimited().model_dump()


def read(api: Api) -> int:
    return api.get("/Organisation").status


def test_answers_tell_what_is_left(admin: Admin, api: Api) -> None:
    admin("PUT", "/limits", {})
    read(api)
    headers = api.get("/Organisation").headers

    assert headers["X-MinLimit-Remaining"] == "58"
    assert headers["X-DayLimit-Remaining"] == "4998"
    assert headers["X-AppMinLimit-Remaining"] == "9998"


def test_a_minute_allows_so_many_calls_and_rolls_on(admin: Admin, api: Api) -> None:
    admin("PUT", "/limits", {**NONE, "per_minute": 3})
    assert [read(api) for _ in range(3)] == [200] * 3
    admin("PUT", "/clock", {"advance_seconds": 30})

    refused = api.get("/Organisation")

    assert (refused.status, refused.body) == (429, "")
    assert refused.headers["X-Rate-Limit-Problem"] == "minute"
    assert refused.headers["X-MinLimit-Remaining"] == "0"
    assert 1 <= int(refused.headers["Retry-After"]) <= 30
    admin("PUT", "/clock", {"advance_seconds": int(refused.headers["Retry-After"])})
    assert read(api) == 200


def test_a_day_allows_so_many_calls_until_the_organisations_own_midnight(
    admin: Admin, client: httpx.Client, api: Api
) -> None:
    admin("PUT", "/limits", {**NONE, "per_day": 2})
    read(api)
    read(api)

    refused = api.get("/Organisation")

    assert (refused.status, refused.headers["X-Rate-Limit-Problem"]) == (429, "day")
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 86_400
    admin("PUT", "/clock", {"advance_seconds": wait})
    fresh = admin("POST", "/connect", {"client_id": "web"})["access_token"]
    assert read(Api(client, fresh, TENANT, None)) == 200


def test_a_refused_call_counts_for_nothing(admin: Admin, api: Api) -> None:
    admin("PUT", "/limits", {**NONE, "per_minute": 1, "per_day": 5})
    assert [read(api), read(api), read(api)] == [200, 429, 429]
    assert api.get("/Organisation").headers["X-DayLimit-Remaining"] == "4"


def test_each_organisation_has_limits_of_its_own_and_the_app_one_for_all(
    admin: Admin, client: httpx.Client, api: Api
) -> None:
    other = Api(client, api.headers["Authorization"].removeprefix("Bearer "), OTHER_TENANT, None)
    admin("PUT", "/limits", {**NONE, "per_minute": 1, "app_per_minute": 3})
    assert [read(api), read(other)] == [200, 200]
    admin("PUT", "/limits", {**NONE, "app_per_minute": 3})
    assert [read(api), read(other), read(api)] == [200] * 3

    refused = other.get("/Organisation")

    assert (refused.status, refused.headers["X-Rate-Limit-Problem"]) == (429, "appminute")


def test_no_more_than_five_calls_run_at_once(admin: Admin, api: Api, client: httpx.Client) -> None:
    admin("PUT", "/limits", {**NONE, "concurrent": 5, "duration_ms": 1_500})
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(client.get, f"{ROOT}/Organisation", headers=api.headers) for _ in range(8)]
        answers = [call.result() for call in calls]

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["X-Rate-Limit-Problem"] == "concurrent"
    assert "Retry-After" not in refused.headers
    admin("PUT", "/limits", {**NONE, "concurrent": 5})
    assert read(api) == 200


def test_signing_in_and_connections_are_not_limited(admin: Admin, client: httpx.Client, api: Api) -> None:
    admin("PUT", "/limits", {**NONE, "per_minute": 0})
    assert client.get("/connections", headers=api.headers).status_code == 200
    assert read(api) == 429
