"""Connecting, checking and disconnecting, and the replacing of the key."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from integration_pipeline.credentials import Connections, Keyring, NotConnected, new_key
from integration_pipeline.credentials.connecting import check, connect, disconnect, reseal
from integration_pipeline.credentials.consent import read_callback, request_consent
from integration_pipeline.credentials.failures import InvalidGrant, Unreadable
from integration_pipeline.credentials.rows import ConnectionRow
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline_tests.credentials.conftest import Rig
from integration_pipeline_tests.credentials.vendor import QUICKBOOKS, TENANTS

BACK = "http://localhost:8801/callback"


def consent(rig: Rig, connections: Connections) -> list[str]:
    """What a person and a browser do; answers the accounts' names."""
    asked = request_consent(rig.vendor.app, rig.keys, BACK, rig.clock.now())
    redirected = httpx.get(asked.url).headers["location"]
    callback = read_callback(rig.vendor.app, rig.keys, redirected, rig.clock.now())
    return [account.name for account in connect(connections, rig.name, callback)]


def row_of(rig: Rig, account: str | None = None) -> ConnectionRow:
    return next(row for row in rig.connections().every() if row.account == (account or rig.account))


def test_a_consent_connects_every_account_it_opens(rig: Rig) -> None:
    names = consent(rig, rig.connections())

    assert names == (["Craig's Design"] if rig.vendor.oauth is QUICKBOOKS else list(TENANTS.values()))
    assert rig.connections().access_token(rig.name, rig.account).get_secret_value() in rig.vendor.issued[3:]


def test_connecting_again_replaces_the_tokens_and_keeps_one_set(rig: Rig) -> None:
    connections = rig.connections()
    before = connections.access_token(rig.name, rig.account)
    consent(rig, connections)

    assert connections.access_token(rig.name, rig.account) != before
    assert rig.value("SELECT count(*) FROM ops.token_sets") == 1
    assert rig.events() == ["connected"]


def test_connecting_again_mends_what_was_broken(rig: Rig) -> None:
    rig.clock.advance(timedelta(hours=2))
    rig.vendor.end_consents()
    assert len(rig.connections().tend().failed) == 1

    consent(rig, rig.connections())

    assert rig.connections().access_token(rig.name, rig.account)


def test_the_end_that_intuit_tells_of_is_kept_over_renewals(quickbooks: Rig) -> None:
    consent(quickbooks, quickbooks.connections())
    quickbooks.connections().refresh(quickbooks.name, quickbooks.account)

    hard = row_of(quickbooks).hard_expires_at
    assert hard is not None
    assert timedelta(days=1824) < hard - quickbooks.clock.now() < timedelta(days=1826)


def test_a_code_is_good_once(rig: Rig) -> None:
    asked = request_consent(rig.vendor.app, rig.keys, BACK, rig.clock.now())
    redirected = httpx.get(asked.url).headers["location"]
    callback = read_callback(rig.vendor.app, rig.keys, redirected, rig.clock.now())
    connect(rig.connections(), rig.name, callback)

    with pytest.raises(InvalidGrant, match="used up"):
        connect(rig.connections(), rig.name, callback)


def test_checking_asks_the_vendor_for_the_accounts_name(rig: Rig) -> None:
    assert check(rig.connections(), row_of(rig)) == row_of(rig).name


def test_checking_a_connection_that_ended_says_so(rig: Rig) -> None:
    rig.vendor.end_consents()

    with pytest.raises(VendorFailure, match="integration-pipeline connect"):
        check(rig.connections(), row_of(rig))


class TestDisconnecting:
    def test_the_last_account_ends_the_consent(self, quickbooks: Rig) -> None:
        connections = quickbooks.connections()
        disconnect(connections, row_of(quickbooks))

        assert quickbooks.vendor.requests[-1][1] == "/revoke"
        assert quickbooks.value("SELECT count(*) FROM ops.token_sets") == 0
        with pytest.raises(NotConnected):
            connections.access_token(quickbooks.name, quickbooks.account)

    def test_one_of_several_organisations_leaves_the_others(self, xero: Rig) -> None:
        first, second = xero.accounts
        disconnect(xero.connections(), row_of(xero, first))

        assert [row.account for row in xero.connections().every()] == [second]
        assert check(xero.connections(), row_of(xero, second)) == TENANTS[second]
        assert "/revoke" not in [target for _, target, _, _ in xero.vendor.requests]

    def test_changes_nothing_if_the_vendor_cannot_be_told(self, quickbooks: Rig) -> None:
        quickbooks.vendor.close()

        with pytest.raises(VendorFailure):
            disconnect(quickbooks.connections(), row_of(quickbooks))
        assert len(quickbooks.connections().every()) == 1

    def test_can_be_only_forgotten_here(self, rig: Rig) -> None:
        disconnect(rig.connections(), row_of(rig), tell_vendor=False)

        assert rig.vendor.requests == []
        assert rig.account not in [row.account for row in rig.connections().every()]

    def test_of_what_has_ended_at_the_vendor_is_no_fault(self, quickbooks: Rig) -> None:
        quickbooks.vendor.end_consents()
        disconnect(quickbooks.connections(), row_of(quickbooks))

        assert quickbooks.connections().every() == []


def test_after_resealing_the_old_key_is_needed_no_more(rig: Rig) -> None:
    rig.connections().refresh(rig.name, rig.account)  # with Xero, there is a third token now
    newest = new_key()
    both = SecretStr(f"{newest.get_secret_value()},{rig.key_text.get_secret_value()}")
    app = rig.vendor.app
    resealed = reseal(Connections(rig.engine, Keyring.parse(both), [app], now=rig.clock.now))

    after = Connections(rig.engine, Keyring.parse(newest), [app], now=rig.clock.now)
    assert (resealed.changed, resealed.unchanged) == (1, 0)
    assert after.access_token(rig.name, rig.account).get_secret_value() == rig.vendor.issued[2]
    after.refresh(rig.name, rig.account)
    with pytest.raises(Unreadable):
        rig.connections().access_token(rig.name, rig.account)


def test_resealing_twice_changes_nothing_the_second_time(rig: Rig) -> None:
    resealed = reseal(rig.connections())

    assert (resealed.changed, resealed.unchanged) == (0, 1)
