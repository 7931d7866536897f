"""Usage over HTTP: recorded once, all or nothing, and the deals concerned announced to the worker."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from integration_pipeline.gateway.usage import MAX_EVENTS
from integration_pipeline_tests.conftest import NewDatabase
from integration_pipeline_tests.gateway.conftest import USAGE_KEY, Counted, Inbox, Open
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.pipeline.test_usage import metered

KEY = {"Authorization": f"Bearer {USAGE_KEY}"}


def used(number: int, **changes: Any) -> dict[str, Any]:
    """Ten calls of the first deal; None leaves a field out."""
    told = {
        "event_id": f"u{number}",
        "customer": "acme",
        "contract_id": "hubspot:1",
        "metric": "api_calls",
        "occurred_at": "2026-01-10T12:00:00Z",
        "quantity": 10,
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


def report(client: httpx.Client, *events: object, key: dict[str, str] = KEY) -> httpx.Response:
    return client.post("/usage", content=json.dumps({"events": events}), headers=key)


def recorded(inbox: Inbox) -> int:
    return inbox.value("SELECT count(*) FROM billing.usage_events")


class TestRecorded:
    def test_events_count_once_however_often_they_are_reported(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        first = report(client, used(1), used(2))
        again = report(client, used(2, quantity="10.0"), used(3))

        assert (first.status_code, first.json()) == (200, {"recorded": 2, "known": 0})
        assert (again.status_code, again.json()) == (200, {"recorded": 1, "known": 1})
        assert recorded(inbox) == 3

    def test_quantities_keep_every_digit(self, client: httpx.Client, inbox: Inbox) -> None:
        body = json.dumps({"events": [used(1, quantity=0)]}).replace(": 0}", ": 0.123456789012}")

        assert client.post("/usage", content=body, headers=KEY).status_code == 200
        assert str(inbox.value("SELECT quantity FROM billing.usage_events")) == "0.123456789012"

    def test_the_moment_of_the_report_is_the_gateways(self, client: httpx.Client, inbox: Inbox) -> None:
        assert report(client, used(1, received_at="2020-01-01T00:00:00Z")).status_code == 422
        report(client, used(1))

        assert inbox.value("SELECT now() - received_at < interval '1 minute' FROM billing.usage_events")

    def test_ten_thousand_events_are_one_report(self, client: httpx.Client, inbox: Inbox) -> None:
        answer = report(client, *(used(number) for number in range(MAX_EVENTS)))

        assert answer.json() == {"recorded": 10_000, "known": 0}
        assert recorded(inbox) == 10_000


class TestAnnounced:
    @pytest.fixture
    def engine(self, new_database: NewDatabase, template: str) -> Engine:
        """A database of the test's own: what is synced into it stays."""
        return new_database(template)

    def test_the_deal_of_every_contract_with_new_usage_is_announced_once_a_report(
        self, office: Office, portal: Portal, open_gateway: Open, inbox: Inbox
    ) -> None:
        client = open_gateway()
        metered(portal)
        metered(portal, "2", dealname="Other")
        office.on(date(2026, 2, 1)).sync()

        report(client, used(1), used(2))
        report(client, used(2), used(3, contract_id="hubspot:2"))
        report(client, used(1), used(2))

        assert inbox.rows("source, kind, object_type, external_ids, state") == [
            {
                "source": "usage",
                "kind": "usage.recorded",
                "object_type": "deal",
                "external_ids": [deal],
                "state": "pending",
            }
            for deal in ("1", "2")
        ]

    def test_usage_of_a_deal_that_has_not_come_yet_waits_for_it(
        self, open_gateway: Open, inbox: Inbox
    ) -> None:
        assert report(open_gateway(), used(1)).status_code == 200
        assert (recorded(inbox), inbox.count) == (1, 0)


class TestRefused:
    def test_a_contradiction_is_named_and_nothing_is_recorded(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        report(client, used(1))
        answer = report(client, used(2), used(1, quantity=11))

        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            "event 'u1': was reported before with another quantity; "
            "send a correction as an event with an id of its own"
        )
        assert recorded(inbox) == 1

    def test_usage_without_a_contract_that_charges_for_it_is_named(
        self, client: httpx.Client, inbox: Inbox
    ) -> None:
        answer = report(client, used(1, contract_id=None))

        assert answer.status_code == 409
        assert "event 'u1': no contract of customer 'acme' charges for 'api_calls'" in answer.text
        assert recorded(inbox) == 0

    @pytest.mark.parametrize(
        "bad",
        [
            used(2, event_id=None),
            used(2, quantity="many"),
            used(2, quantity=True),
            used(2, occurred_at="2026-01-10T12:00:00"),
            used(2, color="red"),
            used(2, properties={"region": 1}),
            used(2, properties={"region": "a\x00b"}),
            used(2, metric="\ud800"),
            7,
        ],
    )
    def test_an_event_of_another_shape_is_named_and_nothing_is_recorded(
        self, client: httpx.Client, inbox: Inbox, bad: object
    ) -> None:
        answer = report(client, used(1), bad)

        assert answer.status_code == 422
        assert "[1]" in answer.text or "characters that cannot be stored" in answer.text
        assert recorded(inbox) == 0

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ("", 400),
            ("\ufeff{}", 400),
            ('{"events": [], "events": []}', 400),
            ("[" * 100_000, 400),
            ("[]", 422),
            ("{}", 422),
            ('{"events": []}', 422),
            ('{"events": {}}', 422),
            ('{"events": [{}], "more": 1}', 422),
            (json.dumps({"events": [{}] * (MAX_EVENTS + 1)}), 422),
        ],
    )
    def test_a_body_of_another_shape_is_refused(self, client: httpx.Client, body: str, status: int) -> None:
        assert client.post("/usage", content=body, headers=KEY).status_code == status

    @pytest.mark.parametrize(
        "key",
        [
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": USAGE_KEY},
            {"Authorization": f"Basic {USAGE_KEY}"},
            {"Authorization": f"Bearer {USAGE_KEY}x"},
            {"Authorization": b"Bearer \xc3\xa9"},
        ],
    )
    def test_other_keys_do_not_open(
        self, client: httpx.Client, inbox: Inbox, counted: Counted, key: dict[str, str]
    ) -> None:
        assert report(client, used(1), key=key).status_code == 401
        assert recorded(inbox) == 0
        assert counted()["gateway_usage_requests_total{forged}"] == 1

    def test_without_a_key_nobody_can_report(self, open_gateway: Open) -> None:
        client = open_gateway(usage_api_key=None)

        assert report(client, used(1)).status_code == 503
        assert report(client, used(1), key={"Authorization": "Bearer"}).status_code == 503
