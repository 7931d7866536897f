"""What is sent besides JSON, and what comes back besides JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.transport.client import RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Malformed,
    QuotaExhausted,
    Throttled,
    Transient,
    Uncertain,
)
from integration_pipeline.transport.limits import Window
from integration_pipeline.transport.rate_limit import RateLimiter

if TYPE_CHECKING:
    from integration_pipeline_tests.transport.conftest import ScriptedServer, WoundClock

XML_THROTTLE = (
    '<?xml version="1.0" encoding="UTF-8"?><IntuitResponse time="2026-01-01T00:00:00Z"><Fault type="SERVICE">'
    '<Error code="3001"><Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>'
    "</Error></Fault></IntuitResponse>"
)


class TestForm:
    def test_is_sent_encoded_with_names_that_may_come_twice(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        fields = [("expand[]", "charge"), ("expand[]", "invoice"), ("note", "a&b ä")]

        client.write("POST", "/charges", operation="charge.create", form=fields)

        received = server.received[0]
        assert received.body == b"expand%5B%5D=charge&expand%5B%5D=invoice&note=a%26b+%C3%A4"
        assert received.headers["content-type"] == "application/x-www-form-urlencoded"

    def test_and_json_together_are_refused(self, client: VendorClient) -> None:
        with pytest.raises(ValueError, match="one of json, form and content"):
            client.write("POST", "/charges", operation="x", form={"a": "1"}, json={"a": 1})


class TestQuery:
    def test_may_be_a_read_with_a_body_of_its_own_type(
        self, client: VendorClient, server: ScriptedServer
    ) -> None:
        server.answers(503)

        client.read(
            "POST",
            "/query",
            operation="query",
            content=b"SELECT * FROM Invoice",
            headers={"Content-Type": "application/text"},
        )

        assert [request.body for request in server.received] == [b"SELECT * FROM Invoice"] * 2
        assert server.received[1].headers["content-type"] == "application/text"


class TestIdempotencyKey:
    def test_travels_with_every_repetition(self, client: VendorClient, server: ScriptedServer) -> None:
        server.resets()

        client.write("POST", "/x", operation="x", json={}, idempotency_key="intent-7", idempotent=True)

        assert [request.headers["idempotency-key"] for request in server.received] == ["intent-7"] * 2

    def test_alone_repeats_nothing(self, client: VendorClient, server: ScriptedServer) -> None:
        server.resets()

        with pytest.raises(Uncertain):
            client.write("POST", "/x", operation="x", json={}, idempotency_key="intent-7")

    @pytest.mark.parametrize("key", ["", "k" * 256, "ä", "a\nb"])
    def test_no_vendor_takes_is_refused(self, client: VendorClient, key: str) -> None:
        with pytest.raises(ValueError, match="an idempotency key has"):
            client.write("POST", "/x", operation="x", json={}, idempotency_key=key)


class TestText:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            ("Id,Name\n7,Ä".encode(), "text/csv; charset=UTF-8"),
            ("Id,Name\n7,Ä".encode("latin-1"), "text/csv;charset=iso-8859-1"),
            ("\ufeffId,Name\n7,Ä".encode(), "Text/CSV"),
        ],
    )
    def test_is_read_in_the_encoding_it_was_sent_in(
        self, client: VendorClient, server: ScriptedServer, body: bytes, content_type: str
    ) -> None:
        server.answers(200, body, {"Content-Type": content_type})

        reply = client.read("GET", "/results", operation="results")

        assert (reply.content_type, reply.text, reply.body) == ("text/csv", "Id,Name\n7,Ä", body)

    @pytest.mark.parametrize("charset", ["utf-8", "no-such-charset"])
    def test_in_another_encoding_than_it_says_is_malformed(
        self, client: VendorClient, server: ScriptedServer, charset: str
    ) -> None:
        server.answers(200, b"\xff\xfe", {"Content-Type": f"text/csv; charset={charset}"})

        with pytest.raises(Malformed, match=f"not text in '{charset}'"):
            _ = client.read("GET", "/results", operation="results").text


class TestXmlThoughJsonWasAskedFor:
    def test_reaches_the_vendors_own_reading_as_text(self, server: ScriptedServer, clock: WoundClock) -> None:
        def explain(reply: ErrorReply) -> Explanation:
            assert reply.body is None
            return Explanation("throttled", failure=Throttled if "ThrottleExceeded" in reply.text else None)

        server.answers(403, XML_THROTTLE, {"Content-Type": "application/xml"})
        with (
            VendorClient(
                "acme",
                server.url,
                failures=FailureTable(explain),
                registry=CollectorRegistry(),
                clock=clock,
            ) as client,
            pytest.raises(Throttled, match='answered 403: "throttled"'),
        ):
            client.write("POST", "/invoice", operation="invoice.create", json={})


class TestTimeLimitsOfACall:
    def test_replace_those_of_the_client(self, server: ScriptedServer, clock: WoundClock) -> None:
        server.hangs()
        with (
            VendorClient(
                "acme",
                server.url,
                retries=RetryPolicy(attempts=1),
                time_limits=TimeLimits(read=60.0),
                registry=CollectorRegistry(),
                clock=clock,
            ) as client,
            pytest.raises(Transient, match="ReadTimeout"),
        ):
            client.read("GET", "/things", operation="things", limits=TimeLimits(read=0.05))


class TestQuotas:
    def test_used_up_by_our_own_count_are_told_without_a_call(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        limiter = RateLimiter([Window(1, 86_400.0, name="day")], clock)
        with VendorClient(
            "acme", server.url, limiter=limiter, registry=CollectorRegistry(), clock=clock
        ) as client:
            client.read("GET", "/things", operation="things")

            with pytest.raises(QuotaExhausted, match="was not sent: the quota 'day' is used up") as caught:
                client.write("POST", "/things", operation="things", json={})

        assert len(server.received) == 1
        assert clock.slept == []
        assert caught.value.retry_after == 86_400.0
        assert caught.value.free_at is not None

    def test_used_up_by_the_vendors_word_are_remembered(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        table = FailureTable(lambda _: Explanation(failure=QuotaExhausted))
        server.answers(403, headers={"Retry-After": "7200"})
        with VendorClient(
            "acme",
            server.url,
            failures=table,
            limiter=RateLimiter([Window(1_000, 86_400.0)], clock),
            registry=CollectorRegistry(),
            clock=clock,
        ) as client:
            for free_in in (7_200.0, 6_200.0):
                with pytest.raises(QuotaExhausted) as caught:
                    client.read("GET", "/things", operation="things")
                assert caught.value.retry_after == free_in
                clock.sleep(1_000.0)
            clock.sleep(6_000.0)

            assert client.read("GET", "/things", operation="things").status == 200

        assert len(server.received) == 2

    def test_told_in_headers_correct_our_count_and_are_shown(
        self, server: ScriptedServer, clock: WoundClock
    ) -> None:
        registry = CollectorRegistry()
        limiter = RateLimiter([Window(60, 60.0, name="minute")], clock)
        server.answers(200, headers={"X-MinLimit-Remaining": "0"})
        with VendorClient(
            "acme",
            server.url,
            account="tenant-7",
            limiter=limiter,
            quota_headers=lambda headers: (
                {"minute": int(headers["x-minlimit-remaining"])} if "x-minlimit-remaining" in headers else {}
            ),
            registry=registry,
            clock=clock,
        ) as client:
            client.read("GET", "/things", operation="things")
            client.read("GET", "/things", operation="things")

        assert clock.time == 60.0
        labels = {"vendor": "acme", "account": "tenant-7", "window": "minute"}
        assert registry.get_sample_value("vendor_quota_left", labels) == 0.0
