"""The token in a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.credentials import ConnectionAuth, Connections, Timing
from integration_pipeline.transport.client import RetryPolicy, VendorClient
from integration_pipeline.transport.failures import Transient, Unauthorized
from integration_pipeline_tests.credentials.conftest import Rig
from integration_pipeline_tests.credentials.vendor import Answer

EXPIRED = timedelta(hours=2)


def client_of(rig: Rig, connections: Connections | None = None) -> VendorClient:
    return VendorClient(
        rig.name.value,
        rig.vendor.url,
        auth=ConnectionAuth(connections or rig.connections(), rig.name, rig.account),
        retries=RetryPolicy(attempts=1),
        registry=CollectorRegistry(),
    )


@pytest.fixture
def client(rig: Rig) -> Iterator[VendorClient]:
    with client_of(rig) as made:
        yield made


def calls(rig: Rig, path: str) -> int:
    return sum(target == path for _, target, _, _ in rig.vendor.requests)


def test_a_call_carries_the_token(rig: Rig, client: VendorClient) -> None:
    assert client.read("GET", "/invoices", operation="invoices").status == 200
    assert rig.vendor.requests[-1][2]["authorization"] == f"Bearer {rig.vendor.issued[0]}"


def test_a_write_refused_for_a_token_that_died_early_is_sent_again_whole(
    rig: Rig, client: VendorClient
) -> None:
    rig.vendor.expire_access_tokens()

    reply = client.write("POST", "/invoices", operation="invoices", json={"amount": 7})

    assert reply.status == 200
    assert [body for _, target, _, body in rig.vendor.requests if target == "/invoices"] == [
        '{"amount":7}'
    ] * 2
    assert rig.vendor.renewals == 1


def test_threads_refused_together_renew_once(rig: Rig) -> None:
    with client_of(rig) as client:
        client.read("GET", "/invoices", operation="invoices")
        rig.vendor.expire_access_tokens()
        start = threading.Barrier(8)

        def call(_: int) -> int:
            start.wait()
            return client.read("GET", "/invoices", operation="invoices").status

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(call, range(8))) == {200}
    assert rig.vendor.renewals == 1


def test_a_process_that_was_refused_takes_the_token_another_one_has_renewed(rig: Rig) -> None:
    with client_of(rig) as ours, client_of(rig) as theirs:
        ours.read("GET", "/invoices", operation="invoices")
        theirs.read("GET", "/invoices", operation="invoices")
        rig.vendor.expire_access_tokens()
        theirs.read("GET", "/invoices", operation="invoices")

        assert ours.read("GET", "/invoices", operation="invoices").status == 200
    assert rig.vendor.renewals == 1


def test_an_account_that_is_refused_whatever_the_token_is_not_renewed_for_ever(rig: Rig) -> None:
    rig.vendor.refuses_everything = True
    with client_of(rig, rig.connections(Timing(refused_again=timedelta(hours=1)))) as client:
        for _ in range(5):
            with pytest.raises(Unauthorized, match="answered 401"):
                client.read("GET", "/invoices", operation="invoices")

    assert rig.vendor.renewals == 1
    assert calls(rig, "/invoices") == 6


def test_a_write_that_got_no_token_is_known_not_to_have_happened(rig: Rig, client: VendorClient) -> None:
    rig.clock.advance(EXPIRED)
    rig.vendor.instead += [Answer(503)] * 3

    with pytest.raises(Transient, match="the token could not be renewed"):
        client.write("POST", "/invoices", operation="invoices", json={})

    assert calls(rig, "/invoices") == 0


def test_a_write_over_a_connection_that_ended_says_who_has_to_do_what(rig: Rig, client: VendorClient) -> None:
    rig.vendor.end_consents()

    with pytest.raises(Unauthorized, match=f"integration-pipeline connect {rig.name.value}"):
        client.write("POST", "/invoices", operation="invoices", json={})
