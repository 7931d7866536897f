"""Webhooks of every other vendor over HTTP: kept, nudged and answered as the vendor wants it, or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from integration_pipeline.crm.salesforce.webhooks import ACKNOWLEDGEMENT
from integration_pipeline.gateway.plaid_keys import NEW_IDS_A_MINUTE
from integration_pipeline.settings import MAPPINGS
from integration_pipeline_tests.gateway.conftest import Counted, Inbox, Open, signing_client
from integration_pipeline_tests.gateway.hubspot import UNSIGNED
from integration_pipeline_tests.gateway.vendors import (
    CHANGES,
    OUTBOUND,
    PLAID,
    QUICKBOOKS,
    SENDERS,
    STRIPE,
    XERO,
    KeyServer,
    Sender,
    key_server,
    plaid_signed,
    secrets,
    stripe_signed,
)


def _own_change(number: int) -> bytes:
    [event] = json.loads(CHANGES.body(number))
    header = event["payload"]["ChangeEventHeader"]
    header["changeOrigin"] = "com/salesforce/api/rest/67.0;client=integration-pipeline"
    header["changedFields"] = ["Invoice_Status__c", "Amount_Due__c", "LastModifiedDate"]
    return json.dumps([event]).encode()


each_sender = pytest.mark.parametrize("sender", SENDERS, ids=str)


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    """A server of keys that nobody has asked yet."""
    with key_server() as running:
        yield running


@pytest.fixture(scope="module")
def lasting_client(lasting: Engine) -> Iterator[httpx.Client]:
    """A client, which signs nothing by itself, of a gateway that has everybody's secrets."""
    with key_server() as keys, signing_client(lasting, **secrets(keys.url)) as opened:
        opened.auth = UNSIGNED
        yield opened


@pytest.fixture
def asking(open_gateway: Open, keys: KeyServer) -> httpx.Client:
    """The same of a gateway that has no key of Plaid's yet."""
    opened = open_gateway(**secrets(keys.url))
    opened.auth = UNSIGNED
    return opened


def send(client: httpx.Client, sender: Sender, number: int = 1) -> httpx.Response:
    body = sender.body(number)
    return client.post(sender.path, content=body, headers=sender.signed(body))


class TestAccepted:
    @each_sender
    def test_an_event_is_kept_once_and_counted(
        self, client: httpx.Client, inbox: Inbox, counted: Counted, sender: Sender
    ) -> None:
        body = sender.body(1)
        headers = sender.signed(body)

        answers = [client.post(sender.path, content=body, headers=headers) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        [kept] = inbox.rows("source, deliveries, state")
        assert kept == {
            "source": sender.source,
            "deliveries": 2,
            "state": "pending" if sender.account is None else "ignored",
        }
        assert counted()[f"gateway_webhook_requests_total{{accepted,{sender.source}}}"] == 2

    @pytest.mark.parametrize("sender", [QUICKBOOKS, XERO, STRIPE, PLAID], ids=str)
    def test_who_looks_after_the_account_is_told(
        self, client: httpx.Client, engine: Engine, sender: Sender
    ) -> None:
        with engine.connect() as connection:
            listener = connection.connection.driver_connection
            assert listener is not None
            listener.autocommit = True
            listener.execute("LISTEN nudges")
            send(client, sender)
            told = [notice.channel for notice in listener.notifies(timeout=10, stop_after=1)]
            nudges = connection.execute(text("SELECT source, account, looked_at FROM inbox.nudges")).all()

        assert told == ["nudges"]
        assert [tuple(each) for each in nudges] == [(sender.source, sender.account, None)]

    @pytest.mark.parametrize("sender", [OUTBOUND, CHANGES], ids=str)
    def test_an_event_of_a_crm_concerns_its_deal(
        self, client: httpx.Client, inbox: Inbox, sender: Sender
    ) -> None:
        send(client, sender)

        assert inbox.rows("object_type, external_ids") == [
            {"object_type": "deal", "external_ids": ["006Wx0000000001AAA"]}
        ]

    def test_our_own_write_to_a_deal_at_salesforce_leads_to_no_reading(
        self, open_gateway: Open, inbox: Inbox, tmp_path: Path
    ) -> None:
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text("changed later")
        client = open_gateway(**secrets(), mapping_file=mapping)
        client.auth = UNSIGNED
        own = replace(CHANGES, body=_own_change)
        send(client, own, 1)

        mapping.write_bytes((MAPPINGS / "salesforce_demo.yaml").read_bytes())
        send(client, own, 2)
        send(client, CHANGES, 3)

        # Without a mapping that can be read, nobody knows whose it is.
        assert [row["state"] for row in inbox.rows("state")] == ["pending", "done", "pending"]

    def test_an_outbound_message_is_acknowledged_in_salesforces_words(self, client: httpx.Client) -> None:
        answer = send(client, OUTBOUND)

        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        assert answer.content == ACKNOWLEDGEMENT

    def test_xeros_intent_to_receive_gets_bare_answers(self, client: httpx.Client, inbox: Inbox) -> None:
        body = b'{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4nd0m"}'

        right = client.post(XERO.path, content=body, headers=XERO.signed(body))
        wrong = client.post(XERO.path, content=body, headers=XERO.signed(b"another"))

        assert [(right.status_code, right.content), (wrong.status_code, wrong.content)] == [
            (200, b""),
            (401, b""),
        ]
        assert inbox.count == 0


class TestRefused:
    @each_sender
    def test_a_body_that_was_not_signed_leaves_nothing_but_a_count(
        self, client: httpx.Client, inbox: Inbox, counted: Counted, sender: Sender
    ) -> None:
        body = sender.body(1)
        path = sender.path.replace("token=", "token=x")
        other = body.replace(b"00DWx", b"00DWy")

        answers = [
            client.post(path, content=other, headers=sender.signed(body + b" ")),
            client.post(sender.path.partition("?")[0], content=body),
        ]

        assert [answer.status_code for answer in answers] == [401, 401]
        assert inbox.count == 0
        assert counted()[f"gateway_webhook_requests_total{{forged,{sender.source}}}"] == 2

    def test_a_message_of_another_organization_is_refused(self, client: httpx.Client, inbox: Inbox) -> None:
        body = OUTBOUND.body(1).replace(b"00DWx", b"00DWy")

        assert client.post(OUTBOUND.path, content=body).status_code == 401
        assert inbox.count == 0

    @each_sender
    def test_a_body_that_means_nothing_is_refused(
        self, client: httpx.Client, inbox: Inbox, sender: Sender
    ) -> None:
        for body in (b"", b"null", b"\xff", sender.body(1)[:-9]):
            answer = client.post(sender.path, content=body, headers=sender.signed(body))
            assert answer.status_code == 400
        assert inbox.count == 0

    @each_sender
    def test_a_body_without_end_is_not_read(self, client: httpx.Client, sender: Sender) -> None:
        answer = client.post(
            sender.path, content=(b" " * 2**20 for _ in range(9)), headers=sender.signed(b"")
        )

        assert (answer.status_code, answer.headers["connection"]) == (413, "close")

    def test_without_secrets_nothing_is_accepted(self, open_gateway: Open, inbox: Inbox) -> None:
        client = open_gateway()
        client.auth = UNSIGNED

        answers = [send(client, sender) for sender in SENDERS]

        assert [answer.status_code for answer in answers] == [503] * len(SENDERS)
        assert inbox.count == 0
        assert not any(sender.setting.upper() in each.text for sender in SENDERS for each in answers)

    def test_an_old_signature_of_stripes_is_refused(self, client: httpx.Client) -> None:
        body = STRIPE.body(1)

        assert client.post(STRIPE.path, content=body, headers=stripe_signed(body, seconds_ago=310)).is_error


class TestReadiness:
    def test_needs_the_secrets_of_one_crm(self, open_gateway: Open) -> None:
        told = open_gateway(hubspot_client_secret=None, salesforce_relay_secrets=SecretStr("secret"))

        assert told.get("/readyz").json()["ready"] is True


class TestPlaidsKeys:
    def test_are_asked_for_once(self, asking: httpx.Client, keys: KeyServer) -> None:
        assert [send(asking, PLAID, number).status_code for number in range(5)] == [200] * 5
        assert keys.asked == ["key-1"]

    def test_are_asked_for_once_by_requests_that_come_together(
        self, asking: httpx.Client, keys: KeyServer
    ) -> None:
        keys.gate.clear()
        with ThreadPoolExecutor(6) as senders:
            sending = [senders.submit(send, asking, PLAID, number) for number in range(6)]
            assert keys.came.wait(30)
            keys.gate.set()

        assert [each.result().status_code for each in sending] == [200] * 6
        assert keys.asked == ["key-1"]

    def test_that_plaid_does_not_know_are_asked_for_once_a_minute(
        self, asking: httpx.Client, keys: KeyServer
    ) -> None:
        body = PLAID.body(1)
        headers = plaid_signed(body, key_id="stranger")

        statuses = [asking.post(PLAID.path, content=body, headers=headers).status_code for _ in range(5)]

        assert statuses == [401] * 5
        assert keys.asked == ["stranger"]

    def test_are_asked_for_once_a_minute_while_plaid_is_away(
        self, asking: httpx.Client, keys: KeyServer
    ) -> None:
        keys.status = 500
        statuses = [send(asking, PLAID).status_code for _ in range(3)]
        tries = len(keys.asked)
        send(asking, PLAID)

        assert statuses == [503] * 3
        assert len(keys.asked) == tries

    def test_of_strangers_are_bounded_and_known_ones_go_on(
        self, asking: httpx.Client, keys: KeyServer
    ) -> None:
        assert send(asking, PLAID).status_code == 200
        body = PLAID.body(1)
        statuses = [
            asking.post(PLAID.path, content=body, headers=plaid_signed(body, key_id=f"s{number}")).status_code
            for number in range(NEW_IDS_A_MINUTE + 5)
        ]

        assert statuses.count(401) == NEW_IDS_A_MINUTE - 1
        assert statuses[-1] == 503
        assert len(keys.asked) == NEW_IDS_A_MINUTE
        assert send(asking, PLAID, 2).status_code == 200

    def test_are_not_asked_for_by_a_header_that_is_none_of_plaids(
        self, asking: httpx.Client, keys: KeyServer
    ) -> None:
        for verification in ("", "x.y.z", plaid_signed(b"", key_id="../admin")["Plaid-Verification"]):
            headers = {"Plaid-Verification": verification}
            assert asking.post(PLAID.path, content=b"{}", headers=headers).status_code == 401
        assert keys.asked == []
