"""Logging in as Intuit has it: codes, tokens that run out, refresh values that change and serve once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from integration_pipeline.sandbox.quickbooks.options import Lifetimes
from integration_pipeline_tests.sandbox.quickbooks.conftest import (
    UK,
    US,
    Api,
    Connect,
    Sandbox,
    advance,
)

_APP = ("client", "secret")
_REDIRECT = "https://ours.test/callback"
_ASKED = {
    "client_id": "client",
    "response_type": "code",
    "scope": "com.intuit.quickbooks.accounting",
    "redirect_uri": _REDIRECT,
    "state": "s1",
}


def _consent(sandbox: Sandbox, http: httpx.Client, **changes: str) -> dict[str, str]:
    """What the app is told when the user comes back."""
    answer = http.get(f"{sandbox.base_url}/connect/oauth2", params=_ASKED | changes)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith(_REDIRECT)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def _token(sandbox: Sandbox, http: httpx.Client, **form: str) -> httpx.Response:
    return http.post(f"{sandbox.base_url}/oauth2/v1/tokens/bearer", data=form, auth=_APP)


def _refresh(sandbox: Sandbox, http: httpx.Client, value: str) -> httpx.Response:
    return _token(sandbox, http, grant_type="refresh_token", refresh_token=value)


def _login(sandbox: Sandbox) -> dict[str, str]:
    return sandbox.admin("POST", "/tokens", {"realm": US})


def test_consent_returns_a_code_the_state_and_the_company(sandbox: Sandbox, http: httpx.Client) -> None:
    told = _consent(sandbox, http)
    assert (told["state"], told["realmId"]) == ("s1", US)
    form = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": _REDIRECT}
    tokens = _token(sandbox, http, **form).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 3_600)
    assert tokens["x_refresh_token_expires_in"] == 8_640_000
    again = _token(sandbox, http, **form)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


def test_the_user_chooses_the_company_or_refuses(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.admin("PUT", "/consent", {"realm": UK})
    assert _consent(sandbox, http)["realmId"] == UK
    sandbox.admin("PUT", "/consent", {"refuse": True})
    assert _consent(sandbox, http) == {"state": "s1", "error": "access_denied"}


@pytest.mark.parametrize(
    "change", [{"client_id": "other"}, {"redirect_uri": ""}, {"scope": "openid"}, {"state": ""}]
)
def test_a_wrong_request_for_consent_goes_nowhere(
    sandbox: Sandbox, http: httpx.Client, change: dict[str, str]
) -> None:
    answer = http.get(f"{sandbox.base_url}/connect/oauth2", params=_ASKED | change)
    assert answer.status_code == 400


def test_a_code_is_good_for_its_redirect_uri_only(sandbox: Sandbox, http: httpx.Client) -> None:
    code = _consent(sandbox, http)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://other.test/"}
    assert _token(sandbox, http, **form).status_code == 400


def test_an_app_needs_its_secret(sandbox: Sandbox, http: httpx.Client) -> None:
    url = f"{sandbox.base_url}/oauth2/v1/tokens/bearer"
    answer = http.post(url, data={"grant_type": "refresh_token"}, auth=("client", "wrong"))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_an_access_token_lasts_an_hour(api: Api, connect: Connect) -> None:
    advance(api.sandbox, timedelta(minutes=59))
    assert api.call("GET", "/preferences").status == 200
    advance(api.sandbox, timedelta(minutes=1))
    answer = api.call("GET", "/preferences")
    assert answer.status == 401
    assert answer.body["fault"]["error"][0]["code"] == "3200"
    assert connect(US).call("GET", "/preferences").status == 200


def test_a_token_opens_one_company(api: Api, connect: Connect) -> None:
    foreign = connect(UK)
    foreign.token = api.token
    answer = foreign.call("GET", "/preferences")
    assert answer.status == 401
    assert '<Error code="100">' in answer.body


def test_a_refresh_value_stays_for_a_day_and_then_changes(sandbox: Sandbox, http: httpx.Client) -> None:
    value = _login(sandbox)["refresh_token"]
    same = _refresh(sandbox, http, value).json()
    assert same["refresh_token"] == value
    advance(sandbox, timedelta(days=1))
    changed = _refresh(sandbox, http, value).json()["refresh_token"]
    assert changed != value
    used = _refresh(sandbox, http, value)
    assert (used.status_code, used.json()) == (400, {"error": "invalid_grant"})
    assert _refresh(sandbox, http, changed).status_code == 200


def test_a_lost_answer_costs_the_connection_once_the_value_has_changed(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    value = _login(sandbox)["refresh_token"]
    advance(sandbox, timedelta(days=1))
    rule = {"name": "lost", "path": "/oauth2/*", "times": 1, "fault": {"kind": "drop_after"}}
    sandbox.admin("PUT", "/faults", {"rules": [rule]})
    with pytest.raises(httpx.RemoteProtocolError):
        _refresh(sandbox, http, value)
    assert _refresh(sandbox, http, value).status_code == 400


def _refreshed_at_once(sandbox: Sandbox, value: str) -> list[int]:
    """The statuses of two refreshes of one value at the same time."""

    async def both() -> list[int]:
        async with httpx.AsyncClient(auth=_APP) as client:
            form = {"grant_type": "refresh_token", "refresh_token": value}
            url = f"{sandbox.base_url}/oauth2/v1/tokens/bearer"
            # Warm connections, so that the two requests meet.
            await asyncio.gather(client.post(url), client.post(url))
            answers = await asyncio.gather(client.post(url, data=form), client.post(url, data=form))
            return sorted(answer.status_code for answer in answers)

    return asyncio.run(both())


def test_of_two_refreshes_at_once_one_is_refused(sandbox: Sandbox, lives: Callable[..., None]) -> None:
    # Long enough for both to be under way.
    lives(refresh_ms=500)
    assert _refreshed_at_once(sandbox, _login(sandbox)["refresh_token"]) == [200, 400]


def test_a_refresh_value_runs_out_after_a_hundred_days(sandbox: Sandbox, http: httpx.Client) -> None:
    value = _login(sandbox)["refresh_token"]
    advance(sandbox, timedelta(days=100))
    assert _refresh(sandbox, http, value).status_code == 400


def test_who_asks_is_told_of_the_hard_expiry(sandbox: Sandbox, http: httpx.Client) -> None:
    answer = http.post(
        f"{sandbox.base_url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": _login(sandbox)["refresh_token"]},
        auth=_APP,
        headers={"x-include-refresh-token-hard-expires-in": "true"},
    )
    assert 0 <= 157_680_000 - answer.json()["x_refresh_token_hard_expires_in"] < 60


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
def test_revoking_either_token_ends_both(sandbox: Sandbox, http: httpx.Client, which: str) -> None:
    tokens = _login(sandbox)
    url = f"{sandbox.base_url}/v2/oauth2/tokens/revoke"
    assert http.post(url, json={"token": tokens[which]}, auth=_APP).status_code == 200
    assert _refresh(sandbox, http, tokens["refresh_token"]).status_code == 400
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert http.get(f"{sandbox.base_url}/v3/company/{US}/preferences", headers=headers).status_code == 401
    assert http.post(url, json={"token": tokens[which]}, auth=_APP).status_code == 400


@pytest.fixture
def lives(sandbox: Sandbox) -> Iterator[Callable[..., None]]:
    """Sets other lifetimes for the test."""

    def live(**changes: object) -> None:
        sandbox.admin("PUT", "/lifetimes", {**Lifetimes().model_dump(), **changes})

    yield live
    live()


def test_a_second_refresh_may_cost_the_connection(sandbox: Sandbox, lives: Callable[..., None]) -> None:
    lives(second_refresh_revokes=True, refresh_ms=500)
    value = _login(sandbox)["refresh_token"]
    assert _refreshed_at_once(sandbox, value) == [400, 400]


def test_values_may_be_made_to_change_with_every_refresh(
    sandbox: Sandbox, http: httpx.Client, lives: Callable[..., None]
) -> None:
    lives(refresh_value=0)
    value = _login(sandbox)["refresh_token"]
    changed = _refresh(sandbox, http, value).json()["refresh_token"]
    assert changed != value
    assert _refresh(sandbox, http, value).status_code == 400
