"""What a transaction at a bank is as a movement, and which transactions are none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Movement, MovementKind
from integration_pipeline.payments.plaid.api import SyncPage
from integration_pipeline.payments.plaid.reading import line, merged
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.sandbox.plaid.lines import Line, transaction
from integration_pipeline.transport.failures import Attempted, Malformed
from integration_pipeline.transport.json_types import dump_json, parse_json
from integration_pipeline.transport.shapes import Json
from integration_pipeline_tests.payments.plaid.conftest import connect, read
from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.plaid.conftest import Bank, open_bank

_ATTEMPTED = Attempted("plaid", "POST", "/transactions/sync", is_write=False)


def test_money_in_is_positive_to_the_last_digit(bank: Bank, source: PlaidSource) -> None:
    bank.add({"amount": "-1234567890.07"}, {"amount": "12.5"})

    amounts = [each.amount for each in read(source).movements]
    assert amounts == [Money(123_456_789_007, "USD"), Money(-1_250, "USD")]


@given(
    minor=st.integers(1, 10**12 - 1),
    sign=st.sampled_from([1, -1]),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_every_amount_survives_its_way_through_json(minor: int, sign: int, currency: str) -> None:
    decimals = {"USD": 2, "JPY": 0, "KWD": 3}[currency]
    amount = Decimal(sign * minor).scaleb(-decimals)
    told = transaction(Line(amount=amount, date=date(2026, 1, 1), name="x"), "t1", "a1", currency, None)

    read = line(Json(parse_json(dump_json(told)), _ATTEMPTED))
    assert isinstance(read, Movement)
    assert read.amount == Money(-sign * minor, currency)


def test_a_line_says_when_by_whom_and_what_for(bank: Bank, source: PlaidSource) -> None:
    [told] = bank.add(
        {
            "amount": "-100",
            "date": "2026-11-19",
            "datetime": "2026-11-19T08:30:00Z",
            "name": "ACH CREDIT",
            "original_description": "ACME GMBH RE INV-2026-0007",
            "reference_number": "E2E-9",
            "payer": "Acme GmbH",
            "counterparty": "Acme",
        }
    )
    [read_line] = read(source).movements

    assert (read_line.kind, read_line.external_id) == (MovementKind.BANK_LINE, told["transaction_id"])
    assert read_line.value_date == date(2026, 11, 19)
    assert read_line.occurred_at == datetime(2026, 11, 19, 8, 30, tzinfo=UTC)
    assert read_line.payer.name == "Acme GmbH"
    assert {"ACH CREDIT", "ACME GMBH RE INV-2026-0007", "E2E-9"} <= set(read_line.references)
    assert read_line.account == bank.account_id
    assert read_line.body["amount"] in (-100, "-100")


def test_pending_lines_and_lines_without_an_amount_are_none(bank: Bank, source: PlaidSource) -> None:
    bank.add({"amount": "-5", "pending": True}, {"amount": "0"})
    page = read(source)

    assert (page.movements, page.unreadable) == ((), ())
    assert page.cursor


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"amount": "1", "unofficial_currency": "BTC"}, "BTC"),
        ({"amount": "0.001"}, "more decimals"),
        ({"amount": "5.5", "currency": "JPY"}, "more decimals"),
    ],
)
def test_what_cannot_be_booked_is_told_with_a_reason_and_holds_nothing_up(
    bank: Bank, source: PlaidSource, told: dict[str, object], reason: str
) -> None:
    bad, good = bank.add(told, {"amount": "-7"})
    page = read(source)

    assert [each.external_id for each in page.movements] == [good["transaction_id"]]
    [unreadable] = page.unreadable
    assert unreadable.external_id == bad["transaction_id"]
    assert reason in unreadable.reason
    assert bad["transaction_id"] in unreadable.reason


@pytest.mark.parametrize("field", ["amount", "date", "transaction_id", "pending", "account_id"])
def test_a_field_of_another_shape_is_malformed(field: str) -> None:
    told = transaction(Line(amount=Decimal(5), date=date(2026, 1, 1), name="x"), "t1", "a1", "USD", None)

    with pytest.raises(Malformed, match=field):
        line(Json({**told, field: {"unexpected": True}}, _ATTEMPTED))


def told(identifier: str, amount: int) -> Json:
    line_told = Line(amount=Decimal(amount), date=date(2026, 1, 1), name="x")
    return Json(transaction(line_told, identifier, "a1", "USD", None), _ATTEMPTED)


def sync_page(
    added: Sequence[Json] = (), modified: Sequence[Json] = (), removed: Sequence[str] = (), more: bool = True
) -> SyncPage:
    return SyncPage(list(added), list(modified), list(removed), "after", has_more=more, ready=True)


def test_of_a_line_that_changed_more_than_once_in_a_sync_only_the_last_state_counts() -> None:
    page = merged(
        [
            sync_page(added=[told("changed", 1), told("gone", 2)], removed=["returned"]),
            sync_page(modified=[told("changed", 3)], removed=["gone"]),
            sync_page(added=[told("returned", 4)], more=False),
        ],
        None,
    )

    assert {each.external_id: each.amount.minor for each in page.movements} == {
        "changed": -300,
        "returned": -400,
    }
    assert (page.removed, page.cursor) == (("gone",), "after")


def test_only_the_accounts_chosen_are_read(sandbox: Desk) -> None:
    bank = open_bank(sandbox, accounts=[{"name": "Operating"}, {"name": "Savings", "mask": "1111"}])
    with connect(bank) as everything:
        first, second = everything.accounts()
    assert (first.name, second.mask) == ("Operating", "1111")
    bank.add({"amount": "-1"}, account_id=first.id)
    bank.add({"amount": "-2"}, account_id=second.id)

    with connect(bank, account_ids=frozenset({second.id})) as chosen:
        assert [each.amount.minor for each in read(chosen).movements] == [200]
