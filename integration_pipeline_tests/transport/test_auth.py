"""Calls whose authentication takes part: a token renewed on the way, and nothing of it told."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.transport.auth import BasicAuth, HeaderAuth
from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.failures import (
    Attempted,
    Explanation,
    FailureTable,
    QuotaExhausted,
    Transient,
    Unauthorized,
    Uncertain,
    VendorFailure,
)
from integration_pipeline.transport.limits import AtOnce, Window
from integration_pipeline.transport.rate_limit import RateLimiter

if TYPE_CHECKING:
    from integration_pipeline_tests.transport.conftest import ScriptedServer, WoundClock

OLD, NEW = "access-token-old-5ecre7", "access-token-new-5ecre7"
TOKEN_CALL = Attempted("acme", "POST", "/oauth/token", is_write=True)


class RenewingAuth(httpx.Auth):
    """Renews its token after a 401 and sends the request once more; `trouble` is what renewing ends in."""

    def __init__(self, trouble: VendorFailure | None = None) -> None:
        self._token = OLD
        self._trouble = trouble

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code != 401:
            return
        if self._trouble is not None:
            raise self._trouble
        self._token = NEW
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def connected(
    server: ScriptedServer,
    clock: WoundClock,
    *,
    auth: httpx.Auth | None = None,
    limiter: RateLimiter | None = None,
    registry: CollectorRegistry | None = None,
    failures: FailureTable | None = None,
) -> VendorClient:
    return VendorClient(
        "acme",
        server.url,
        account="tenant-7",
        auth=auth or RenewingAuth(),
        limiter=limiter,
        failures=failures,
        retries=RetryPolicy(attempts=2),
        registry=registry or CollectorRegistry(),
        clock=clock,
    )


class TestRenewal:
    def test_is_unnoticed_by_the_caller_of_a_write(self, server: ScriptedServer, clock: WoundClock) -> None:
        server.answers(401)
        server.answers(201, '{"id": "7"}')

        with connected(server, clock) as client:
            reply = client.write("POST", "/invoices", operation="invoice.create", json={"total": 1})

        assert reply.status == 201
        assert [request.headers["authorization"][-len(OLD) :] for request in server.received] == [OLD, NEW]
        assert [request.body for request in server.received] == [b'{"total":1}'] * 2

    def test_takes_a_slot_for_each_request(self, server: ScriptedServer, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(2, 60.0)], clock)
        server.answers(401)

        with connected(server, clock, limiter=limiter) as client:
            client.read("GET", "/things", operation="things")

        assert limiter.load() == 1.0

    def test_does_not_wait_for_itself_where_one_call_is_allowed_at_once(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(401)

        with connected(server, clock, limiter=RateLimiter([AtOnce(1)], clock)) as client:
            assert client.read("GET", "/things", operation="things").status == 200

    def test_is_counted_as_two_requests_of_the_account(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        registry = CollectorRegistry()
        server.answers(401)

        with connected(server, clock, registry=registry) as client:
            client.read("GET", "/things", operation="things")

        found = {
            outcome: registry.get_sample_value(
                "vendor_requests_total",
                {"vendor": "acme", "account": "tenant-7", "operation": "things", "outcome": outcome},
            )
            for outcome in ("ok", "Unauthorized")
        }
        assert found == {"ok": 1.0, "Unauthorized": 1.0}

    def test_does_not_wait_for_a_refusal_that_never_ends(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.drips(401)

        with VendorClient(
            "acme",
            server.url,
            auth=RenewingAuth(),
            time_limits=TimeLimits(answer=0.1),
            registry=CollectorRegistry(),
            clock=clock,
        ) as client:
            assert client.read("GET", "/things", operation="things").status == 200

    def test_that_meets_a_used_up_quota_ends_there(self, server: ScriptedServer, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(1, 86_400.0)], clock)
        server.answers(401)

        with connected(server, clock, limiter=limiter) as client, pytest.raises(QuotaExhausted):
            client.write("POST", "/invoices", operation="invoice.create", json={})

        assert len(server.received) == 1


class TestRenewalThatFails:
    @pytest.mark.parametrize(
        ("trouble", "seen"),
        [(Transient, Transient), (Unauthorized, Unauthorized), (Uncertain, Unauthorized)],
    )
    def test_leaves_a_write_undone_and_never_uncertain(
        self,
        server: ScriptedServer,
        clock: WoundClock,
        trouble: type[VendorFailure],
        seen: type[VendorFailure],
    ) -> None:
        server.answers(401)
        auth = RenewingAuth(trouble(TOKEN_CALL, "answered 503", "Connect again."))

        with connected(server, clock, auth=auth) as client, pytest.raises(VendorFailure) as caught:
            client.write("POST", "/invoices", operation="invoice.create", json={})

        assert type(caught.value) is seen
        assert str(caught.value) == (
            "acme: POST /invoices was not done, because its authentication failed: "
            "acme: POST /oauth/token answered 503. Connect again."
        )

    def test_for_a_moment_is_outlasted_by_a_read(self, server: ScriptedServer, clock: WoundClock) -> None:
        server.answers(401)
        auth = RenewingAuth(Transient(TOKEN_CALL, "answered 503", "Try again."))

        with connected(server, clock, auth=auth) as client:
            assert client.read("GET", "/things", operation="things").status == 200


class TestSecrets:
    def test_of_both_requests_are_cut_out_of_what_the_vendor_echoes(
        self, server: ScriptedServer, clock: WoundClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        server.answers(401)
        server.answers(401, f"neither {OLD} nor {NEW} is valid")

        with connected(server, clock) as client, pytest.raises(Unauthorized) as caught:
            client.read("GET", "/things", operation="things")

        assert caught.value.vendor_message == "neither [redacted] nor [redacted] is valid"
        told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + caplog.text
        assert OLD not in told
        assert NEW not in told

    @pytest.mark.parametrize(
        "auth",
        [
            BasicAuth(SecretStr("client-id"), SecretStr("s3cret-of-ours")),
            HeaderAuth(
                {"PLAID-CLIENT-ID": SecretStr("client-id"), "PLAID-SECRET": SecretStr("s3cret-of-ours")}
            ),
        ],
    )
    def test_in_other_headers_are_cut_out_too(
        self, server: ScriptedServer, clock: WoundClock, auth: httpx.Auth
    ) -> None:
        pair = base64.b64encode(b"client-id:s3cret-of-ours").decode()
        server.answers(400, f"s3cret-of-ours is wrong, {pair} as well")

        with connected(server, clock, auth=auth) as client, pytest.raises(VendorFailure) as caught:
            client.read("GET", "/things", operation="things")

        assert caught.value.vendor_message.startswith("[redacted] is wrong")
        assert "s3cret-of-ours" not in str(caught.value)

    def test_of_a_token_call_are_told_neither_from_its_form_nor_from_its_answer(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(400, '{"error": "invalid_grant", "error_description": "refresh-5ecre7 was used"}')
        server.answers(200, f'{{"access_token": ["{NEW}"]}}')
        form = {"grant_type": "refresh_token", "refresh_token": "refresh-5ecre7"}
        picked = FailureTable(lambda reply: Explanation(message=reply.text))

        def ask(failures: FailureTable | None) -> VendorFailure:
            with connected(server, clock, failures=failures) as client:

                def token() -> str:
                    answer = client.write("POST", "/token", operation="token", form=form, confidential=True)
                    return answer.json().field("access_token").text()

                with pytest.raises(VendorFailure) as caught:
                    token()
            return caught.value

        refused, misshapen = ask(picked), ask(None)

        assert "invalid_grant" in refused.vendor_message
        assert "refresh-5ecre7" not in str(refused)
        assert "answered $.access_token = something where text belongs" in str(misshapen)
