"""What a finance person does about money that moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from integration_pipeline.billing.money import Money
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.payments.movements import MovementKind, MovementSource, Payer
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.receive import receive
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline_tests.cli.conftest import Command
from integration_pipeline_tests.pipeline.till import Till, movement

PLAID, LINE = MovementSource.PLAID, MovementKind.BANK_LINE


@pytest.fixture
def books(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def invoice(books: Engine) -> Any:
    """An open invoice that is the only one of its amount."""
    with books.connect() as connection:
        return connection.execute(
            text("""
                SELECT * FROM ledger.document_balances AS one
                WHERE kind = 'invoice' AND currency = 'USD' AND status = 'open' AND NOT EXISTS (
                    SELECT FROM ledger.document_balances AS other
                    WHERE other.total_minor = one.total_minor AND other.document_id <> one.document_id
                )
                ORDER BY number LIMIT 1
            """)
        ).one()


@pytest.fixture
def waiting(books: Engine, invoice: Any) -> int:
    """A bank line over the invoice's amount that says nothing else."""
    till = Till(PLAID)
    till.tell(
        movement(
            PLAID,
            LINE,
            "line-1",
            Money(invoice.open_minor, "USD"),
            payer=Payer("Somebody"),
            text="[transfer]",
        )
    )
    pipeline = Pipeline(books, read_mapping(DEFAULT_MAPPING), read_rule_set())
    receive(pipeline, till)
    settle(pipeline)
    with books.connect() as connection:
        return connection.execute(text("SELECT id FROM payments.movements")).scalar_one()


def amount(minor: int) -> str:
    return f"{Money(minor, 'USD').to_decimal():f}"


def test_the_list_says_why_it_waits_and_what_to_type(command: Command, waiting: int, invoice: Any) -> None:
    shown = command("payments", "list", "--waiting").output

    assert "nothing in it names a document, and the payer is not known" in shown
    assert f"--document {invoice.number}={amount(invoice.open_minor)}" in shown
    assert f"payments {waiting}" not in shown


def test_the_list_as_json_has_the_proposals(command: Command, waiting: int, invoice: Any) -> None:
    listed = json.loads(command("payments", "list", "--json").output)

    [row] = listed["payments"]
    assert (row["id"], row["state"]) == (waiting, "waiting")
    assert row["candidates"][0]["allocations"][0]["number"] == invoice.number
    assert listed["unreadable"] == []


def test_a_proposal_that_is_right_is_booked_and_explained(
    command: Command, waiting: int, invoice: Any, books: Engine
) -> None:
    given = f"{invoice.number}={amount(invoice.open_minor)}"
    matched = command("payments", "match", str(waiting), "--document", given, "--by", "ann")
    assert matched.exit_code == 0, matched.output
    assert f"Payment {waiting} is settled" in matched.output

    shown = command("payments", "show", str(waiting)).output
    assert "It says: [transfer]" in shown
    assert "It is settled (by ann)." in shown
    assert f"to {invoice.number}, 0.00 USD of it is open now" in shown
    with books.connect() as connection:
        assert connection.execute(text("SELECT actor, action FROM ops.audit_log")).one() == (
            "ann",
            "payments.match",
        )


def test_an_ignored_payment_waits_no_longer(command: Command, waiting: int) -> None:
    ignored = command("payments", "ignore", str(waiting), "--reason", "interest", "--by", "ann", "--json")

    assert json.loads(ignored.output) == {"id": waiting, "state": "ignored"}
    assert "No money has moved." in command("payments", "list", "--waiting").output


def test_a_settlement_is_taken_back(command: Command, waiting: int, invoice: Any) -> None:
    command("payments", "match", str(waiting), "--document", invoice.number)
    undone = command("payments", "undo", str(waiting), "--reason", "wrong customer", "--json")

    assert json.loads(undone.output) == {"id": waiting, "undone": 1}
    shown = command("payments", "show", str(waiting), "--json")
    assert [each["takes_back"] is None for each in json.loads(shown.output)["settlements"]] == [True, False]


def test_what_cannot_be_is_refused_in_words(command: Command, waiting: int, invoice: Any) -> None:
    too_much = f"{invoice.number}={amount(invoice.open_minor + 1)}"
    refused = command("payments", "match", str(waiting), "--document", too_much)
    assert refused.exit_code == 1
    assert "is open of it" in refused.output

    unreadable = command("payments", "match", str(waiting), "--document", f"{invoice.number}=ten")
    assert unreadable.exit_code == 2
    assert "is not NUMBER=AMOUNT" in unreadable.output

    missing = command("payments", "show", "999999")
    assert missing.exit_code == 2
    assert "there is no payment 999999" in missing.output
