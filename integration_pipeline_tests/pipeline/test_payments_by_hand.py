from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Link, LinkKind, MovementKind, Payer
from integration_pipeline.pipeline import payments_by_hand as by_hand
from integration_pipeline.pipeline.payments_by_hand import NotPossible, Wish
from integration_pipeline.rules.document import AccountRole
from integration_pipeline_tests.pipeline.cashier import (
    CASH,
    CREDITS,
    FEES,
    IN_TRANSIT,
    RECEIVABLE,
    SUSPENSE,
    Cashier,
)
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL
from integration_pipeline_tests.pipeline.till import invoice_link


@pytest.fixture
def cashier(office: Office) -> Cashier:
    return Cashier(office)


def match(
    cashier: Cashier,
    external_id: str,
    documents: Mapping[str, Decimal | None] | None = None,
    *,
    customer_id: int | None = None,
    payout_id: int | None = None,
) -> None:
    wish = Wish(documents or {}, customer_id, payout_id)
    by_hand.match(cashier.office.pipeline, cashier.number(external_id), wish, by="ann")
    cashier.prove()


def undo(cashier: Cashier, external_id: str) -> int:
    [oldest] = cashier.office.rows(
        "SELECT min(id) AS id FROM payments.movements WHERE external_id = :id", id=external_id
    )
    count = by_hand.undo(cashier.office.pipeline, oldest["id"], by="ann", reason="a mistake")
    cashier.prove()
    return count


def audited(cashier: Cashier) -> list[tuple[str, str, Any]]:
    rows = cashier.office.rows("SELECT * FROM ops.audit_log ORDER BY id")
    return [(row["actor"], row["action"], row["details"]) for row in rows]


class TestMatching:
    def test_divides_a_payment_as_a_person_says(self, cashier: Cashier) -> None:
        first, second = cashier.bill("1", "2")
        cashier.line("line-1", 15_000)
        cashier.settle()
        match(cashier, "line-1", documents={first: Decimal("50.00"), second: None})

        assert cashier.open() == {first: (5_000, "partly paid"), second: (0, "paid")}
        assert cashier.state("line-1") == ("settled", None)
        assert cashier.candidates("line-1") == []
        assert audited(cashier) == [
            (
                "ann",
                "payments.match",
                {"documents": {first: "50.00", second: None}, "customer": None, "payout": None},
            )
        ]

    def test_leaves_the_rest_as_the_customers_credit(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 15_000)
        cashier.receive()
        match(cashier, "line-1", documents={number: None})

        assert cashier.balances() == {CASH: 15_000, CREDITS: -5_000}

    def test_takes_an_advance_for_a_customer(self, cashier: Cashier) -> None:
        cashier.bill("1")
        cashier.line("line-1", 15_000)
        cashier.receive()
        customer = cashier.office.value("SELECT id FROM crm.customers")
        match(cashier, "line-1", customer_id=customer)

        assert cashier.balances() == {CASH: 15_000, CREDITS: -15_000, RECEIVABLE: 10_000}

    def test_makes_the_payer_known(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, payer=Payer(ids=("cus_1",)))
        cashier.receive()
        match(cashier, "ch_1", documents={number: None})

        assert cashier.office.value("SELECT payer_id FROM payments.payers") == "cus_1"

    def test_takes_a_credit_note_off(self, cashier: Cashier) -> None:
        cashier.bill("1")
        cashier.line("line-1", 10_000, text="US-INV-000001")
        cashier.settle()
        cashier.office.portal.change(DEAL, "1", dealname="corrected", amount="150.00")
        cashier.office.sync()
        cashier.line("line-2", 5_000)
        cashier.receive()
        match(cashier, "line-2", documents={"US-INV-000001": Decimal("100.00"), "US-INV-000002": None})

        assert cashier.open()["US-INV-000002"] == (0, "paid")
        assert cashier.balances() == {CASH: 15_000}

    def test_of_a_refund_takes_back_what_was_paid(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        cashier.line("line-2", -3_000, text="back to sender")
        cashier.settle()
        match(cashier, "line-2", documents={number: Decimal("-30.00")})

        assert cashier.open() == {number: (3_000, "partly paid")}

    def test_says_that_a_payout_has_arrived(self, cashier: Cashier) -> None:
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.receive()
        match(cashier, "po_1")

        assert cashier.balances() == {CASH: 9_600, IN_TRANSIT: -9_600}

    def test_says_that_a_line_is_a_payouts(self, cashier: Cashier) -> None:
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.line("line-1", 9_600, text="INCOMING")
        cashier.settle()
        match(cashier, "line-1", payout_id=cashier.number("po_1"))

        assert cashier.balances() == {CASH: 9_600, IN_TRANSIT: -9_600}
        assert cashier.state("po_1") == ("settled", None)

    @pytest.mark.parametrize(
        ("documents", "said"),
        [
            ({"US-INV-000001": Decimal("100.01")}, "cannot take 100.01 USD: 100.00 USD is open of it"),
            ({"US-INV-000001": Decimal(0)}, "cannot take 0.00 USD"),
            ({"US-INV-000001": Decimal("-1")}, "cannot take -1.00 USD"),
            ({"US-INV-000001": Decimal("1.001")}, "US-INV-000001: 1.001 USD is not a whole number"),
            ({"EU-INV-000001": None}, "EU-INV-000001 is in EUR, the payment in USD"),
            ({}, "150.00 USD of the payment would be left over"),
        ],
    )
    def test_refuses_what_cannot_be(
        self, cashier: Cashier, documents: dict[str, Decimal | None], said: str
    ) -> None:
        cashier.bill("1")
        cashier.bill("2", deal_currency_code="EUR", billing_entity="eu")
        cashier.line("line-1", 15_000)
        cashier.settle()

        with pytest.raises(NotPossible, match=said):
            match(cashier, "line-1", documents=documents)
        assert cashier.state("line-1")[0] == "waiting"
        assert audited(cashier) == []

    def test_knows_no_other_documents_and_payments(self, cashier: Cashier) -> None:
        cashier.line("line-1", 15_000)
        cashier.receive()

        with pytest.raises(LookupError, match="no posted document US-INV-000009"):
            match(cashier, "line-1", documents={"US-INV-000009": None})
        with pytest.raises(LookupError, match="no payment 99"):
            by_hand.match(cashier.office.pipeline, 99, Wish({}), by="ann")
        with pytest.raises(LookupError, match="no customer 99"):
            match(cashier, "line-1", customer_id=99)

    def test_gives_back_no_more_credit_than_there_is(self, cashier: Cashier) -> None:
        cashier.bill("1")
        cashier.line("line-1", 500)
        cashier.line("line-2", -501, text="back")
        cashier.settle()
        customer = cashier.office.value("SELECT id FROM crm.customers")
        match(cashier, "line-1", customer_id=customer)

        with pytest.raises(
            NotPossible, match="the credit of Company 7 with us would be -1 minor units of USD"
        ):
            match(cashier, "line-2", customer_id=customer)
        assert cashier.balances() == {CASH: 500, RECEIVABLE: 10_000, CREDITS: -500}

    def test_refuses_what_is_settled(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        cashier.settle()

        with pytest.raises(NotPossible, match="is settled"):
            match(cashier, "line-1", documents={number: None})


class TestIgnoring:
    def test_ends_the_waiting_for_good(self, cashier: Cashier) -> None:
        cashier.line("line-1", 15_000)
        cashier.settle()
        by_hand.ignore(cashier.office.pipeline, cashier.number("line-1"), by="ann", reason="interest")
        cashier.settle()

        assert cashier.state("line-1") == ("ignored", "interest")
        assert audited(cashier) == [("ann", "payments.ignore", {"reason": "interest"})]

    def test_may_be_thought_better_of(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000)
        cashier.receive()
        by_hand.ignore(cashier.office.pipeline, cashier.number("line-1"), by="ann", reason="interest")
        match(cashier, "line-1", documents={number: None})

        assert cashier.open() == {number: (0, "paid")}

    def test_leaves_a_settlement_that_its_source_objects_to(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        cashier.settle()
        cashier.bank.remove("line-1")
        cashier.settle()
        assert cashier.state("line-1")[0] == "waiting"
        by_hand.ignore(cashier.office.pipeline, cashier.number("line-1"), by="ann", reason="the bank errs")

        assert cashier.state("line-1") == ("settled", "the bank errs")
        cashier.prove()

    def test_leaves_nothing_in_transit_of_what_is_paid_out_all_the_same(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)], group="po_1")
        cashier.charge("ch_2", 4_000, fee=150, group="po_1")
        cashier.moves(MovementKind.PAYOUT, "po_1", 13_850, group="po_1")
        cashier.line("line-1", 13_850, text="STRIPE")
        cashier.settle()
        by_hand.ignore(cashier.office.pipeline, cashier.number("ch_2"), by="ann", reason="the other shop's")
        cashier.settle()

        assert cashier.balances() == {CASH: 13_850, FEES: 150, SUSPENSE: -4_000}
        assert cashier.state("ch_2") == ("settled", "the other shop's")

        cashier.moves(MovementKind.REFUND, "re_2", -4_000, links=[Link(LinkKind.CHARGE, "ch_2")])
        cashier.settle()
        assert cashier.balances() == {CASH: 13_850, FEES: 150, IN_TRANSIT: -4_000}

    def test_of_what_is_in_a_vendors_balance_needs_an_account_for_it(self, cashier: Cashier) -> None:
        cashier.charge("ch_1", 4_000)
        cashier.receive()
        rules = cashier.office.pipeline.rules
        kept = {role: each for role, each in rules.accounts.items() if role is not AccountRole.SUSPENSE}
        without = replace(cashier.office.pipeline, rules=rules.model_copy(update={"accounts": kept}))

        with pytest.raises(NotPossible, match="add an account for it to the rule set"):
            by_hand.ignore(without, cashier.number("ch_1"), by="ann", reason="the other shop's")


class TestUndoing:
    @pytest.fixture
    def paid(self, cashier: Cashier) -> Cashier:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 12_000, fee=320, links=[invoice_link(number)], payer=Payer(ids=("cus_1",)))
        cashier.settle()
        return cashier

    def test_books_the_opposite_and_leaves_the_rest_to_the_person(self, paid: Cashier) -> None:
        assert undo(paid, "ch_1") == 1
        paid.settle()

        assert paid.balances() == {RECEIVABLE: 10_000}
        assert paid.state("ch_1") == ("waiting", "ann took its settlement back: a mistake")
        assert paid.office.value("SELECT count(*) FROM payments.payers") == 0

        match(paid, "ch_1", documents={"US-INV-000001": None})
        assert paid.balances() == {IN_TRANSIT: 11_680, FEES: 320, CREDITS: -2_000}

    def test_of_a_changed_movement_settles_the_newer_version(self, paid: Cashier) -> None:
        paid.stripe.change(MovementKind.PAYMENT, "ch_1", amount=Money(9_000, "USD"))
        paid.settle()
        undo(paid, "ch_1")
        paid.settle()

        assert paid.open() == {"US-INV-000001": (1_000, "partly paid")}

    def test_takes_a_fee_back_that_was_told_later(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.settle()
        cashier.stripe.change(MovementKind.PAYMENT, "ch_1", fee=Money(320, "USD"))
        cashier.settle()

        assert undo(cashier, "ch_1") == 2
        assert cashier.balances() == {RECEIVABLE: 10_000}
        match(cashier, "ch_1", documents={number: None})
        assert cashier.balances() == {IN_TRANSIT: 9_680, FEES: 320}

    def test_of_a_removed_line_leaves_nothing_of_it(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 10_000, text=number)
        cashier.settle()
        cashier.bank.remove("line-1")
        cashier.settle()
        undo(cashier, "line-1")
        cashier.settle()

        assert cashier.state("line-1") == ("withdrawn", None)
        assert cashier.open() == {number: (10_000, "open")}

    def test_of_a_payouts_line_lets_the_payout_wait_again(self, cashier: Cashier) -> None:
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.line("line-1", 9_600, text="STRIPE")
        cashier.settle()
        undo(cashier, "line-1")
        cashier.settle()

        assert cashier.balances() == {}
        assert cashier.state("po_1") == (
            "waiting",
            "its bank line has not been told of yet, 10 days after 2026-06-20: if it has arrived, `payments "
            f"match {cashier.number('po_1')}` says so; otherwise see whether its bank is still read",
        )
        assert cashier.state("line-1")[0] == "waiting"

    def test_of_a_payout_lets_its_line_wait_again(self, cashier: Cashier) -> None:
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1")
        cashier.line("line-1", 9_600, text="STRIPE PAYOUT")
        cashier.settle()

        assert undo(cashier, "po_1") == 1
        why = "ann took its settlement back: a mistake"
        assert cashier.state("po_1") == cashier.state("line-1") == ("waiting", why)
        match(cashier, "line-1", payout_id=cashier.number("po_1"))
        assert cashier.state("po_1") == cashier.state("line-1") == ("settled", None)

    def test_is_refused_while_a_refund_rests_on_it(self, paid: Cashier) -> None:
        paid.moves(MovementKind.REFUND, "re_1", -12_000, links=[Link(LinkKind.CHARGE, "ch_1")])
        paid.settle()

        with pytest.raises(NotPossible, match="take back what rests on it first"):
            undo(paid, "ch_1")
        undo(paid, "re_1")
        undo(paid, "ch_1")
        assert paid.balances() == {RECEIVABLE: 10_000}

    def test_is_refused_while_a_refund_of_its_credit_rests_on_it(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 12_000, links=[invoice_link(number)])
        cashier.settle()
        cashier.moves(MovementKind.REFUND, "re_1", -2_000, links=[Link(LinkKind.CHARGE, "ch_1")])
        cashier.settle()

        with pytest.raises(NotPossible, match="take back what rests on it first"):
            undo(cashier, "ch_1")

    def test_of_nothing_is_refused(self, cashier: Cashier) -> None:
        cashier.line("line-1", 15_000)
        cashier.receive()

        with pytest.raises(NotPossible, match="has settled nothing"):
            undo(cashier, "line-1")
