"""Syncs are whole or begun again, and their cursors lose and double nothing."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.payments.movements import Page
from integration_pipeline.payments.plaid.errors import MutatedDuringSync
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.transport.failures import Unauthorized
from integration_pipeline_tests.payments.plaid.conftest import connect, read, settings
from integration_pipeline_tests.sandbox.desk import desk
from integration_pipeline_tests.sandbox.plaid.conftest import OPTIONS, Bank, open_bank
from integration_pipeline_tests.vendors.rig import WoundClock


def ids(page: Page) -> list[str]:
    return [each.external_id for each in page.movements]


def test_more_lines_than_fit_into_a_page_come_once(bank: Bank) -> None:
    made = [each["transaction_id"] for each in bank.add(*({"amount": str(n)} for n in range(1, 8)))]

    with connect(bank, page_size=2) as source:
        page = read(source)
        assert source.metrics.totals().requests == 4
    assert ids(page) == made


def test_since_the_cursor_only_what_is_new_is_read(bank: Bank, source: PlaidSource) -> None:
    bank.add({"amount": "1"})
    first = read(source)
    [new] = bank.add({"amount": "2"})
    second = read(source, first.cursor)
    third = read(source, second.cursor)

    assert ids(second) == [new["transaction_id"]]
    assert (third.movements, third.removed, third.cursor) == ((), (), second.cursor)


def test_a_posted_line_is_new_and_its_pending_id_removed(bank: Bank, source: PlaidSource) -> None:
    [pending] = bank.add({"amount": "-40", "pending": True})
    first = read(source)
    posted = bank.sandbox.admin("POST", f"/transactions/{pending['transaction_id']}/post")
    second = read(source, first.cursor)

    assert ids(first) == []
    assert ids(second) == [posted["transaction_id"]]
    assert second.removed == (pending["transaction_id"],)


def test_changed_lines_come_as_they_are_and_lines_taken_back_by_their_ids(
    bank: Bank, source: PlaidSource
) -> None:
    changed, gone = bank.add({"amount": "-1"}, {"amount": "-2"})
    first = read(source)
    path = f"/transactions/{changed['transaction_id']}"
    bank.sandbox.admin("PATCH", path, {"changes": {"amount": "-1.5"}})
    bank.sandbox.admin("DELETE", f"/transactions/{gone['transaction_id']}")
    second = read(source, first.cursor)

    assert [(each.external_id, each.amount.minor) for each in second.movements] == [
        (changed["transaction_id"], 150)
    ]
    assert second.removed == (gone["transaction_id"],)


def test_a_sync_that_is_interrupted_begins_again_and_hands_out_each_line_once(bank: Bank) -> None:
    made = [each["transaction_id"] for each in bank.add(*({"amount": str(n)} for n in range(1, 6)))]
    bank.sandbox.admin("PUT", "/sync", {"mutations": 2})
    bank.sandbox.admin("PUT", "/requests", {"on": True})
    with connect(bank, page_size=2) as source:
        page = read(source)
    requests = bank.sandbox.admin("GET", "/requests")["requests"]
    bank.sandbox.admin("PUT", "/requests", {"on": False})

    assert ids(page) == made
    begun = [request for request in requests if '"cursor"' not in request["body"]]
    assert len(begun) == 3


def test_an_interrupted_sync_begins_at_the_cursor_it_was_given(bank: Bank, source: PlaidSource) -> None:
    bank.add({"amount": "1"})
    first = read(source)
    made = [each["transaction_id"] for each in bank.add(*({"amount": str(n)} for n in range(1, 4)))]
    bank.sandbox.admin("PUT", "/sync", {"mutations": 1})

    with connect(bank, page_size=2) as small:
        assert ids(read(small, first.cursor)) == made


def test_a_sync_that_is_always_interrupted_is_given_up(bank: Bank) -> None:
    bank.add(*({"amount": str(n)} for n in range(1, 4)))
    bank.sandbox.admin("PUT", "/sync", {"mutations": 100})

    with connect(bank, page_size=2, restarts=3) as source, pytest.raises(MutatedDuringSync):
        read(source)


def test_while_plaid_reads_the_bank_there_is_no_cursor_to_keep(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"initial_seconds": 60})
    with desk("plaid", tmp_path, options) as slow:
        bank = open_bank(slow)
        [line] = bank.add({"amount": "1"})
        with connect(bank) as source:
            early = read(source)
            slow.admin("PUT", "/clock", {"advance_seconds": 61})
            late = read(source, early.cursor)

    assert early == Page()
    assert ids(late) == [line["transaction_id"]]


def test_a_login_that_broke_asks_for_somebody_to_sign_in(bank: Bank, source: PlaidSource) -> None:
    bank.sandbox.admin("POST", f"/items/{bank.item_id}/break_login")

    with pytest.raises(Unauthorized, match="Link's update mode"):
        read(source)


def test_an_access_token_plaid_does_not_know_is_no_secret_told(bank: Bank) -> None:
    stranger = Bank(bank.sandbox, "none", "access-production-5ecret-token", "none")
    with connect(stranger) as source, pytest.raises(Unauthorized, match="Connect the bank again") as caught:
        read(source)

    assert "5ecret" not in f"{caught.value!r} {vars(caught.value)!r}"


def test_faults_lose_and_double_nothing_and_the_sums_are_the_banks(bank: Bank) -> None:
    bank.add(*({"amount": f"{number}.{number:02}"} for number in range(1, 40)))
    bank.add(*({"amount": f"-{number * 7}.05"} for number in range(1, 20)))
    rules = [
        {"name": "lost", "share": "0.15", "fault": {"kind": "drop_after"}},
        {"name": "busy", "share": "0.15", "fault": {"kind": "throttle"}},
        {"name": "down", "share": "0.15", "fault": {"kind": "error", "status": 503}},
    ]
    bank.sandbox.admin("PUT", "/faults", {"seed": 5, "rules": rules})

    with PlaidSource(settings(bank, page_size=3), registry=CollectorRegistry(), clock=WoundClock()) as source:
        page = read(source)
        assert source.metrics.totals().retries > 0

    [total] = bank.sandbox.admin("GET", "/totals")["totals"]
    assert len(page.movements) == total["count"]
    assert sum(each.amount.minor for each in page.movements) == -int(Decimal(str(total["amount"])) * 100)
