from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.settlements import AccountsMissing
from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Link, LinkKind, MovementKind, Payer
from integration_pipeline.pipeline.context import PostsTo
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.rules.document import AccountRole
from integration_pipeline_tests.pipeline.cashier import (
    CASH,
    CREDITS,
    EXCHANGE,
    FEES,
    IN_TRANSIT,
    RECEIVABLE,
    Cashier,
)
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office
from integration_pipeline_tests.pipeline.portal import DEAL
from integration_pipeline_tests.pipeline.till import invoice_link

OF_CHARGE = [Link(LinkKind.CHARGE, "ch_1")]


@pytest.fixture
def cashier(office: Office) -> Cashier:
    return Cashier(office)


class TestAPayment:
    def test_pays_the_invoice_gross_and_its_fee_is_a_cost(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, fee=320, links=[invoice_link(number)])
        report = cashier.settle()

        assert report.counts["settled"] == 1
        assert report.money == {("applied", "USD"): 10_000, ("unapplied", "USD"): 0, ("fees", "USD"): 320}
        assert cashier.open() == {number: (0, "paid")}
        assert cashier.balances() == {IN_TRANSIT: 9_680, FEES: 320}

    def test_is_one_entry_in_the_chain_under_the_settlements_name(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.settle()

        [entry] = cashier.office.rows("SELECT * FROM ledger.journal_entries WHERE kind = 'settlement'")
        [settlement] = cashier.office.rows("SELECT * FROM payments.settlements")
        assert entry["settlement_id"] == settlement["id"]
        assert entry["document_number"] == settlement["reference"]
        assert entry["description"] == f"payment stripe ch_1, Company 7: {number}"
        assert (entry["sequence"], entry["accounting_date"]) == (2, date(2026, 6, 20))
        assert settlement["evidence"][0] == f"invoice number {number} was given with the payment"

    def test_by_bank_goes_to_cash(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 4_000, text=number)
        cashier.settle()

        assert cashier.open() == {number: (6_000, "partly paid")}
        assert cashier.balances() == {CASH: 4_000, RECEIVABLE: 6_000}

    def test_of_too_much_leaves_a_credit(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 12_500, text=number)
        cashier.settle()

        assert cashier.balances() == {CASH: 12_500, CREDITS: -2_500}

    def test_says_when_the_invoice_was_paid(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.line("line-1", 4_000, text=number, day=date(2026, 5, 2))
        cashier.line("line-2", 6_000, text=number, day=date(2026, 5, 9))
        cashier.settle()

        assert cashier.office.value("SELECT paid_on FROM ledger.document_balances") == date(2026, 5, 9)

    def test_settled_again_changes_nothing(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.settle()
        before = cashier.balances()

        assert not any(cashier.settle().counts.values())
        assert cashier.balances() == before

    def test_makes_its_payer_known_for_the_next_one(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)], payer=Payer(ids=("cus_1",)))
        cashier.settle()
        cashier.bill("2", amount="250.00")
        cashier.charge("ch_2", 25_000, payer=Payer(ids=("cus_1",)))
        cashier.settle()

        assert cashier.office.value("SELECT max(rule) FROM payments.settlements WHERE id > 1") == "amount"

    def test_of_a_known_payer_for_another_customer_makes_nobody_known(self, cashier: Cashier) -> None:
        payer = Payer(ids=("cus_1",))
        [first] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(first)], payer=payer)
        cashier.settle()
        cashier.office.portal.company("8", name="Other Ltd")
        [others] = cashier.bill("2", company="8")
        cashier.charge("ch_2", 10_000, links=[invoice_link(others)], payer=payer)
        cashier.settle()

        assert cashier.state("ch_2") == ("settled", None)
        assert cashier.office.value("SELECT count(*) FROM payments.payers") == 1

    def test_of_a_payer_known_by_the_customers_address_settles(self, cashier: Cashier) -> None:
        cashier.office.portal.company("7", domain="acme.example")
        [first, second] = cashier.bill("1", "2")
        assert first < second
        cashier.charge("ch_1", 20_000, payer=Payer(email="ap@acme.example"))
        cashier.settle()

        assert cashier.open() == {first: (0, "paid"), second: (0, "paid")}
        assert cashier.office.value("SELECT rule FROM payments.settlements") == "sum"

    def test_two_of_one_amount_at_once_do_not_pay_one_invoice_twice(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.charge("ch_2", 10_000, links=[invoice_link(number)])
        report = cashier.settle()

        assert (report.counts["settled"], report.counts["waiting"]) == (1, 1)
        assert (
            cashier.state("ch_2")[1] == f"{number} has nothing open any more: paid twice, or the wrong number"
        )

    def test_in_another_currency_than_the_accounts_is_exchanged(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1", deal_currency_code="EUR", billing_entity="eu")
        cashier.charge(
            "ch_1", 10_000, "EUR", links=[invoice_link(number)], settled=Money(10_800, "USD"), fee=343
        )
        cashier.settle()

        assert cashier.open() == {number: (0, "paid")}
        assert cashier.balances("EUR") == {EXCHANGE: 10_000}
        assert cashier.balances("USD") == {IN_TRANSIT: 10_457, EXCHANGE: -10_800, FEES: 343}

    def test_for_invoices_of_two_entities_is_booked_in_both(self, cashier: Cashier) -> None:
        [ours] = cashier.bill("1")
        [theirs] = cashier.bill("2", billing_entity="eu", amount="300.00")
        cashier.charge("ch_1", 40_000, text=f"{ours} {theirs}", fee=1_000)
        cashier.settle()

        assert cashier.balances(entity="us") == {IN_TRANSIT: 9_750, FEES: 250}
        assert cashier.balances(entity="eu") == {IN_TRANSIT: 29_250, FEES: 750}

    def test_before_its_invoice_waits_until_it_is_there(self, cashier: Cashier) -> None:
        cashier.line("line-1", 10_000, text="US-INV-000001")
        assert cashier.settle().counts["waiting"] == 1
        [number] = cashier.bill("1")

        assert cashier.settle().counts["settled"] == 1
        assert cashier.open() == {number: (0, "paid")}

    def test_of_a_stranger_waits_with_proposals(self, cashier: Cashier) -> None:
        [first, second] = cashier.bill("1", "2")
        cashier.line("line-1", 10_000, payer=Payer("COMPANY 7"))
        cashier.line("line-2", 9_800)
        cashier.settle()

        assert cashier.state("line-1")[0] == "waiting"
        assert cashier.candidates("line-1") == [("name", {first: 10_000}), ("name", {second: 10_000})]
        assert cashier.candidates("line-2")[0] == ("less_a_fee", {first: 9_800})

    def test_proposals_go_when_it_is_settled(self, cashier: Cashier) -> None:
        cashier.bill("1")
        cashier.line("line-1", 10_000, text="US-INV-000002")
        cashier.settle()
        assert cashier.candidates("line-1") != []
        cashier.bill("2")
        cashier.settle()

        assert cashier.state("line-1") == ("settled", None)
        assert cashier.candidates("line-1") == []


class TestMoneyThatGoesBack:
    @pytest.fixture
    def paid(self, cashier: Cashier) -> Cashier:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, fee=320, links=[invoice_link(number)])
        cashier.settle()
        return cashier

    def test_a_refund_books_the_reverse_and_reopens_the_invoice(self, paid: Cashier) -> None:
        paid.moves(MovementKind.REFUND, "re_1", -4_000, links=OF_CHARGE)
        paid.settle()

        assert paid.open() == {"US-INV-000001": (4_000, "partly paid")}
        assert paid.balances() == {IN_TRANSIT: 5_680, RECEIVABLE: 4_000, FEES: 320}

    def test_a_refund_of_a_credited_invoice_settles_what_we_owe(self, paid: Cashier) -> None:
        paid.office.portal.change(DEAL, "1", dealname="Deal 1, corrected", amount="60.00")
        paid.office.sync()
        assert paid.open() == {
            "US-CN-000001": (0, "credited"),
            "US-INV-000001": (-10_000, "overpaid"),
            "US-INV-000002": (6_000, "open"),
        }
        paid.moves(MovementKind.REFUND, "re_1", -10_000, links=OF_CHARGE)
        paid.settle()

        assert paid.open()["US-INV-000001"] == (0, "credited")
        assert paid.balances() == {IN_TRANSIT: -320, RECEIVABLE: 6_000, FEES: 320}

    def test_a_dispute_reopens_the_invoice_and_costs_a_fee_until_it_is_won(self, paid: Cashier) -> None:
        paid.moves(MovementKind.DISPUTE, "du_1", -10_000, links=OF_CHARGE, fee=1_500)
        paid.settle()
        assert paid.open() == {"US-INV-000001": (10_000, "open")}
        assert paid.balances() == {IN_TRANSIT: -1_820, RECEIVABLE: 10_000, FEES: 1_820}

        won = [*OF_CHARGE, Link(LinkKind.DISPUTE, "du_1")]
        paid.moves(MovementKind.DISPUTE_WON, "du_1", 10_000, links=won)
        paid.settle()
        assert paid.open() == {"US-INV-000001": (0, "paid")}
        assert paid.balances() == {IN_TRANSIT: 8_180, FEES: 1_820}

    def test_a_refund_told_of_before_its_payment_is_settled_after_it(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.moves(MovementKind.REFUND, "re_1", -4_000, links=OF_CHARGE)
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        report = cashier.settle()

        assert (report.counts["settled"], report.counts["not_yet"]) == (2, 0)

    def test_a_refund_of_what_is_not_settled_waits_for_it_without_bothering_anybody(
        self, cashier: Cashier
    ) -> None:
        cashier.charge("ch_1", 10_000)
        cashier.moves(MovementKind.REFUND, "re_1", -4_000, links=OF_CHARGE, day=AS_OF)
        cashier.settle()

        assert cashier.state("re_1") == ("open", "the payment ch_1, which it takes back, is not settled yet")

    def test_a_refund_whose_payment_does_not_come_waits_for_a_person_in_the_end(
        self, cashier: Cashier
    ) -> None:
        cashier.moves(MovementKind.REFUND, "re_1", -4_000, links=OF_CHARGE, day=date(2026, 6, 24))
        report = cashier.settle()

        assert cashier.state("re_1") == (
            "waiting",
            "the payment ch_1, which it takes back, has not been told of yet, 6 days after 2026-06-24: say "
            "which document it takes back (`payments match`), or that it is none of ours (`payments ignore`)",
        )
        assert {name: count for name, count in report.counts.items() if count} == {"waiting": 1}


def test_a_line_that_a_bank_connected_again_tells_of_anew_waits(cashier: Cashier) -> None:
    [number] = cashier.bill("1")
    for external_id, account in (("line-1", "acct-1"), ("line-2", "acct-1"), ("line-3", "acct-2")):
        told = cashier.line(external_id, 4_000, text=number)
        cashier.bank.tell(replace(told, account=account))
        cashier.settle()

    # One account may well have two lines that read the same.
    assert cashier.open() == {number: (2_000, "partly paid")}
    state, why = cashier.state("line-3")
    assert (state, "it looks like line 1 of an earlier item" in (why or "")) == ("waiting", True)


class TestTheCustomersCredit:
    @pytest.fixture
    def overpaid(self, cashier: Cashier) -> Cashier:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 12_000, links=[invoice_link(number)])
        cashier.settle()
        return cashier

    def test_is_given_back_once_by_two_refunds_at_once(self, overpaid: Cashier) -> None:
        overpaid.moves(MovementKind.REFUND, "re_1", -2_000, links=OF_CHARGE)
        overpaid.moves(MovementKind.REFUND, "re_2", -2_000, links=OF_CHARGE)

        assert overpaid.settle().counts["settled"] == 2
        assert [*overpaid.open().values()] == [(2_000, "partly paid")]
        assert overpaid.balances() == {IN_TRANSIT: 8_000, RECEIVABLE: 2_000}

    def test_is_given_back_once_by_a_refund_and_a_dispute_at_once(self, overpaid: Cashier) -> None:
        overpaid.moves(MovementKind.REFUND, "re_1", -2_000, links=OF_CHARGE)
        overpaid.moves(MovementKind.DISPUTE, "du_1", -12_000, links=OF_CHARGE)
        overpaid.settle()

        assert overpaid.state("re_1") == ("settled", None)
        state, why = overpaid.state("du_1")
        assert (state, "only 100.00 USD is still settled" in (why or "")) == ("waiting", True)

    def test_went_back_with_the_debit_that_failed(self, overpaid: Cashier) -> None:
        overpaid.moves(MovementKind.PAYMENT, "txn_failed", -12_000, links=OF_CHARGE)
        overpaid.settle()
        overpaid.moves(MovementKind.REFUND, "re_1", -2_000, links=OF_CHARGE)
        overpaid.settle()

        assert overpaid.state("re_1")[0] == "waiting"
        assert overpaid.balances() == {RECEIVABLE: 10_000}


class TestAPayout:
    def test_and_its_bank_line_move_money_from_transit_to_cash_once(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, fee=320, links=[invoice_link(number)], group="po_1")
        cashier.moves(MovementKind.FEE, "txn_1", -80, group="po_1")
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1", day=date(2026, 6, 25))
        cashier.settle()
        assert cashier.state("po_1") == ("open", "its bank line has not been told of yet")
        assert cashier.balances() == {IN_TRANSIT: 9_600, FEES: 400}

        cashier.line("line-1", 9_600, text="STRIPE PAYOUT", day=date(2026, 6, 22))
        cashier.settle()
        assert cashier.balances() == {CASH: 9_600, FEES: 400}
        assert cashier.state("po_1") == cashier.state("line-1") == ("settled", None)
        assert not any(cashier.settle().counts.values())

    def test_of_two_entities_arrives_with_both(self, cashier: Cashier) -> None:
        [ours] = cashier.bill("1")
        [theirs] = cashier.bill("2", billing_entity="eu")
        cashier.charge("ch_1", 10_000, links=[invoice_link(ours)], group="po_1")
        cashier.charge("ch_2", 10_000, links=[invoice_link(theirs)], group="po_1")
        cashier.moves(MovementKind.PAYOUT, "po_1", 20_000, group="po_1")
        cashier.line("line-1", 20_000, text="STRIPE")
        cashier.settle()

        assert cashier.balances(entity="us") == {CASH: 10_000}
        assert cashier.balances(entity="eu") == {CASH: 10_000}

    def test_of_payments_it_was_told_of_later_arrives_with_both(self, cashier: Cashier) -> None:
        [ours] = cashier.bill("1")
        [theirs] = cashier.bill("2", billing_entity="eu", amount="300.00")
        cashier.charge("ch_1", 10_000, links=[invoice_link(ours)])
        cashier.charge("ch_2", 30_000, links=[invoice_link(theirs)])
        cashier.settle()
        cashier.stripe.change(MovementKind.PAYMENT, "ch_1", fee=Money(300, "USD"), group="po_1")
        cashier.stripe.change(MovementKind.PAYMENT, "ch_2", fee=Money(900, "USD"), group="po_1")
        cashier.moves(MovementKind.PAYOUT, "po_1", 38_800, group="po_1")
        cashier.line("line-1", 38_800, text="STRIPE")
        cashier.settle()

        assert cashier.balances(entity="us") == {CASH: 9_700, FEES: 300}
        assert cashier.balances(entity="eu") == {CASH: 29_100, FEES: 900}

    def test_whose_line_came_first_is_found_when_it_is_told_of(self, cashier: Cashier) -> None:
        cashier.line("line-1", 9_600, text="STRIPE PAYOUT", day=AS_OF)
        cashier.settle()
        assert cashier.state("line-1") == ("open", "no payout of 96.00 USD has been told of yet")
        cashier.moves(MovementKind.PAYOUT, "po_1", 9_600, group="po_1", day=AS_OF)
        cashier.settle()

        assert cashier.balances() == {CASH: 9_600, IN_TRANSIT: -9_600}


class TestWhatAccountingSystemsGet:
    def test_is_an_intent_for_each_target_of_the_entity(self, cashier: Cashier) -> None:
        since = date(2026, 1, 1)
        office = replace(
            cashier.office,
            pipeline=replace(
                cashier.office.pipeline,
                targets=(
                    PostsTo("books", "us", since),
                    PostsTo("other", "us", since),
                    PostsTo("eu", "eu", since),
                ),
            ),
        )
        cashier = Cashier(office, cashier.stripe, cashier.bank)
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)], fee=100)
        cashier.moves(MovementKind.FEE, "txn_1", -80)
        cashier.settle()

        intents = office.rows("SELECT * FROM posting.intents WHERE subject = 'payment' ORDER BY target")
        reference = office.value("SELECT reference FROM payments.settlements WHERE amount_minor <> 0")
        assert [(row["target"], row["state"], row["document_reference"]) for row in intents] == [
            ("books", "pending", reference),
            ("other", "pending", reference),
        ]
        assert len({row["intent_key"] for row in intents}) == 2
        assert {row["due_on"] for row in intents} == {date(2026, 6, 20)}

    def test_is_nothing_for_documents_that_are_not_there(self, cashier: Cashier) -> None:
        [number] = cashier.bill("1")
        targets = (PostsTo("books", "us", date(2026, 6, 1)),)
        office = replace(cashier.office, pipeline=replace(cashier.office.pipeline, targets=targets))
        cashier = Cashier(office, cashier.stripe, cashier.bank)
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.settle()

        assert office.value("SELECT count(*) FROM posting.intents WHERE subject = 'payment'") == 0


def test_a_run_over_some_deals_leaves_payments_to_the_next_over_all(cashier: Cashier) -> None:
    cashier.line("line-1", 10_000)
    cashier.receive()

    assert not settle(cashier.office.pipeline, Scope.deals(["hubspot:1"])).counts
    assert cashier.state("line-1") == ("open", None)


def test_only_the_movements_asked_for_are_settled(cashier: Cashier) -> None:
    [first, second] = cashier.bill("1", "2")
    cashier.line("line-1", 10_000, text=first)
    cashier.line("line-2", 10_000, text=second)
    cashier.receive()
    settle(cashier.office.pipeline, movements=[cashier.number("line-2")])

    assert cashier.open() == {first: (10_000, "open"), second: (0, "paid")}


def test_a_rule_set_without_the_accounts_says_which_to_add(cashier: Cashier) -> None:
    rules = cashier.office.pipeline.rules
    accounts = {role: each for role, each in rules.accounts.items() if role is not AccountRole.FEES}
    pipeline = replace(cashier.office.pipeline, rules=rules.model_copy(update={"accounts": accounts}))

    with pytest.raises(AccountsMissing, match="no account for fees"):
        settle(pipeline)


def test_money_out_of_the_bank_for_something_else_is_ignored(cashier: Cashier) -> None:
    cashier.line("line-1", -120_000, text="RENT JUNE")

    assert cashier.settle().counts["ignored"] == 1
    assert cashier.state("line-1") == ("ignored", "money out that names none of our documents")


@pytest.mark.parametrize("statement", ["DELETE FROM", "UPDATE", "TRUNCATE"])
@pytest.mark.parametrize("table", ["settlements", "allocations"])
def test_what_was_settled_is_never_changed(cashier: Cashier, statement: str, table: str) -> None:
    [number] = cashier.bill("1")
    cashier.line("line-1", 10_000, text=number)
    cashier.settle()
    rest = {"UPDATE": " SET amount_minor = 1", "TRUNCATE": " CASCADE"}.get(statement, "")

    with pytest.raises(IntegrityError, match="append only"):
        cashier.office.execute(f"{statement} payments.{table}{rest}")


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        (
            "UPDATE payments.allocations SET amount_minor = 9000",
            "settlement {reference} of us: what it applies and leaves unapplied is not its amount",
        ),
        (
            "UPDATE payments.settlements SET amount_minor = 9000, unapplied_minor = -1000",
            "settlement {reference} of us: its entry has other amounts",
        ),
        (
            "DELETE FROM ledger.journal_lines WHERE entry_id = 2; "
            "DELETE FROM ledger.journal_entries WHERE id = 2",
            "settlement {reference} of us has no entry in the ledger",
        ),
        (
            "UPDATE payments.settlements SET amount_minor = 9000, unapplied_minor = -1000",
            "the credit of customer 1 with us is -10.00 USD: more was given back than there was",
        ),
        (
            "UPDATE payments.movements SET state = 'open'",
            "movement 1 (plaid line-1) is open, but settled something",
        ),
        (
            "UPDATE ledger.documents SET total_minor = 20000",
            "receivable of us is 0.00 USD in the ledger, but its documents have 100.00 USD open",
        ),
        (
            "UPDATE ledger.documents SET total_minor = 5000",
            "US-INV-000001 of us is over 50.00 USD, but 100.00 USD is set against it",
        ),
    ],
)
def test_settlements_that_somebody_tampered_with_are_found_out(
    cashier: Cashier, tampering: str, found: str
) -> None:
    [number] = cashier.bill("1")
    cashier.line("line-1", 10_000, text=number)
    cashier.settle()
    reference = cashier.office.value("SELECT reference FROM payments.settlements")
    cashier.office.execute("SET LOCAL session_replication_role = replica; " + tampering)

    assert found.format(reference=reference) in cashier.problems()
