"""Payments: the same movements and the same words of persons settle the same documents once more."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Link, LinkKind, MovementKind, Payer
from integration_pipeline.pipeline import payments_by_hand as by_hand
from integration_pipeline.pipeline.context import PostsTo
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.payments_by_hand import Wish
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.rebuild.compare import Finding
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import COMPANY
from integration_pipeline_tests.pipeline.till import invoice_link
from integration_pipeline_tests.rebuild.conftest import Rebuild, said
from integration_pipeline_tests.rebuild.test_differences import tamper

OF_CHARGE = [Link(LinkKind.CHARGE, "ch_1")]
SINCE = date(2026, 1, 1)
_WAITS_FOR_THE_CHAIN = """
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%post_settlements%'
    )
"""


@pytest.fixture
def cashier(office: Office) -> Cashier:
    """Of an office whose documents go to two accounting systems, too."""
    targets = (PostsTo("quickbooks-us", "us", SINCE), PostsTo("xero-eu", "eu", SINCE))
    return Cashier(replace(office, pipeline=replace(office.pipeline, targets=targets)))


def match(cashier: Cashier, external_id: str, documents: dict[str, Decimal | None], **wish: Any) -> None:
    by_hand.match(cashier.office.pipeline, cashier.number(external_id), Wish(documents, **wish), by="ann")


def undo(cashier: Cashier, external_id: str) -> None:
    by_hand.undo(cashier.office.pipeline, cashier.number(external_id), by="ann", reason="a mistake")


@contextmanager
def statements() -> Generator[list[str]]:
    """What any engine executes inside the block."""
    heard: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def rules_of(cashier: Cashier) -> list[str]:
    return [row["rule"] for row in cashier.office.rows("SELECT rule FROM payments.settlements ORDER BY id")]


class TestSettlements:
    def test_in_part_over_of_two_entities_refunded_and_exchanged(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        part, over, refunded, ours = cashier.bill("1", "2", "3", "4")
        [theirs] = cashier.bill("5", billing_entity="eu", amount="300.00")
        [exchanged] = cashier.bill("6", billing_entity="eu", deal_currency_code="EUR")
        cashier.line("line-1", 4_000, text=part)
        cashier.charge("ch_1", 10_000, links=[invoice_link(refunded)], fee=320)
        cashier.settle()
        cashier.line("line-2", 12_500, text=over)
        cashier.charge("ch_2", 40_000, text=f"{ours} {theirs}", fee=1_000)
        cashier.charge(
            "ch_3", 10_000, "EUR", links=[invoice_link(exchanged)], settled=Money(10_800, "USD"), fee=343
        )
        cashier.moves(MovementKind.REFUND, "re_1", -10_000, links=OF_CHARGE)
        cashier.settle()

        found = rebuilt()

        assert said(found) == []
        assert found.comparison.rows["payments.settlements"] == 8
        assert found.comparison.rows["payments.allocations"] == 7

    def test_of_payers_that_were_known_by_earlier_ones_and_by_their_addresses(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        cashier.office.portal.company("7", domain="acme.example")
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)], payer=Payer(ids=("cus_1",)))
        cashier.settle()
        cashier.bill("2", "3", amount="250.00")
        cashier.charge("ch_2", 50_000, payer=Payer(ids=("cus_1",)))
        cashier.settle()
        cashier.bill("4", amount="70.00")
        cashier.charge("ch_3", 7_000, payer=Payer(email="ap@acme.example"))
        cashier.settle()
        cashier.office.portal.change(COMPANY, "7", name="Renamed")
        cashier.bill("5")
        cashier.line("line-1", 10_000, text="US-INV-000005")
        cashier.settle()

        found = rebuilt()

        assert said(found) == []
        assert rules_of(cashier) == ["link", "sum", "amount", "number"]
        assert found.comparison.rows["payments.payers"] == 1

    def test_of_a_payer_whose_address_became_another_customers_later(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        cashier.office.portal.company("7", billing_email="ap@group.example")
        cashier.bill("1")
        cashier.charge("ch_1", 10_000, payer=Payer(email="AP@group.example"))
        cashier.settle()
        cashier.office.portal.company("8", billing_email="ap@group.example")
        cashier.bill("2", company="8")
        cashier.charge("ch_2", 10_000, payer=Payer(email="ap@group.example"))
        cashier.settle()

        assert said(rebuilt()) == []
        assert cashier.state("ch_2")[0] == "waiting"

    def test_of_a_customer_that_was_renamed_while_it_was_being_booked(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        renamed = list[str]()

        def rename(_wire: object, _cursor: object, statement: str, *_: object) -> None:
            if "INSERT INTO payments.settlements" in statement and not renamed:
                renamed.append("7")
                cashier.office.portal.change(COMPANY, "7", name="Renamed")
                extract(cashier.office.pipeline, cashier.office.portal)
                link_customers(cashier.office.pipeline)

        event.listen(cashier.office.pipeline.engine, "before_cursor_execute", rename)
        cashier.settle()

        assert said(rebuilt()) == []
        assert cashier.office.value("SELECT name FROM crm.customers") == "Renamed"

    def test_of_a_payout_whose_line_the_bank_had_told_of_otherwise_before(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        cashier.line("line-1", 9_600, text="STRIPE pending")
        cashier.line("line-2", 9_600, text="STRIPE of another company")
        cashier.settle()
        by_hand.ignore(cashier.office.pipeline, cashier.number("line-2"), by="ann", reason="not ours")
        cashier.bank.remove("line-1")
        cashier.line("line-3", 9_600, text="STRIPE")
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.settle()

        assert said(rebuilt()) == []
        assert rules_of(cashier) == ["payout"]

    def test_of_payouts_that_reach_the_bank(self, cashier: Cashier, rebuilt: Rebuild) -> None:
        [ours] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(ours)], fee=400, group="po_1")
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.settle()
        cashier.line("line-1", 9_600, text="STRIPE TRANSFER")
        cashier.moves(MovementKind.PAYOUT, "po_2", 500, group="po_2")
        cashier.charge("ch_2", 500, group="po_2")
        cashier.settle()
        by_hand.ignore(cashier.office.pipeline, cashier.number("ch_2"), by="ann", reason="another shop's")
        match(cashier, "po_2", {})

        assert said(rebuilt()) == []
        assert rules_of(cashier) == ["link", "payout", "set_aside", "payout"]

    def test_that_a_person_made_took_back_and_made_again(self, cashier: Cashier, rebuilt: Rebuild) -> None:
        one, other, third = cashier.bill("1", "2", "3")
        cashier.line("line-1", 15_000, text=one)
        cashier.line("line-2", 10_000)
        cashier.settle()
        undo(cashier, "line-1")
        match(cashier, "line-1", {one: Decimal("50.00"), other: None})
        match(cashier, "line-2", {}, customer_id=cashier.office.value("SELECT id FROM crm.customers"))
        cashier.line("line-3", 10_000, text=third)
        cashier.settle()
        undo(cashier, "line-3")
        cashier.prove()

        found = rebuilt()

        assert said(found) == []
        assert found.comparison.rows["payments.settlements"] == 6

    def test_of_movements_that_changed_before_and_after(self, cashier: Cashier, rebuilt: Rebuild) -> None:
        one, other = cashier.bill("1", "2")
        cashier.charge("ch_1", 10_000, links=[invoice_link(one)])
        cashier.line("line-1", 3_000, text="?")
        cashier.settle()
        cashier.stripe.change(MovementKind.PAYMENT, "ch_1", fee=Money(320, "USD"))
        cashier.bank.change(MovementKind.BANK_LINE, "line-1", references=(other,))
        cashier.settle()
        cashier.bank.change(MovementKind.BANK_LINE, "line-1", amount=Money(4_000, "USD"))
        cashier.settle()
        [oldest] = cashier.office.rows(
            "SELECT min(id) AS id FROM payments.movements WHERE state = 'settled' AND external_id = 'line-1'"
        )
        by_hand.undo(cashier.office.pipeline, oldest["id"], by="ann", reason="it was more")
        cashier.settle()

        assert said(rebuilt()) == []
        assert rules_of(cashier) == ["link", "later_fee", "number", "person", "number"]

    def test_under_rules_that_came_after_the_last_deal(self, cashier: Cashier, rebuilt: Rebuild) -> None:
        [number] = cashier.bill("1")
        pipeline = cashier.office.pipeline
        rules = pipeline.rules.model_copy(
            update={"settlement": pipeline.rules.settlement.model_copy(update={"payout_words": ("sweep",)})}
        )
        cashier.office = replace(cashier.office, pipeline=registered(replace(pipeline, rules=rules)))
        cashier.line("line-1", 10_000, text=f"stripe {number}")
        cashier.settle()

        assert said(rebuilt()) == []
        assert rules_of(cashier) == ["number"]

    def test_of_a_payer_who_got_another_invoice_while_it_was_being_booked(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        cashier.office.portal.company("7", domain="acme.example")
        cashier.bill("1")
        cashier.charge("ch_1", 10_000, payer=Payer(email="ap@acme.example"))
        billed = list[str]()

        def bill(_wire: object, _cursor: object, statement: str, *_: object) -> None:
            if "ledger.post_settlements" in statement and not billed:
                billed.append("2")
                cashier.bill("2")

        event.listen(cashier.office.pipeline.engine, "before_cursor_execute", bill)
        cashier.settle()

        assert said(rebuilt()) == []
        assert cashier.open() == {"US-INV-000001": (0, "paid"), "US-INV-000002": (10_000, "open")}

    def test_of_a_payer_whose_other_invoice_was_being_posted(
        self, cashier: Cashier, rebuilt: Rebuild
    ) -> None:
        cashier.office.portal.company("7", domain="acme.example")
        cashier.bill("1")
        cashier.charge("ch_1", 10_000, payer=Payer(email="ap@acme.example"))
        cashier.receive()
        settling = list[Future[Any]]()

        def pay(_wire: object, _cursor: object, statement: str, *_: object) -> None:
            if "pg_advisory_unlock" in statement and not settling:
                settling.append(worker.submit(settle, cashier.office.pipeline))
                while not settling[0].done() and not cashier.office.value(_WAITS_FOR_THE_CHAIN):
                    pass

        event.listen(cashier.office.pipeline.engine, "before_cursor_execute", pay)
        with ThreadPoolExecutor(1) as worker:
            cashier.bill("2")
        assert settling[0].result().counts["settled"] == 1

        assert said(rebuilt()) == []
        assert cashier.open() == {"US-INV-000001": (0, "paid"), "US-INV-000002": (10_000, "open")}


class TestAccountingSystems:
    def test_are_told_nothing_by_a_rebuild(self, cashier: Cashier, rebuilt: Rebuild) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        cashier.settle()
        intents = cashier.office.rows("SELECT * FROM posting.intents ORDER BY id")

        with statements() as heard:
            found = rebuilt()

        assert said(found) == []
        assert [each["target"] for each in intents] == ["ledger", "quickbooks-us", "quickbooks-us"]
        assert cashier.office.rows("SELECT * FROM posting.intents ORDER BY id") == intents
        assert any("ledger.post_settlements" in each for each in heard)
        assert not any("enlist" in each for each in heard)


class TestATamperedSettlement:
    @pytest.fixture
    def paid(self, cashier: Cashier) -> Cashier:
        """Two invoices, of which one is paid, and the other one in part."""
        one, other = cashier.bill("1", "2")
        cashier.line("line-1", 10_000, text=one)
        cashier.line("line-2", 4_000, text=other)
        cashier.settle()
        return cashier

    def test_that_pays_another_document_is_found(self, paid: Cashier, rebuilt: Rebuild) -> None:
        tamper(
            paid.office,
            """
            UPDATE payments.allocations SET document_id = (
                SELECT id FROM billing.documents WHERE deal_key = 'hubspot:1'
            )
            WHERE amount_minor = 4000
            """,
        )
        reference = paid.office.value("SELECT reference FROM payments.settlements WHERE amount_minor = 4000")

        pays = f"payments.allocations: what settlement {reference} pays of hubspot"
        assert said(rebuilt()) == [
            f"{pays}:1/2026-03-10/invoice/1 is in the books, but does not follow from what came in",
            f"{pays}:2/2026-03-10/invoice/1 follows from what came in, but is not in the books",
        ]

    def test_of_another_amount_is_found_in_every_row_it_is_in(self, paid: Cashier, rebuilt: Rebuild) -> None:
        tamper(
            paid.office,
            "UPDATE payments.settlements SET amount_minor = 9000 WHERE amount_minor = 10000",
            "UPDATE payments.allocations SET amount_minor = 9000 WHERE amount_minor = 10000",
        )

        differences = rebuilt().comparison.differences

        assert [(each.table, each.field, each.live, each.rebuilt) for each in differences] == [
            ("payments.settlements", "amount_minor", 9_000, 10_000),
            ("payments.allocations", "amount_minor", 9_000, 10_000),
        ]

    def test_that_vanished_with_its_entry_follows_from_what_came_in(
        self, paid: Cashier, rebuilt: Rebuild
    ) -> None:
        settlement = paid.office.value("SELECT id FROM payments.settlements WHERE amount_minor = 10000")
        tamper(
            paid.office,
            "DELETE FROM payments.allocations WHERE settlement_id = :id",
            """
            DELETE FROM ledger.journal_lines
            WHERE entry_id IN (SELECT id FROM ledger.journal_entries WHERE settlement_id = :id)
            """,
            "DELETE FROM ledger.journal_entries WHERE settlement_id = :id",
            "DELETE FROM payments.settlements WHERE id = :id",
            id=settlement,
        )

        found = rebuilt().comparison.differences

        assert {each.table for each in found if each.finding is Finding.ADDITIONAL} >= {
            "payments.settlements",
            "payments.allocations",
        }

    def test_that_no_movement_explains_is_missing_and_says_what_the_rules_say(
        self, paid: Cashier, rebuilt: Rebuild
    ) -> None:
        tamper(paid.office, "UPDATE payments.movements SET hints = '{gift}' WHERE external_id = 'line-1'")

        found = rebuilt()

        number = paid.number("line-1")
        assert found.problems == [
            f"payment {number} is settled, but asked again it waits: "
            "nothing in it names a document, and the payer is not known"
        ]
        assert {each.finding for each in found.comparison.differences} == {Finding.MISSING}

    def test_that_a_person_gave_another_reason_for_differs_in_its_words(
        self, paid: Cashier, rebuilt: Rebuild
    ) -> None:
        undo(paid, "line-2")
        tamper(paid.office, """UPDATE ops.audit_log SET details = '{"reason": "a gift"}'""")

        found = rebuilt()

        assert [(each.table, each.field) for each in found.comparison.differences] == [
            ("payments.settlements", "evidence.0"),
            ("ledger.journal_entries", "description"),
            ("ledger.journal_entries", "hash"),
            ("ledger.chain_heads", "hash"),
        ]

    def test_that_a_person_cannot_have_meant_is_told_with_what_stands_against_it(
        self, paid: Cashier, rebuilt: Rebuild
    ) -> None:
        paid.line("line-3", 1_000)
        paid.receive()
        match(paid, "line-3", {"US-INV-000002": Decimal("10.00")})
        tamper(
            paid.office,
            """UPDATE ops.audit_log SET details = '{
            "documents": {"US-INV-000001": null}, "customer": null, "payout": null
        }'""",
        )

        found = rebuilt()

        assert found.problems == [
            f"`payments match {paid.number('line-3')}` of ann: US-INV-000001 cannot take 0.00 USD: "
            "0.00 USD is open of it"
        ]
        assert Finding.MISSING in {each.finding for each in found.comparison.differences}
