"""Signing in: codes, tokens that expire and rotate, connections, and what a token may be used for."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from integration_pipeline_tests.sandbox.xero.conftest import OTHER_TENANT, ROOT, TENANT, Admin

CALLBACK = "http://127.0.0.1:5000/callback"
SCOPE = "offline_access accounting.transactions accounting.contacts accounting.settings"
WEB = httpx.BasicAuth("web", "web-secret")
HALF_AN_HOUR = 1_800


def authorize(client: httpx.Client, **asked: str) -> httpx.Response:
    return client.get(
        "/identity/connect/authorize",
        params={
            "response_type": "code",
            "client_id": "web",
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "state": "xyz",
            **asked,
        },
    )


def told(answer: httpx.Response) -> dict[str, str]:
    """What a redirect tells the app."""
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def exchange(client: httpx.Client, code: str, **form: str) -> httpx.Response:
    data = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **form}
    return client.post("/connect/token", data=data, auth=WEB)


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post(
        "/connect/token", data={"grant_type": "refresh_token", "refresh_token": token}, auth=WEB
    )


@pytest.fixture
def issued(client: httpx.Client) -> dict[str, Any]:
    """The tokens of a sign-in by browser."""
    return exchange(client, told(authorize(client))["code"]).raise_for_status().json()


def bearer(token: str, tenant: str = TENANT) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "xero-tenant-id": tenant}


def invoices(client: httpx.Client, token: str, tenant: str = TENANT) -> httpx.Response:
    return client.get(f"{ROOT}/Invoices", headers=bearer(token, tenant))


def pass_time(admin: Admin, seconds: int) -> None:
    admin("PUT", "/clock", {"advance_seconds": seconds})


def test_the_browser_brings_back_a_code_and_the_state_it_took_along(client: httpx.Client) -> None:
    brought = told(authorize(client))

    assert brought["state"] == "xyz"
    assert exchange(client, brought["code"]).json()["token_type"] == "Bearer"


def test_a_code_works_once(client: httpx.Client) -> None:
    code = told(authorize(client))["code"]
    exchange(client, code).raise_for_status()

    assert exchange(client, code).json() == {"error": "invalid_grant"}


def test_a_code_is_worth_nothing_at_another_redirect_address(client: httpx.Client) -> None:
    code = told(authorize(client))["code"]

    refused = exchange(client, code, redirect_uri="http://127.0.0.1:5000/other")

    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


def test_a_code_with_a_challenge_needs_the_verifier(client: httpx.Client) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    codes = [told(authorize(client, code_challenge=challenge))["code"] for _ in range(2)]

    assert exchange(client, codes[0], code_verifier="w" * 43).json() == {"error": "invalid_grant"}
    assert exchange(client, codes[1], code_verifier=verifier).status_code == 200


def test_a_redirect_address_that_is_not_registered_is_not_gone_to(client: httpx.Client) -> None:
    assert authorize(client, client_id="strict").status_code == 400
    allowed = authorize(client, client_id="strict", redirect_uri="https://books.example/callback")
    assert told(allowed)["code"]


def test_a_wrong_secret_is_an_invalid_client(client: httpx.Client) -> None:
    refused = client.post(
        "/connect/token", data={"grant_type": "client_credentials"}, auth=httpx.BasicAuth("web", "wrong")
    )
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_client"})


def test_an_access_token_ends_after_half_an_hour(
    admin: Admin, client: httpx.Client, issued: dict[str, Any]
) -> None:
    assert issued["expires_in"] == HALF_AN_HOUR
    assert invoices(client, issued["access_token"]).status_code == 200

    pass_time(admin, HALF_AN_HOUR + 1)

    refused = invoices(client, issued["access_token"])
    assert refused.status_code == 401
    assert refused.json()["Detail"].startswith("TokenExpired: token expired at ")


def test_each_refresh_gives_another_refresh_token(client: httpx.Client, issued: dict[str, Any]) -> None:
    fresh = refresh(client, issued["refresh_token"]).json()

    assert fresh["refresh_token"] != issued["refresh_token"]
    assert invoices(client, fresh["access_token"]).status_code == 200


def test_a_used_refresh_token_can_be_retried_for_half_an_hour(
    admin: Admin, client: httpx.Client, issued: dict[str, Any]
) -> None:
    refresh(client, issued["refresh_token"]).raise_for_status()
    pass_time(admin, HALF_AN_HOUR - 60)
    assert refresh(client, issued["refresh_token"]).status_code == 200

    pass_time(admin, 120)

    refused = refresh(client, issued["refresh_token"])
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant"})


def test_a_refresh_token_that_is_not_used_ends_after_sixty_days(
    admin: Admin, client: httpx.Client, issued: dict[str, Any]
) -> None:
    pass_time(admin, 60 * 86_400 + 1)

    assert refresh(client, issued["refresh_token"]).json() == {"error": "invalid_grant"}


def test_without_offline_access_there_is_no_refresh_token(client: httpx.Client) -> None:
    code = told(authorize(client, scope="accounting.transactions"))["code"]
    assert "refresh_token" not in exchange(client, code).json()


def test_a_custom_connection_signs_in_by_its_secret_alone(client: httpx.Client) -> None:
    issued = client.post(
        "/connect/token", data={"grant_type": "client_credentials"}, auth=httpx.BasicAuth("own", "own-secret")
    ).json()

    assert "refresh_token" not in issued
    headers = {"Authorization": f"Bearer {issued['access_token']}"}
    assert client.get(f"{ROOT}/Organisation", headers=headers).status_code == 200
    assert invoices(client, issued["access_token"], OTHER_TENANT).status_code == 403


def test_an_ordinary_app_has_no_client_credentials(client: httpx.Client) -> None:
    refused = client.post("/connect/token", data={"grant_type": "client_credentials"}, auth=WEB)
    assert refused.json() == {"error": "unauthorized_client"}


def test_connections_name_the_organisations_consented_to(
    client: httpx.Client, issued: dict[str, Any]
) -> None:
    connections = client.get("/connections", headers=bearer(issued["access_token"])).json()

    assert {one["tenantId"]: one["tenantName"] for one in connections} == {
        TENANT: "Kiwi Software",
        OTHER_TENANT: "Second Books",
    }
    event = connections[0]["authEventId"]
    of_event = client.get(
        "/Connections", headers=bearer(issued["access_token"]), params={"authEventId": event}
    )
    assert len(of_event.json()) == 2


def test_an_organisation_that_was_disconnected_is_forbidden(
    client: httpx.Client, issued: dict[str, Any]
) -> None:
    token = issued["access_token"]
    connections = client.get("/connections", headers=bearer(token)).json()
    mine = next(one["id"] for one in connections if one["tenantId"] == TENANT)

    assert client.delete(f"/connections/{mine}", headers=bearer(token)).status_code == 204

    refused = invoices(client, token)
    assert refused.status_code == 403
    assert refused.json()["Detail"] == "AuthenticationUnsuccessful"
    assert invoices(client, token, OTHER_TENANT).status_code == 200


@pytest.mark.parametrize("tenant", ["", "00000000-2222-4333-8444-555555555555"])
def test_a_call_must_name_a_connected_organisation(
    client: httpx.Client, issued: dict[str, Any], tenant: str
) -> None:
    assert invoices(client, issued["access_token"], tenant).status_code == 403


def test_a_revoked_sign_in_ends_tokens_and_connections(client: httpx.Client, issued: dict[str, Any]) -> None:
    client.post("/connect/revocation", data={"token": issued["refresh_token"]}, auth=WEB).raise_for_status()

    assert invoices(client, issued["access_token"]).status_code == 401
    assert refresh(client, issued["refresh_token"]).json() == {"error": "invalid_grant"}


def test_a_scope_for_reading_does_not_allow_writing(client: httpx.Client) -> None:
    code = told(authorize(client, scope="accounting.invoices.read"))["code"]
    token = exchange(client, code).json()["access_token"]

    assert invoices(client, token).status_code == 200
    refused = client.put(f"{ROOT}/Invoices", headers=bearer(token), json={"Invoices": []})
    assert (refused.status_code, refused.json()["Detail"]) == (401, "AuthorizationUnsuccessful")
    assert client.get(f"{ROOT}/Payments", headers=bearer(token)).status_code == 401


def test_a_made_up_token_is_unauthorized(client: httpx.Client) -> None:
    refused = invoices(client, "made-up")
    assert (refused.status_code, refused.json()["Title"]) == (401, "Unauthorized")
