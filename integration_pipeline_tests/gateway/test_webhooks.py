"""HubSpot's webhooks over HTTP: what is kept, what is refused, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from operator import itemgetter

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from integration_pipeline.gateway.hubspot import MAX_BODY
from integration_pipeline_tests.gateway.conftest import PUBLIC_URL, Counted, Inbox, Open
from integration_pipeline_tests.gateway.hubspot import PATH, SECRET, UNSIGNED, body_of, event, signed

URL = PUBLIC_URL + PATH
BODY = body_of(event(1))


class TestAccepted:
    def test_events_are_kept_with_what_they_are_about(self, client: httpx.Client, inbox: Inbox) -> None:
        answer = client.post(PATH, content=body_of(event(1), event(2, "company.creation")))

        assert (answer.status_code, answer.json()) == (200, {"events": 2})
        kept = inbox.rows("source, kind, object_type, external_ids, state, deliveries")
        assert sorted(kept, key=itemgetter("external_ids")) == [
            {
                "source": "hubspot",
                "kind": kind,
                "object_type": object_type,
                "external_ids": [external_id],
                "state": "pending",
                "deliveries": 1,
            }
            for kind, object_type, external_id in [
                ("deal.propertyChange", "deal", "1"),
                ("company.creation", "company", "2"),
            ]
        ]

    def test_a_hundred_events_of_one_request_are_all_kept(self, client: httpx.Client, inbox: Inbox) -> None:
        client.post(PATH, content=body_of(*(event(number) for number in range(1, 101))))

        assert inbox.count == 100

    def test_an_event_that_is_delivered_again_is_kept_once_and_counted(
        self, client: httpx.Client, inbox: Inbox, counted: Counted
    ) -> None:
        client.post(PATH, content=body_of(event(1), event(2)))
        again = client.post(PATH, content=body_of(event(2, attemptNumber=1), event(3)))

        assert again.status_code == 200
        assert {row["external_ids"][0]: row["deliveries"] for row in inbox.rows()} == {"1": 1, "2": 2, "3": 1}
        assert counted()["gateway_webhook_events_total{new}"] == 3
        assert counted()["gateway_webhook_events_total{known}"] == 1

    def test_an_event_that_stands_twice_in_a_request_is_kept_once(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        client.post(PATH, content=body_of(event(1), event(1)))

        assert inbox.count == 1

    def test_an_event_that_a_worker_holds_is_acknowledged_without_waiting_for_it(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        client.post(PATH, content=BODY)
        with inbox.engine.begin() as worker:
            worker.execute(text("SELECT FROM inbox.events FOR UPDATE"))
            # Waiting would end in the statement's timeout, and in 503.
            assert client.post(PATH, content=body_of(event(1), event(2))).status_code == 200

        assert inbox.count == 2

    def test_our_own_write_to_a_deal_is_kept_and_leads_to_no_reading(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        own = {"propertyName": "invoice_status", "changeSource": "INTEGRATION"}
        client.post(
            PATH,
            content=body_of(
                event(1, **own),
                event(2, **{**own, "changeSource": "CRM_UI"}),
                event(3, **{**own, "propertyName": "amount"}),
                event(4, "company.propertyChange", **own),
                event(5, "object.propertyChange", objectTypeId="0-3", **own),
            ),
        )

        kept = {row["external_ids"][0]: row["state"] for row in inbox.rows()}
        assert kept == {"1": "done", "2": "pending", "3": "pending", "4": "pending", "5": "done"}

    def test_types_without_use_are_kept_and_ignored(
        self, client: httpx.Client, inbox: Inbox, counted: Counted
    ) -> None:
        told = body_of(event(1, "ticket.creation"), event(2, "object.creation", objectTypeId="2-99"))

        assert client.post(PATH, content=told).status_code == 200
        assert [row["state"] for row in inbox.rows()] == ["ignored", "ignored"]
        assert counted()["gateway_webhook_events_total{ignored}"] == 2

    def test_what_the_database_cannot_hold_is_replaced(self, client: httpx.Client, inbox: Inbox) -> None:
        told = {**event(1, propertyValue="a\x00b\ud800c"), "odd\x00name": [10**1_000, 1.5]}

        assert client.post(PATH, content=body_of(told)).status_code == 200
        [row] = inbox.rows()
        assert row["body"]["propertyValue"] == "a\ufffdb\ufffdc"
        assert row["body"]["odd\ufffdname"] == [10**1_000, "1.5"]

    def test_whoever_listens_is_told_once_per_commit(self, client: httpx.Client, inbox: Inbox) -> None:
        with inbox.engine.connect() as connection:
            listener = connection.connection.driver_connection
            assert listener is not None
            listener.autocommit = True
            listener.execute("LISTEN inbox")
            client.post(PATH, content=body_of(event(1), event(2)))
            told = [notice.channel for notice in listener.notifies(timeout=10, stop_after=1)]
            client.post(PATH, content=body_of(event(1), event(2, "ticket.creation")))
            told += [notice.channel for notice in listener.notifies(timeout=0)]

        assert told == ["inbox"]


class TestAddress:
    def test_is_that_of_the_request_unless_another_is_set(self, open_gateway: Open, inbox: Inbox) -> None:
        assert open_gateway(public_url=None).post(f"{PATH}?tenant=1", content=BODY).status_code == 200
        assert inbox.count == 1

    def test_is_the_public_one_where_a_proxy_has_changed_it(self, open_gateway: Open, inbox: Inbox) -> None:
        client = open_gateway(public_url="https://example.com/billing/")
        url = f"https://example.com/billing{PATH}?tenant=a%20b"

        answer = client.post(f"{PATH}?tenant=a%20b", content=BODY, headers=signed(url, BODY), auth=UNSIGNED)

        assert (answer.status_code, inbox.count) == (200, 1)

    def test_is_signed_as_hubspot_signs_escapes(self, client: httpx.Client, inbox: Inbox) -> None:
        headers = signed(f"{URL}?a=x:y&b=c%20d", BODY)

        assert client.post(f"{PATH}?a=x%3Ay&b=c%20d", content=BODY, headers=headers, auth=UNSIGNED).is_success
        assert inbox.count == 1

    def test_that_was_not_signed_is_refused(self, client: httpx.Client) -> None:
        assert (
            client.post(f"{PATH}?a=1", content=BODY, headers=signed(URL, BODY), auth=UNSIGNED).status_code
            == 401
        )


class TestForged:
    @pytest.mark.parametrize(
        "forge",
        [
            dict[str, str],
            lambda: signed(URL, BODY, secret="another"),
            lambda: signed(URL, b"[]"),
            lambda: signed(URL, BODY, method="PUT"),
            lambda: signed(URL, BODY, seconds_ago=310),
            lambda: signed(URL, BODY, seconds_ago=-310),
            lambda: {**signed(URL, BODY), "X-HubSpot-Request-Timestamp": "1790000000000"},
            lambda: {**signed(URL, BODY), "X-HubSpot-Request-Timestamp": "soon"},
            lambda: {**signed(URL, BODY), "X-HubSpot-Signature-v3": ""},
            lambda: {"X-HubSpot-Signature": "0" * 64, "X-HubSpot-Signature-Version": "v2"},
        ],
    )
    def test_requests_are_refused_and_counted_and_not_kept(
        self, client: httpx.Client, inbox: Inbox, counted: Counted, forge: Callable[[], dict[str, str]]
    ) -> None:
        assert client.post(PATH, content=BODY, headers=forge(), auth=UNSIGNED).status_code == 401
        assert inbox.count == 0
        assert counted()["gateway_webhook_requests_total{forged,hubspot}"] == 1

    def test_a_request_is_good_for_five_minutes_and_does_nothing_the_second_time(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        replayed = signed(URL, BODY, seconds_ago=240)

        assert client.post(PATH, content=BODY, headers=replayed, auth=UNSIGNED).status_code == 200
        assert client.post(PATH, content=BODY, headers=replayed, auth=UNSIGNED).status_code == 200
        assert inbox.count == 1

    def test_both_secrets_count_while_one_replaces_the_other(self, open_gateway: Open) -> None:
        client = open_gateway(hubspot_client_secret=SecretStr(f"new, {SECRET}"))

        assert client.post(PATH, content=BODY).status_code == 200
        headers = signed(URL, BODY, secret="new")
        assert client.post(PATH, content=BODY, headers=headers, auth=UNSIGNED).status_code == 200
        assert (
            client.post(PATH, content=BODY, headers=signed(URL, BODY, secret=""), auth=UNSIGNED).status_code
            == 401
        )

    def test_without_a_secret_nothing_is_accepted_and_the_probe_says_what_to_set(
        self, open_gateway: Open, inbox: Inbox
    ) -> None:
        client = open_gateway(hubspot_client_secret=None)

        answer = client.post(PATH, content=BODY)
        ready = client.get("/readyz")

        assert (answer.status_code, inbox.count) == (503, 0)
        assert "HUBSPOT" not in answer.text
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert ready.json()["problems"] == [
            "HUBSPOT_CLIENT_SECRET is not set: set it to the secret of the HubSpot app"
        ]


class TestMalformed:
    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[1]", body_of(event(1), {})])
    def test_bodies_are_refused_as_a_whole(
        self, client: httpx.Client, inbox: Inbox, counted: Counted, body: bytes
    ) -> None:
        answer = client.post(PATH, content=body)

        assert answer.status_code == 400
        assert inbox.count == 0
        assert counted()["gateway_webhook_requests_total{malformed,hubspot}"] == 1

    def test_a_body_that_announces_too_much_is_not_waited_for(self, client: httpx.Client) -> None:
        headers = {**signed(URL, BODY), "Content-Length": str(MAX_BODY + 1)}
        connection = HTTPConnection(client.base_url.host, client.base_url.port, timeout=30)
        with closing(connection):
            connection.putrequest("POST", PATH)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()

            assert connection.getresponse().status == 413

    def test_a_body_that_turns_out_too_large_is_refused(
        self, client: httpx.Client, inbox: Inbox, counted: Counted
    ) -> None:
        parts = (b" " * 2**20 for _ in range(MAX_BODY // 2**20 + 1))

        answer = client.post(PATH, content=parts, headers=signed(URL, BODY), auth=UNSIGNED)

        assert (answer.status_code, inbox.count) == (413, 0)
        assert answer.headers["connection"] == "close"
        assert counted()["gateway_webhook_requests_total{too_large,hubspot}"] == 1

    def test_other_methods_are_refused(self, client: httpx.Client) -> None:
        assert client.get(PATH).status_code == 405
