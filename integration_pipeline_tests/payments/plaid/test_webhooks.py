"""Webhooks as they come from Plaid: verified by the key it gives, forged ones refused, keys that rotate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.payments.plaid.api import PlaidApi, connect
from integration_pipeline.payments.plaid.keys import KEPT_SECONDS, VerificationKeys
from integration_pipeline.payments.plaid.signature import Forged, Proof
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.payments.plaid.webhooks import MalformedWebhook, read_events
from integration_pipeline.transport.client import VendorClient
from integration_pipeline_tests.payments.plaid.conftest import read, settings
from integration_pipeline_tests.sandbox.desk import until
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.plaid.conftest import Bank

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def client(bank: Bank) -> Iterator[VendorClient]:
    with connect(settings(bank), registry=CollectorRegistry()) as connected:
        yield connected


class Monotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def verified(
    keys: VerificationKeys, post: tuple[Mapping[str, str], bytes], now: float | None = None
) -> datetime:
    """When a webhook was signed, by all that the gateway does. Raises `Forged`."""
    headers = {name.lower(): value for name, value in post[0].items()}
    moment = time.time() if now is None else now
    proof = Proof.of(headers)
    return proof.require(keys.get(proof.key_id, moment).jwk, post[1], moment)


def announced(bank: Bank, source: PlaidSource, receiver: Receiver, **faults: object) -> None:
    """Have a synced item tell of an update."""
    read(source)
    bank.sandbox.admin("PUT", "/webhooks", {"url": receiver.url, "faults": faults})
    bank.add({"amount": "1"})
    until(bank.sandbox.delivered)


def test_a_webhook_is_verified_and_read_and_its_key_asked_for_once(
    bank: Bank, source: PlaidSource, receiver: Receiver, client: VendorClient
) -> None:
    announced(bank, source, receiver)
    keys = VerificationKeys(PlaidApi(client))
    [post] = receiver.posts
    verified(keys, post)
    signed_at = verified(keys, post)
    [event] = read_events(post[1], signed_at)

    assert client.metrics.totals().requests == 1
    assert (event.source, event.kind) == ("plaid", "TRANSACTIONS.SYNC_UPDATES_AVAILABLE")
    assert (event.external_ids, event.occurred_at) == ((bank.item_id,), signed_at)


def test_of_a_webhook_and_its_forged_twin_only_one_is_taken(
    bank: Bank, source: PlaidSource, receiver: Receiver, client: VendorClient
) -> None:
    announced(bank, source, receiver, forged_share=1)
    keys = VerificationKeys(PlaidApi(client))

    def taken(post: tuple[Mapping[str, str], bytes]) -> bool:
        try:
            verified(keys, post)
        except Forged:
            return False
        return True

    assert sorted(map(taken, receiver.posts)) == [False, True]


def test_a_key_that_expired_is_refused_once_it_is_asked_for_again(
    bank: Bank, source: PlaidSource, receiver: Receiver, client: VendorClient
) -> None:
    announced(bank, source, receiver)
    monotonic = Monotonic()
    keys = VerificationKeys(PlaidApi(client), monotonic=monotonic)
    [post] = receiver.posts
    verified(keys, post)
    bank.sandbox.admin("POST", "/verification_keys")
    verified(keys, post)
    monotonic.now += KEPT_SECONDS

    # The sandbox's clock may be ahead of ours.
    with pytest.raises(Forged, match="expired"):
        keys.get(Proof.of({"plaid-verification": post[0]["Plaid-Verification"]}).key_id, time.time() + 10**6)
    bank.add({"amount": "2"})
    until(bank.sandbox.delivered)
    assert verified(keys, receiver.posts[-1])


def test_keys_nobody_knows_do_not_make_us_call_plaid_for_each_webhook(client: VendorClient) -> None:
    monotonic = Monotonic()
    keys = VerificationKeys(PlaidApi(client), monotonic=monotonic)
    for _ in range(20):
        with pytest.raises(Forged, match="does not know the key"):
            keys.get("invented", time.time())
    assert client.metrics.totals().requests == 1

    monotonic.now += 61
    with pytest.raises(Forged):
        keys.get("invented", time.time())
    assert client.metrics.totals().requests == 2


def test_two_announcements_alike_are_two_events_and_one_twice_is_one() -> None:
    body = b'{"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "i1"}'
    [first], [again] = read_events(body, AT), read_events(body, AT)
    [later] = read_events(body, AT.replace(hour=13))

    assert first.key == again.key
    assert first.key != later.key


def test_codes_of_older_clients_are_events_as_well() -> None:
    body = b'{"webhook_type": "TRANSACTIONS", "webhook_code": "DEFAULT_UPDATE", "item_id": "i1", "new": 2}'
    [event] = read_events(body, AT)

    assert (event.kind, event.external_ids) == ("TRANSACTIONS.DEFAULT_UPDATE", ("i1",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b'{"webhook_type": 7, "webhook_code": "X"}',
        b'{"webhook_type": "TRANSACTIONS", "webhook_code": "a b"}',
        b'{"webhook_type": "A", "webhook_code": "B", "webhook_code": "secret"}',
    ],
)
def test_a_body_that_is_no_webhook_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(MalformedWebhook) as caught:
        read_events(body, AT)

    assert "secret" not in str(caught.value)
