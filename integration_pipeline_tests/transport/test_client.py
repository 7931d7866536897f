from __future__ import annotations

import gzip
import json
import logging
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.transport.client import BearerAuth, RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.failures import (
    Explanation,
    FailureTable,
    Malformed,
    QuotaExhausted,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    Uncertain,
    VendorFailure,
)
from integration_pipeline.transport.limits import Window
from integration_pipeline.transport.rate_limit import RateLimiter

if TYPE_CHECKING:
    from integration_pipeline_tests.transport.conftest import ScriptedServer, WoundClock

TOKEN = "pat-na1-5ecre7-5ecre7-5ecre7"


class TestRead:
    def test_is_repeated_after_a_server_error_until_it_succeeds(
        self, client: VendorClient, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(503)
        server.answers(500)
        server.answers(200, '{"found": true}')

        reply = client.read("GET", "/things", operation="things")

        assert reply.json().field("found").flag()
        assert clock.slept == [1.0, 2.0]

    def test_is_repeated_after_a_reset_and_after_silence(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.resets()
        server.hangs()
        server.answers(200)

        assert client.read("GET", "/things", operation="things").status == 200
        assert len(server.received) == 3

    def test_gives_up_after_the_last_attempt(self, client: VendorClient, server: ScriptedServer) -> None:
        for _ in range(4):
            server.answers(503)

        with pytest.raises(Transient, match="acme: GET /things answered 503"):
            client.read("GET", "/things", operation="things")

        assert len(server.received) == 3

    def test_waits_at_least_as_long_as_the_vendor_asks(
        self, client: VendorClient, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(429, headers={"Retry-After": "7"})

        client.read("GET", "/things", operation="things")

        assert clock.slept == [8.0]

    def test_does_not_wait_past_its_total_time(
        self, client: VendorClient, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(429, headers={"Retry-After": "3600"})

        with pytest.raises(Throttled) as caught:
            client.read("GET", "/things", operation="things")

        assert caught.value.retry_after == 3600.0
        assert clock.slept == []

    @pytest.mark.parametrize(("status", "failure"), [(400, Rejected), (401, Unauthorized), (404, Rejected)])
    def test_is_not_repeated_after_a_definite_refusal(
        self, client: VendorClient, server: ScriptedServer, status: int, failure: type[VendorFailure]
    ) -> None:
        server.answers(status)

        with pytest.raises(failure):
            client.read("GET", "/things", operation="things")

        assert len(server.received) == 1

    def test_is_not_repeated_when_the_quota_of_the_day_is_used_up(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        server.answers(429, "that was it for today")
        table = FailureTable(lambda reply: Explanation(message=reply.text, failure=QuotaExhausted))

        with (
            VendorClient(
                "acme", server.url, failures=table, registry=CollectorRegistry(), clock=clock
            ) as client,
            pytest.raises(QuotaExhausted, match="that was it for today"),
        ):
            client.read("GET", "/things", operation="things")

        assert len(server.received) == 1

    @pytest.mark.parametrize(
        "body", ["", "<html>busy</html>", '{"a": NaN}', "[" * 9_000, b"\xff\xfe", '{"a": 1e999999999}']
    )
    def test_of_something_that_is_not_json_is_malformed(
        self, client: VendorClient, server: ScriptedServer, body: str | bytes
    ) -> None:
        server.answers(200, body)

        with pytest.raises(Malformed, match="GET /things answered 200 with a body that is not JSON"):
            client.read("GET", "/things", operation="things").json()

    def test_keeps_fractions_exact(self, client: VendorClient, server: ScriptedServer) -> None:
        server.answers(200, '{"amount": 1234567890123.10}')

        amount = client.read("GET", "/things", operation="things").json().field("amount").value

        assert amount == Decimal("1234567890123.10")

    def test_refuses_an_answer_beyond_the_size_limit_even_if_it_arrives_compressed(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        bomb = gzip.compress(b" " * 1_000_000)
        assert len(bomb) < 10_000
        server.answers(200, bomb, {"Content-Encoding": "gzip"})

        with pytest.raises(Malformed, match="more than 10000 bytes"):
            client.read("GET", "/things", operation="things")

    def test_with_broken_compression_is_malformed(self, client: VendorClient, server: ScriptedServer) -> None:
        server.answers(200, b"this is not gzip", {"Content-Encoding": "gzip"})

        with pytest.raises(Malformed, match="DecodingError"):
            client.read("GET", "/things", operation="things")

    def test_ends_when_the_answer_as_a_whole_takes_too_long(self, server: ScriptedServer) -> None:
        server.drips()

        with (
            VendorClient(
                "acme",
                server.url,
                retries=RetryPolicy(attempts=1),
                time_limits=TimeLimits(read=1.0, answer=0.1),
                registry=CollectorRegistry(),
            ) as client,
            pytest.raises(Transient, match="ReadTimeout"),
        ):
            client.read("GET", "/things", operation="things")

    def test_does_not_follow_a_redirect(self, client: VendorClient, server: ScriptedServer) -> None:
        server.answers(302, headers={"Location": f"{server.url}/elsewhere"})

        with pytest.raises(Rejected, match="Check the base URL"):
            client.read("GET", "/things", operation="things")

        assert len(server.received) == 1

    @pytest.mark.parametrize("path", ["https://evil.example/x", "//evil.example/x", "things", "/things?a=1"])
    def test_goes_nowhere_but_to_paths_of_its_own_vendor(self, client: VendorClient, path: str) -> None:
        with pytest.raises(ValueError, match="a path starts with one slash"):
            client.read("GET", path, operation="things")


class TestWrite:
    def test_without_an_answer_is_uncertain_and_never_sent_twice(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.hangs()

        with pytest.raises(Uncertain, match="look up whether it arrived"):
            client.write("POST", "/invoices", operation="invoice.create", json={"total": 1})

        assert len(server.received) == 1

    def test_is_uncertain_after_a_reset(self, client: VendorClient, server: ScriptedServer) -> None:
        server.resets()

        with pytest.raises(Uncertain):
            client.write("POST", "/invoices", operation="invoice.create", json={})

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
    def test_is_uncertain_after_a_server_error(
        self, client: VendorClient, server: ScriptedServer, status: int
    ) -> None:
        server.answers(status)

        with pytest.raises(Uncertain):
            client.write("POST", "/invoices", operation="invoice.create", json={})

        assert len(server.received) == 1

    def test_is_uncertain_when_the_accepting_answer_cannot_be_read(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.answers(201, '{"id": ')

        with pytest.raises(Uncertain, match="look it up before sending it again"):
            client.write("POST", "/invoices", operation="invoice.create", json={}).json()

    def test_is_uncertain_when_the_accepting_answer_has_another_shape(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.answers(201, '{"id": {"nested": 1}}')

        with pytest.raises(Uncertain, match=r"\$\.id"):
            client.write("POST", "/invoices", operation="x", json={}).json().field("id").identifier()

    def test_that_never_left_is_transient_yet_sent_only_once_by_itself(self, clock: WoundClock) -> None:
        closed = "http://127.0.0.1:1"

        with (
            VendorClient("acme", closed, registry=CollectorRegistry(), clock=clock) as client,
            pytest.raises(Transient, match="Nothing was sent"),
        ):
            client.write("POST", "/invoices", operation="invoice.create", json={})

        assert clock.slept == []

    def test_refused_for_its_rate_is_throttled_and_left_to_the_caller(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.answers(429, headers={"Retry-After": "2"})

        with pytest.raises(Throttled):
            client.write("POST", "/invoices", operation="invoice.create", json={})

        assert len(server.received) == 1

    def test_marked_idempotent_is_repeated_unchanged(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.hangs()
        server.answers(503)
        server.answers(201, '{"id": "7"}')

        client.write(
            "POST",
            "/invoices",
            operation="invoice.create",
            json={"total": Decimal("19.99")},
            headers={"Idempotency-Key": "k1"},
            idempotent=True,
        )

        assert [request.body for request in server.received] == [b'{"total":19.99}'] * 3
        assert {request.headers["idempotency-key"] for request in server.received} == {"k1"}

    def test_stays_uncertain_if_any_of_its_attempts_was(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.resets()
        server.answers(400, "no such account")

        with pytest.raises(Uncertain):
            client.write("POST", "/invoices", operation="invoice.create", json={}, idempotent=True)

        assert len(server.received) == 2

    def test_sends_a_body_encoded_by_the_caller_as_it_is(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        client.write(
            "POST",
            "/charges",
            operation="charge.create",
            content=b"amount=100&currency=usd",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )

        assert server.received[0].body == b"amount=100&currency=usd"
        assert server.received[0].headers["content-type"] == "application/x-www-form-urlencoded"


class TestSecrets:
    @pytest.mark.parametrize("trouble", ["echo", "hang", "reset", "not json"])
    def test_are_in_no_message_no_traceback_and_no_log(
        self, server: ScriptedServer, caplog: pytest.LogCaptureFixture, trouble: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        if trouble == "echo":
            server.answers(401, json.dumps({"message": f"token {TOKEN} has expired"}))
        elif trouble == "hang":
            server.hangs()
        elif trouble == "reset":
            server.resets()
        else:
            server.answers(200, f"not json {TOKEN}")

        with (
            VendorClient(
                "acme",
                server.url,
                auth=BearerAuth(SecretStr(TOKEN)),
                retries=RetryPolicy(attempts=1),
                time_limits=TimeLimits(read=0.1),
                registry=CollectorRegistry(),
            ) as client,
            pytest.raises(VendorFailure) as caught,
        ):
            client.read("GET", "/things", operation="things", params={"code": "c0de"}).json()

        assert server.received[0].headers["authorization"] == f"Bearer {TOKEN}"
        failure = caught.value
        told = "".join(
            [
                *traceback.TracebackException.from_exception(failure, capture_locals=False).format(),
                repr(failure),
                repr(vars(failure)),
                repr(client),
                caplog.text,
            ]
        )
        assert TOKEN not in told
        assert "c0de" not in str(failure)
        assert failure.__cause__ is None
        assert failure.__context__ is None

    def test_with_a_line_break_are_refused_without_being_shown(self) -> None:
        with pytest.raises(ValueError) as caught:
            BearerAuth(SecretStr(f"{TOKEN}\n"))

        assert TOKEN not in str(caught.value)


class TestBookkeeping:
    def test_counts_requests_retries_and_throttling_by_operation(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        registry = CollectorRegistry()
        server.answers(429, headers={"Retry-After": "2"})
        with VendorClient(
            "acme", server.url, registry=registry, clock=clock, jitter=lambda low, _high: low
        ) as client:
            client.read("GET", "/things", operation="things")
            client.read("GET", "/others", operation="others")

        totals = client.metrics.totals()
        assert (totals.requests, totals.retries, totals.throttled, totals.failed) == (3, 1, 1, 1)
        assert totals.waited_seconds == 2.0
        assert client.metrics.by_operation()["others"].requests == 1
        labels = {"vendor": "acme", "account": "", "operation": "things", "outcome": "Throttled"}
        assert registry.get_sample_value("vendor_requests_total", labels) == 1.0

    def test_shares_one_registry_between_clients(self, server: ScriptedServer) -> None:
        registry = CollectorRegistry()
        for vendor in ("acme", "umbrella"):
            with VendorClient(vendor, server.url, registry=registry) as client:
                client.read("GET", "/things", operation="things")

        labels = {"vendor": "umbrella", "account": "", "operation": "things", "outcome": "ok"}
        assert registry.get_sample_value("vendor_requests_total", labels) == 1.0

    def test_slows_the_limiter_down_after_a_429(self, server: ScriptedServer, clock: WoundClock) -> None:
        limiter = RateLimiter([Window(10, 10.0)], clock)
        server.answers(429, headers={"Retry-After": "3"})
        with VendorClient(
            "acme",
            server.url,
            limiter=limiter,
            registry=CollectorRegistry(),
            clock=clock,
            jitter=lambda low, _high: low,
        ) as client:
            for _ in range(8):
                client.read("GET", "/things", operation="things")

        # The refused call and eight more do not fit the seven that are left of ten for a while.
        assert clock.time >= 10.0

    def test_reuses_its_connection(self, client: VendorClient, server: ScriptedServer) -> None:
        ports = set[str]()
        for _ in range(5):
            client.read("GET", "/things", operation="things")
            ports.add(server.received[-1].client)

        assert len(ports) == 1

    def test_opens_another_when_the_vendor_closed_the_one_that_was_kept(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.answers_and_hangs_up()
        client.read("GET", "/things", operation="things")

        client.read("GET", "/things", operation="things")

        assert len({received.client for received in server.received}) == 2
        assert client.metrics.totals().failed <= 1

    def test_keeps_no_connection_longer_than_it_was_told(self, server: ScriptedServer) -> None:
        with VendorClient("acme", server.url, idle_seconds=0.0, registry=CollectorRegistry()) as client:
            for _ in range(2):
                client.read("GET", "/things", operation="things")

        assert len({received.client for received in server.received}) == 2

    @pytest.mark.parametrize("room", ["", "/", "/eu/"])
    def test_finds_paths_below_its_base_url_and_keeps_every_parameter(
        self, server: ScriptedServer, room: str
    ) -> None:
        with VendorClient("acme", server.url + room, registry=CollectorRegistry()) as client:
            for after in ("1", "2"):
                params = {"properties": "a,b c", "after": after, "who": "Ä&=?#"}
                client.read("GET", "/things/7%2F8", operation="things", params=params)

        assert [received.target for received in server.received] == [
            f"{room.rstrip('/')}/things/7%2F8?properties=a%2Cb%20c&after={after}&who=%C3%84%26%3D%3F%23"
            for after in "12"
        ]
