"""Tokens at hand, renewed once, whoever wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from integration_pipeline.credentials import (
    QUICKBOOKS,
    BrokenConnection,
    Connections,
    ConnectionUnusable,
    Keyring,
    NotConnected,
    RefreshPostponed,
    new_key,
)
from integration_pipeline.credentials.failures import OtherApp, Unreadable
from integration_pipeline_tests.credentials.conftest import Rig
from integration_pipeline_tests.credentials.vendor import Answer

EXPIRED = timedelta(hours=2)


def token(rig: Rig) -> str:
    return rig.connections().access_token(rig.name, rig.account).get_secret_value()


def test_a_fresh_token_is_the_one_that_was_stored(rig: Rig) -> None:
    assert token(rig) == rig.vendor.issued[0]
    assert rig.vendor.renewals == 0


def test_a_token_at_hand_costs_no_look_into_the_database(rig: Rig) -> None:
    connections = rig.connections()
    first = connections.access_token(rig.name, rig.account)
    asked: list[str] = []
    event.listen(connections.refresher.engine, "connect", lambda *_: asked.append("connected"))

    assert connections.access_token(rig.name, rig.account) is first
    assert asked == []


def test_an_expired_token_is_renewed_and_the_new_pair_is_stored_before_it_is_used(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)

    renewed = token(rig)

    assert renewed == rig.vendor.issued[2]
    assert token(rig) == renewed  # by another process, from the database
    assert rig.vendor.renewals == 1
    assert rig.events() == ["refresh_sent", "refreshed"]


def test_renewing_again_uses_the_refresh_token_that_came_last(rig: Rig) -> None:
    for _ in range(3):
        rig.clock.advance(EXPIRED)
        token(rig)

    assert rig.vendor.renewals == 3
    assert rig.value("SELECT generation FROM ops.token_sets") == 4


def test_both_organisations_of_one_consent_share_its_tokens(xero: Rig) -> None:
    connections = xero.connections()
    xero.clock.advance(EXPIRED)

    tokens = [connections.access_token(xero.name, account).get_secret_value() for account in xero.accounts]

    assert tokens[0] == tokens[1]
    assert xero.vendor.renewals == 1


def test_threads_that_want_an_expired_token_renew_it_once(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)
    connections = rig.connections()
    start = threading.Barrier(12)

    def ask(number: int) -> str:
        start.wait()
        return connections.access_token(rig.name, rig.accounts[number % len(rig.accounts)]).get_secret_value()

    with ThreadPoolExecutor(12) as pool:
        tokens = set(pool.map(ask, range(12)))

    assert len(tokens) == 1
    assert rig.vendor.renewals == 1


def test_while_one_thread_renews_early_the_others_go_on(rig: Rig) -> None:
    connections = rig.connections()
    held = connections.access_token(rig.name, rig.account)
    rig.clock.advance(timedelta(seconds=rig.vendor.expires_in) - timedelta(minutes=2))
    asked_meanwhile: list[object] = []

    def meanwhile() -> None:
        asked_meanwhile.append(connections.access_token(rig.name, rig.account))

    rig.vendor.before_answer.append(meanwhile)
    renewed = connections.access_token(rig.name, rig.account)

    assert asked_meanwhile == [held]
    assert renewed.get_secret_value() == rig.vendor.issued[2]


def test_a_vendor_that_is_away_is_unnoticed_while_the_token_lives(rig: Rig) -> None:
    connections = rig.connections()
    held = connections.access_token(rig.name, rig.account)
    rig.clock.advance(timedelta(seconds=rig.vendor.expires_in) - timedelta(minutes=2))
    rig.vendor.instead += [Answer(503)] * 3

    assert connections.access_token(rig.name, rig.account) == held
    assert rig.vendor.renewals == 0
    rig.clock.advance(timedelta(seconds=31))
    assert connections.access_token(rig.name, rig.account) != held


def test_a_vendor_that_is_away_postpones_when_the_token_is_dead_and_others_try_again(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)
    rig.vendor.instead += [Answer(503)] * 3

    with pytest.raises(RefreshPostponed, match=r"could not be renewed.*503.*try again shortly"):
        token(rig)

    assert rig.value("SELECT state FROM ops.token_sets") == "connected"
    assert token(rig) == rig.vendor.issued[2]
    assert rig.events() == ["refresh_sent", "refresh_failed", "refresh_sent", "refreshed"]


def test_a_passing_failure_is_overcome_at_once(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)
    rig.vendor.instead += [Answer(500)]

    assert token(rig) == rig.vendor.issued[2]


def test_a_lost_answer_of_xero_is_made_good_with_the_token_before(xero: Rig) -> None:
    xero.clock.advance(EXPIRED)
    xero.vendor.before_answer.append(lambda: Answer(None))

    assert token(xero) == xero.vendor.issued[4]
    assert xero.vendor.renewals == 2


def test_an_answer_of_xero_that_cannot_be_read_is_made_good_too(xero: Rig) -> None:
    xero.clock.advance(EXPIRED)
    xero.vendor.before_answer.append(lambda: Answer(200, '{"access_token": 7}'))

    assert token(xero) == xero.vendor.issued[4]


def test_a_lost_answer_of_quickbooks_does_no_harm_on_a_day_its_token_stays(
    rig_of: Callable[..., Rig],
) -> None:
    rig = rig_of(QUICKBOOKS, rotates=False)
    rig.clock.advance(EXPIRED)
    rig.vendor.before_answer.append(lambda: Answer(None))

    assert token(rig) == rig.vendor.issued[4]


def test_a_lost_answer_of_quickbooks_that_changed_the_token_ends_in_a_clear_next_step(
    quickbooks: Rig,
) -> None:
    quickbooks.clock.advance(EXPIRED)
    quickbooks.vendor.before_answer.append(lambda: Answer(None))

    with pytest.raises(BrokenConnection, match=r"invalid_grant.*integration-pipeline connect quickbooks"):
        token(quickbooks)

    assert quickbooks.value("SELECT state FROM ops.token_sets") == "broken"
    assert quickbooks.events() == ["refresh_sent", "broken"]


def test_a_broken_connection_is_not_asked_for_again_and_says_why(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)
    rig.vendor.end_consents()
    connections = rig.connections()
    for _ in range(3):
        with pytest.raises(
            BrokenConnection, match="the refresh token was refused: answered 400 invalid_grant"
        ):
            connections.access_token(rig.name, rig.account)

    assert sum(target == "/token" for _, target, _, _ in rig.vendor.requests) == 1


def test_a_broken_connection_that_the_vendor_takes_again_is_mended_when_asked(rig: Rig) -> None:
    rig.execute("UPDATE ops.token_sets SET state = 'broken', why = 'a mistake of the vendor'")

    rig.connections().refresh(rig.name, rig.account)

    assert rig.value("SELECT state FROM ops.token_sets") == "connected"


def test_the_token_before_is_tried_if_xero_refuses_the_newest_within_its_grace(xero: Rig) -> None:
    token_before = xero.connections().refresher.stored(xero.name, xero.account)
    refresh_before = token_before.opened(xero.keys, "refresh_token")
    xero.connections().refresh(xero.name, xero.account)
    xero.vendor.forget_all_but(refresh_before.get_secret_value())

    xero.connections().refresh(xero.name, xero.account)

    assert xero.vendor.renewals == 2
    assert xero.value("SELECT state FROM ops.token_sets") == "connected"


def test_an_account_nobody_connected_is_named_with_the_next_step(rig: Rig) -> None:
    with pytest.raises(NotConnected, match=f"no connection for account 77.*connect {rig.name.value}"):
        rig.connections().access_token(rig.name, "77")


def test_wrong_settings_of_the_app_do_not_end_the_connection(rig: Rig) -> None:
    rig.clock.advance(EXPIRED)
    rig.vendor.instead.append(Answer(401, '{"error": "invalid_client"}'))

    with pytest.raises(ConnectionUnusable, match="Check the client id and the client secret"):
        token(rig)

    assert token(rig) == rig.vendor.issued[2]


def test_tokens_of_another_app_are_not_sent_anywhere(rig: Rig) -> None:
    another = replace(rig.vendor.app, client_id="another")
    connections = Connections(rig.engine, rig.keys, [another], now=rig.clock.now)
    for _ in range(2):
        with pytest.raises(OtherApp, match=r"connected with the app app-1 at http.*Correct the settings"):
            connections.access_token(rig.name, rig.account)
        rig.clock.advance(EXPIRED)
    assert rig.vendor.requests == []


def test_a_row_whose_ciphertext_was_swapped_is_noticed(rig: Rig) -> None:
    rig.execute("UPDATE ops.token_sets SET access_token = refresh_token")

    with pytest.raises(Unreadable, match="altered or belongs to another row"):
        token(rig)


def test_a_row_sealed_with_an_unknown_key_is_named_by_the_keys_id(rig: Rig) -> None:
    other = Rig(rig.vendor, rig.engine, Keyring.parse(new_key()), new_key(), rig.clock, rig.accounts)

    with pytest.raises(Unreadable, match=f"sealed with key {rig.keys.newest}.*Put the missing key back"):
        token(other)


class TestTending:
    def test_renews_what_has_expired_once_for_each_consent(self, rig: Rig) -> None:
        rig.clock.advance(EXPIRED)

        tended = rig.connections().tend()

        assert len(tended.renewed) == 1
        assert tended.failed == ()
        assert rig.connections().tend().renewed == ()

    def test_names_what_needs_somebody(self, rig: Rig) -> None:
        rig.clock.advance(EXPIRED)
        rig.vendor.end_consents()

        [(label, why)] = rig.connections().tend().failed

        assert label.startswith(f"{rig.name.value}:{rig.account}")
        assert "consent" in why
