"""Payments at Xero: whole or not at all where one call is enough, and completed where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import (
    Accepted,
    Allocation,
    Refused,
    RemoteState,
    Subject,
    Unsure,
)
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import NotFound
from integration_pipeline_tests.accounting.xero.conftest import (
    Posts,
    accepted,
    credit_note,
    invoice,
    line,
    payment,
    sent,
    taken_back,
)
from integration_pipeline_tests.vendors.xero_rig import TENANT, Organisation


@pytest.fixture
def with_fees(xero: Organisation) -> Iterator[XeroTarget]:
    [stripe] = xero.seed(Contacts=[{"Name": "Stripe"}])["Contacts"]
    fee = {"account": "404", "contact": stripe["ContactID"]}
    with xero.target(payments={"stripe": {"account": "090", "fee": fee}}) as target:
        yield target


class TestReceipts:
    def test_a_payment_of_one_invoice_is_one_call_and_says_whose_it_is(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        there = posted()
        ours = payment(contact, 10_000, (there, 10_000))

        record = accepted(target.send([ours])[0])

        assert (record.subject, record.total) == (Subject.PAYMENT, Money(10_000, "NZD"))
        assert (record.reference, record.customer_id) == (ours.reference, contact)
        assert len(sent(xero)) == 2
        [paid] = xero.get("Payments")
        assert paid["Reference"] == f"{ours.reference} 1/1 stripe payment ch_1"
        assert paid["Account"]["Code"] == "090"
        assert xero.get("Invoices/INV-000001")[0]["Status"] == "PAID"

    def test_payments_of_many_customers_take_one_call(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        invoices = [
            accepted(each)
            for each in target.send([invoice(contact, f"INV-{number:06}") for number in range(1, 31)])
        ]
        batch = [
            payment(contact, 10_000, (each, 10_000), name=f"ch_{place}")
            for place, each in enumerate(invoices)
        ]

        outcomes = target.send(batch)

        assert [accepted(each).reference for each in outcomes] == [each.reference for each in batch]
        assert len(sent(xero)) == 2

    def test_a_payment_of_several_invoices_is_there_as_a_whole_or_not_at_all(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        one, other = (
            accepted(each) for each in target.send([invoice(contact), invoice(contact, "INV-000002")])
        )
        too_much = payment(contact, 20_001, (one, 10_000), (other, 10_001))
        right = payment(contact, 15_000, (one, 10_000), (other, 5_000), name="ch_2")

        refusal, outcome = target.send([too_much, right])

        assert isinstance(refusal, Refused)
        assert too_much.reference in refusal.reason
        assert accepted(outcome).total == Money(15_000, "NZD")
        assert sorted(each["Amount"] for each in xero.get("Payments")) == [50, 100]

    def test_a_method_without_an_account_is_refused_naming_what_to_add(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000), method="plaid")

        [outcome] = target.send([ours])

        assert isinstance(outcome, Refused)
        assert "payments.plaid.account" in outcome.reason
        assert len(sent(xero)) == 1

    def test_a_payment_of_three_decimals_is_refused_rather_than_rounded(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        [there] = target.send([invoice(contact, lines=[line(12_340, "KWD")])])
        ours = payment(contact, 1_234, (accepted(there), 1_234))
        ours = replace(ours, amount=Money(1_234, "KWD"))

        [outcome] = target.send([ours])

        assert isinstance(outcome, Refused)
        assert "1.234 KWD has more than the two decimals" in outcome.reason
        assert xero.get("Payments") == []

    def test_fees_are_left_out_unless_the_targets_file_says_where_they_go(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000), fee=Money(320, "NZD"))

        assert accepted(target.send([ours])[0]).total == Money(10_000, "NZD")

        assert xero.get("BankTransactions") == []

    def test_a_fee_is_spent_from_the_account_the_money_came_into(
        self, xero: Organisation, with_fees: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000), fee=Money(320, "NZD"))

        record = accepted(with_fees.send([ours])[0])

        assert record.total == Money(10_000, "NZD")
        [spent] = xero.get("BankTransactions", page="1")
        assert (spent["Type"], spent["Total"]) == ("SPEND", Money(320, "NZD").to_decimal())
        assert spent["BankAccount"]["Code"] == "090"
        assert spent["LineItems"][0]["AccountCode"] == "404"
        assert spent["Contact"]["Name"] == "Stripe"
        assert [[each.total for each in hits] for hits in with_fees.find([ours])] == [[Money(10_000, "NZD")]]

    def test_a_fee_that_was_lost_is_completed_without_a_second_payment(
        self, xero: Organisation, with_fees: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000), fee=Money(320, "NZD"))
        xero.order({"kind": "drop_before"}, path="BankTransactions*", method="PUT", times=1)
        [first] = with_fees.send([ours])
        assert isinstance(first, Unsure)
        assert with_fees.find([ours]) == [[]]
        xero.admin("PUT", "/clock", {"advance_seconds": 361})

        [second] = with_fees.send([ours])

        assert accepted(second).total == Money(10_000, "NZD")
        assert len(xero.get("Payments")) == 1
        assert len(xero.get("BankTransactions")) == 1

    def test_a_refused_fee_is_told_and_completed_once_it_was_put_right(
        self, xero: Organisation, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000), fee=Money(320, "NZD"))
        fee = {"account": "404", "contact": TENANT}
        with xero.target(payments={"stripe": {"account": "090", "fee": fee}}) as wrong:
            [refusal] = wrong.send([ours])
        assert isinstance(refusal, Refused)
        with xero.target(
            payments={"stripe": {"account": "090", "fee": {**fee, "contact": contact}}}
        ) as right:
            [outcome] = right.send([ours])

        assert isinstance(outcome, Accepted)
        assert len(xero.get("Payments")) == 1


class TestCredit:
    def test_what_no_invoice_needs_stays_the_customers_credit(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 12_000, (posted(), 10_000))

        record = accepted(target.send([ours])[0])

        assert (record.total, record.reference) == (Money(12_000, "NZD"), ours.reference)
        [credit] = xero.get("BankTransactions", page="1")
        assert (credit["Type"], credit["Total"]) == ("RECEIVE-OVERPAYMENT", 20)
        assert credit["Contact"]["ContactID"] == contact
        [[hit]] = target.find([ours])
        assert (hit.remote_id, hit.total) == (record.remote_id, Money(12_000, "NZD"))

    def test_credit_alone_is_one_call(self, xero: Organisation, target: XeroTarget, contact: str) -> None:
        ours = payment(contact, 5_000)

        record = accepted(target.send([ours])[0])

        assert (record.total, record.customer_id) == (Money(5_000, "NZD"), contact)
        assert len(sent(xero)) == 1
        assert [[hit.remote_id for hit in hits] for hits in target.find([ours])] == [[record.remote_id]]

    def test_credit_that_was_lost_is_completed_without_a_second_payment(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 12_000, (posted(), 10_000))
        xero.order({"kind": "drop_before"}, path="BankTransactions*", method="PUT", times=1)
        assert isinstance(target.send([ours])[0], Unsure)
        assert target.find([ours]) == [[]]
        xero.admin("PUT", "/clock", {"advance_seconds": 361})

        assert accepted(target.send([ours])[0]).total == Money(12_000, "NZD")

        assert len(xero.get("Payments")) == 1
        assert len(xero.get("BankTransactions")) == 1

    def test_what_was_kept_is_not_sent_again_when_only_its_answer_was_lost(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 12_000, (posted(), 10_000))
        xero.order({"kind": "drop_after"}, path="BankTransactions*", method="PUT", times=1)
        assert isinstance(target.send([ours])[0], Unsure)
        xero.admin("PUT", "/clock", {"advance_seconds": 361})

        assert accepted(target.send([ours])[0]).total == Money(12_000, "NZD")

        assert len(xero.get("BankTransactions")) == 1

    def test_giving_credit_back_is_left_to_a_person(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        target.send([payment(contact, 5_000)])

        [outcome] = target.send([payment(contact, -5_000, name="re_1")])

        assert isinstance(outcome, Refused)
        assert "refund the overpayment in Xero" in outcome.reason
        assert len(sent(xero)) == 1


def test_a_credit_note_is_set_off_once_whatever_was_lost_on_the_way(
    xero: Organisation, target: XeroTarget, contact: str, posted: Posts
) -> None:
    ours = payment(contact, 8_000, (posted(), 10_000))
    note = posted(credit_note(contact, total=Money(5_000, "NZD"), lines=(line(5_000),)))
    taken_off = Allocation(note.remote_id, Money(-2_000, "NZD"), DocumentKind.CREDIT_NOTE)
    ours = replace(ours, allocations=(*ours.allocations, taken_off))
    xero.order({"kind": "drop_before"}, path="Payments", method="PUT", times=1)
    assert isinstance(target.send([ours])[0], Unsure)
    assert target.find([ours]) == [[]]
    xero.admin("PUT", "/clock", {"advance_seconds": 361})

    assert accepted(target.send([ours])[0]).total == Money(8_000, "NZD")

    assert xero.get("Invoices/INV-000001")[0]["AmountDue"] == 0
    assert xero.get("CreditNotes/CN-000001")[0]["RemainingCredit"] == 30


class TestRefunds:
    def test_money_given_back_of_a_credit_note_is_a_payment_of_it(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        [note] = target.send([credit_note(contact)])
        ours = payment(contact, -4_000, (accepted(note), -4_000), name="re_1")

        record = accepted(target.send([ours])[0])

        assert record.total == Money(4_000, "NZD")
        [there] = xero.get("CreditNotes/CN-000001")
        assert there["RemainingCredit"] == 60
        [[hit]] = target.find([ours])
        assert hit.remote_id == record.remote_id

    def test_money_given_back_of_an_invoice_goes_by_the_credit_note_that_reverses_it(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        there = posted()
        target.send([payment(contact, 10_000, (there, 10_000))])
        target.send([credit_note(contact)])

        [outcome] = target.send([payment(contact, -10_000, (there, -10_000), name="re_1")])

        assert accepted(outcome).total == Money(10_000, "NZD")
        assert xero.get("CreditNotes/CN-000001")[0]["Status"] == "PAID"

    def test_without_a_credit_note_a_person_has_to_undo_the_payment(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        there = posted()
        target.send([payment(contact, 10_000, (there, 10_000))])

        [outcome] = target.send([payment(contact, -10_000, (there, -10_000), name="re_1")])

        assert isinstance(outcome, Refused)
        assert "remove its payment in Xero" in outcome.reason
        assert len(xero.get("Payments")) == 1


class TestTakingBack:
    def test_a_receipt_taken_back_with_its_fee_is_known_again_beside_the_receipt(
        self, xero: Organisation, with_fees: XeroTarget, contact: str, posted: Posts
    ) -> None:
        receipt = payment(contact, 10_000, (posted(), 10_000), fee=Money(320, "NZD"))
        accepted(with_fees.send([receipt])[0])
        with_fees.send([credit_note(contact)])
        back = taken_back(receipt)

        record = accepted(with_fees.send([back])[0])

        assert (record.reference, record.total) == (back.reference, Money(10_000, "NZD"))
        assert (record.remote_id, back.reference) in _changed(with_fees)
        assert [[hit.reference for hit in hits] for hits in with_fees.find([receipt, back])] == [
            [receipt.reference], [back.reference],
        ]  # fmt: skip
        fees = xero.get("BankTransactions", page="1")
        assert sorted(each["Type"] for each in fees) == ["RECEIVE", "SPEND"]

    def test_a_refund_taken_back_is_money_received_and_known_again(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        there = posted()
        [note] = target.send([credit_note(contact)])
        refund = payment(contact, -4_000, (accepted(note), -4_000), name="re_1")
        accepted(target.send([refund])[0])
        # Of the credit note's money a part goes to an invoice since, and the rest is credit.
        back = replace(taken_back(refund), allocations=(Allocation(there.remote_id, Money(3_000, "NZD")),))

        record = accepted(target.send([back])[0])

        assert (record.reference, record.total) == (back.reference, Money(4_000, "NZD"))
        [[hit]] = target.find([back])
        assert (hit.remote_id, hit.total) == (record.remote_id, Money(4_000, "NZD"))
        assert (record.remote_id, back.reference) in _changed(target)
        xero.admin("PUT", "/clock", {"advance_seconds": 361})
        assert accepted(target.send([back])[0]).remote_id == record.remote_id
        assert len(xero.get("BankTransactions")) == 1


class TestLookingUp:
    def test_a_lost_answer_is_settled_by_its_reference(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = payment(contact, 10_000, (posted(), 10_000))
        other = payment(contact, 10_000, name="ch_9")
        xero.order({"kind": "drop_after"}, times=1)
        assert isinstance(target.send([ours])[0], Unsure)

        found = target.find([ours])

        assert [[(hit.reference, hit.total) for hit in hits] for hits in found] == [
            [(ours.reference, Money(10_000, "NZD"))]
        ]
        assert target.find([other]) == [[]]

    def test_a_payment_of_several_invoices_is_one_record_of_all_its_parts(
        self, target: XeroTarget, contact: str
    ) -> None:
        one, other = (
            accepted(each) for each in target.send([invoice(contact), invoice(contact, "INV-000002")])
        )
        ours = payment(contact, 15_000, (one, 10_000), (other, 5_000))
        record = accepted(target.send([ours])[0])

        [[hit]] = target.find([ours])

        assert (hit.remote_id, hit.total) == (record.remote_id, Money(15_000, "NZD"))

    def test_a_deleted_one_is_among_the_changes_under_the_id_it_was_posted_with(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        one, other = (
            accepted(each) for each in target.send([invoice(contact), invoice(contact, "INV-000002")])
        )
        single = accepted(target.send([payment(contact, 5_000, (one, 5_000))])[0])
        double = accepted(
            target.send([payment(contact, 8_000, (one, 5_000), (other, 3_000), name="ch_2")])[0]
        )
        xero.edit("Payments", single.remote_id, Status="DELETED")
        second_part = next(each for each in xero.get("Payments") if each["Reference"].find(" 2/2 ") > 0)
        xero.edit("Payments", second_part["PaymentID"], Status="DELETED")

        changed = {
            each.remote_id: (each.state, each.total)
            for page in target.changed_since(datetime.now(UTC))
            for each in page
            if each.subject is Subject.PAYMENT
        }

        assert changed == {
            single.remote_id: (RemoteState.DELETED, Money(5_000, "NZD")),
            double.remote_id: (RemoteState.OPEN, Money(5_000, "NZD")),
        }

    def test_payments_of_others_are_no_changes_of_ours(
        self, xero: Organisation, target: XeroTarget, posted: Posts
    ) -> None:
        there = posted()
        by_hand = {
            "Invoice": {"InvoiceID": there.remote_id}, "Account": {"Code": "090"}, "Date": "2026-11-22",
            "Amount": 10, "Reference": "cash",
        }  # fmt: skip
        xero.seed(Payments=[by_hand])

        changed = [each for page in target.changed_since(datetime.now(UTC)) for each in page]

        assert [each.subject for each in changed] == [Subject.DOCUMENT]
        assert changed[0].balance == Money(9_000, "NZD")


def test_a_gateways_refusal_refuses_no_payment(xero: Organisation, contact: str, posted: Posts) -> None:
    there = posted()
    single = payment(contact, 1_000, (there, 1_000))
    double = payment(contact, 2_000, (there, 1_000), (there, 1_000), name="ch_2")
    with xero.target(base_url=f"{xero.base_url}/elsewhere") as astray:
        for ours in (single, double):
            with pytest.raises(NotFound):
                astray.send([ours])
    xero.admin("DELETE", "/requests")


def test_a_batch_of_several_subjects_is_a_mistake_of_ours(
    target: XeroTarget, contact: str, posted: Posts
) -> None:
    there = posted()
    with pytest.raises(TypeError, match="OutgoingPayment"):
        target.send([invoice(contact), payment(contact, 1, (there, 1))])


def _changed(target: XeroTarget) -> set[tuple[str, str | None]]:
    """Ids and references of what changed."""
    pages = target.changed_since(datetime.now(UTC))
    return {(each.remote_id, each.reference) for page in pages for each in page}
