"""Invoices and credit notes at Xero: in which fields, how exactly, how often, and found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.accounting.documents import DocumentKind, DocumentTax
from integration_pipeline.accounting.target import Accepted, Refused, RemoteState, Subject, Unsure
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.failures import (
    NotFound,
    QuotaExhausted,
    Throttled,
    Unauthorized,
    VendorFailure,
)
from integration_pipeline_tests.accounting.xero.conftest import (
    Posts,
    accepted,
    asked,
    credit_note,
    gst,
    invoice,
    line,
    reference_of,
    sent,
)
from integration_pipeline_tests.vendors.xero_rig import Organisation

HOUR = timedelta(hours=1)


class TestSending:
    def test_an_invoice_is_there_in_one_call_with_our_number_and_amounts(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        document = invoice(contact, lines=[line(10_000, taxes=(gst(1_500, 10_000),))])

        record = accepted(target.send([document])[0])

        assert len(sent(xero)) == 1
        assert asked(xero, "GET") == []
        assert record.number == "INV-000001"
        assert record.reference == document.reference
        assert (record.total, record.tax, record.balance) == (
            Money(11_500, "NZD"), Money(1_500, "NZD"), Money(11_500, "NZD"),
        )  # fmt: skip
        assert record.customer_id == contact
        assert (record.kind, record.state) == (DocumentKind.INVOICE, RemoteState.OPEN)
        assert record.issued_on == document.issue_date

    def test_a_tax_that_the_customer_owes_is_named_of_its_own_and_not_charged(
        self, xero: Organisation, contact: str
    ) -> None:
        taxes = {"GST 15": "OUTPUT2", "GST 15 reverse charge": "ZERORATED"}
        owed = invoice(contact, lines=[line(10_000, taxes=(gst(0, 10_000),))])

        with xero.target(taxes=taxes) as target:
            record = accepted(target.send([owed])[0])
            problems = target.problems()

        assert (record.total, record.tax) == (Money(10_000, "NZD"), Money(0, "NZD"))
        assert sent(xero)[0]["body"]["Invoices"][0]["LineItems"][0]["TaxType"] == "ZERORATED"
        assert problems == []

    def test_what_is_there_says_what_was_billed_when_and_why(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        seats = line(
            9_000,
            quantity=Decimal(3),
            unit_price=Decimal("40.00"),
            explanation="3 x 40.00 x 23/31 = 90.00",
            service_start=date(2026, 11, 1),
            service_end=date(2026, 12, 1),
        )
        target.send([invoice(contact, lines=[seats], purchase_order="PO 4711")])

        [there] = xero.get("Invoices/INV-000001")
        assert there["Reference"] == f"PO 4711 / {reference_of('INV-000001')}"
        assert there["DueDateString"].startswith("2026-12-20")
        [line_there] = there["LineItems"]
        assert line_there["Description"] == "Seats\n2026-11-01 to 2026-11-30\n3 x 40.00 x 23/31 = 90.00"
        assert (line_there["Quantity"], line_there["UnitAmount"]) == (1, Decimal("90.00"))

    def test_a_price_of_four_decimals_is_stated_where_it_multiplies_to_the_amount(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        calls = line(1_234, quantity=Decimal(10_000), unit_price=Decimal("0.001234"), explanation="formula")
        minutes = line(1_235, quantity=Decimal(1_000), unit_price=Decimal("0.01235"), explanation="formula")
        seats = line(1_850, quantity=Decimal(5_000), unit_price=Decimal("0.0037"), explanation="formula")

        accepted(target.send([invoice(contact, lines=[calls, minutes, seats])])[0])

        [there] = xero.get("Invoices/INV-000001", unitdp="4")
        shown = [(each["Quantity"], each["UnitAmount"]) for each in there["LineItems"]]
        assert shown == [(1, Decimal("12.34")), (1, Decimal("12.35")), (5_000, Decimal("0.0037"))]
        assert [each["Description"] for each in there["LineItems"]] == ["Seats\nformula"] * 2 + ["Seats"]

    def test_a_credit_within_an_invoice_has_a_negative_price_and_no_negative_quantity(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        back = line(-3_000, quantity=Decimal(-3), unit_price=Decimal("10.00"), taxes=(gst(-450, -3_000),))
        document = invoice(contact, lines=[line(10_000, taxes=(gst(1_500, 10_000),)), back])

        assert accepted(target.send([document])[0]).total == Money(8_050, "NZD")

        [there] = xero.get("Invoices/INV-000001")
        assert (there["LineItems"][1]["Quantity"], there["LineItems"][1]["UnitAmount"]) == (3, -10)

    def test_tax_computed_over_the_document_is_kept_to_the_cent(
        self, target: XeroTarget, contact: str
    ) -> None:
        # By Xero's own rounding, line by line, it would be 11.44.
        lines = [
            line(2_506, taxes=(gst(376, 2_506),)),
            line(2_561, taxes=(gst(384, 2_561),)),
            line(2_563, taxes=(gst(385, 2_563),)),
        ]

        record = accepted(target.send([invoice(contact, lines=lines)])[0])

        assert (record.tax, record.total) == (Money(1_145, "NZD"), Money(8_775, "NZD"))

    def test_what_the_lines_taxes_lack_of_the_documents_is_spread_over_them(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        lines = [line(2_506, taxes=(gst(376, 2_506),)), line(2_561, taxes=(gst(384, 2_561),)), line(100)]
        document = invoice(contact, lines=lines, taxes=(gst(761, 5_067),), total=Money(5_928, "NZD"))

        record = accepted(target.send([document])[0])

        assert (record.tax, record.total) == (Money(761, "NZD"), Money(5_928, "NZD"))
        [there] = xero.get("Invoices/INV-000001")
        taxes = [each["TaxAmount"] for each in there["LineItems"]]
        assert taxes == [Decimal("3.77"), Decimal("3.84"), 0]

    def test_a_tax_far_from_its_rate_is_refused_with_the_numbers_before_anything_is_sent(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        [outcome] = target.send([invoice(contact, lines=[line(10_000, taxes=(gst(1_900, 10_000),))])])

        assert isinstance(outcome, Refused)
        assert "19.00 NZD" in outcome.reason
        assert "15.00 NZD" in outcome.reason
        assert sent(xero) == []

    def test_a_tax_nobody_mapped_is_refused_naming_what_to_add(
        self, target: XeroTarget, contact: str
    ) -> None:
        vat = DocumentTax("VAT", Decimal("19.0"), Money(10_000, "NZD"), Money(1_900, "NZD"))
        document = invoice(contact, lines=[line(10_000, taxes=(vat,))], taxes=(vat,))

        [outcome] = target.send([document])

        assert isinstance(outcome, Refused)
        assert "no tax type for 'VAT 19'" in outcome.reason

    def test_two_taxes_of_a_line_are_one_tax_type(self, xero: Organisation, contact: str) -> None:
        components = [{"Name": "GST", "Rate": Decimal(5)}, {"Name": "QST", "Rate": Decimal("9.975")}]
        [rate] = xero.seed(TaxRates=[{"Name": "Quebec", "TaxComponents": components}])["TaxRates"]
        taxes = (
            DocumentTax("QST", Decimal("9.975"), Money(10_000, "NZD"), Money(998, "NZD")),
            DocumentTax("GST", Decimal(5), Money(10_000, "NZD"), Money(500, "NZD")),
        )
        document = invoice(contact, lines=[line(10_000, taxes=taxes)], taxes=taxes)

        with xero.target(taxes={"GST 5 + QST 9.975": rate["TaxType"]}) as target:
            record = accepted(target.send([document])[0])
            assert target.problems() == []

        assert record.total == Money(11_498, "NZD")

    def test_revenue_goes_to_the_account_of_its_treatment(self, xero: Organisation, contact: str) -> None:
        lines = [line(), line(revenue=RevenueTreatment.DEFERRED)]
        with xero.target(revenue={"on_invoice": "260", "deferred": "850"}) as target:
            accepted(target.send([invoice(contact, lines=lines)])[0])

        [there] = xero.get("Invoices/INV-000001")
        assert [each["AccountCode"] for each in there["LineItems"]] == ["260", "850"]

    @pytest.mark.parametrize(
        ("currency", "minor", "shown"), [("JPY", 1_250, "1250"), ("KWD", 12_340, "12.34")]
    )
    def test_currencies_of_other_decimals_are_exact(
        self, target: XeroTarget, contact: str, currency: str, minor: int, shown: str
    ) -> None:
        record = accepted(target.send([invoice(contact, lines=[line(minor, currency)])])[0])

        assert record.total == Money(minor, currency)
        assert record.total.to_decimal() == Decimal(shown)

    def test_an_amount_of_three_decimals_is_refused_rather_than_rounded(
        self, target: XeroTarget, contact: str
    ) -> None:
        [outcome] = target.send([invoice(contact, lines=[line(12_345, "KWD")])])

        assert isinstance(outcome, Refused)
        assert "12.345 KWD has more than the two decimals" in outcome.reason

    def test_a_batch_of_both_kinds_takes_two_calls_and_answers_in_order(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        batch = [
            document
            for number in range(1, 26)
            for document in (invoice(contact, f"INV-{number:06}"), credit_note(contact, f"CN-{number:06}"))
        ]

        records = [accepted(each) for each in target.send(batch)]

        assert [each.number for each in records] == [each.number for each in batch]
        assert [each.kind for each in records] == [each.kind for each in batch]
        assert len(sent(xero)) == 2

    def test_one_bad_document_of_a_batch_spoils_no_other(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        batch = [invoice(contact, f"INV-{number:06}") for number in range(1, 6)]
        batch[2] = replace(batch[2], customer_id="99999999-2222-4333-8444-555555555555")

        outcomes = target.send(batch)

        assert [type(each) for each in outcomes] == [Accepted, Accepted, Refused, Accepted, Accepted]
        refusal = outcomes[2]
        assert isinstance(refusal, Refused)
        assert "invoice INV-000003" in refusal.reason
        assert "ContactID" in refusal.reason
        assert len(xero.get("Invoices")) == 4

    def test_an_element_that_has_the_whole_call_refused_is_the_only_one_refused(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        batch = [invoice(contact, f"INV-{number:06}") for number in range(1, 6)]
        # No id at all, which is no validation error but a request that cannot be read.
        batch[3] = replace(batch[3], customer_id="not-an-id")

        outcomes = target.send(batch)

        assert [type(each) for each in outcomes] == [Accepted, Accepted, Accepted, Refused, Accepted]
        assert len(xero.get("Invoices")) == 4
        xero.admin("DELETE", "/requests")

    def test_large_documents_are_sent_in_calls_xero_takes(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        long = [line(explanation="because " * 450, unit_price=None) for _ in range(300)]
        batch = [invoice(contact, f"INV-{number:06}", lines=long) for number in range(1, 5)]

        outcomes = target.send(batch)

        assert all(isinstance(each, Accepted) for each in outcomes)
        assert len(sent(xero)) == 2

    def test_a_number_that_is_there_is_refused_as_a_duplicate(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        posted()
        again = replace(invoice(contact), key="0" * 64)

        [outcome] = target.send([again])

        assert isinstance(outcome, Refused)
        assert outcome.duplicate
        assert len(xero.get("Invoices")) == 1

    def test_a_credit_note_number_that_is_there_is_a_duplicate_too(
        self, target: XeroTarget, contact: str
    ) -> None:
        target.send([credit_note(contact)])

        [outcome] = target.send([replace(credit_note(contact), key="0" * 64)])

        assert isinstance(outcome, Refused)
        assert outcome.duplicate

    @pytest.mark.parametrize(
        ("change", "given", "said"),
        [
            ({"period_lock_date": "2026-11-30"}, {}, "lock date"),
            ({}, {"lines": [line(10_000, "EUR")]}, "Add the currency in Xero"),
        ],
        ids=["locked", "currency"],
    )
    def test_a_refusal_names_the_next_step(
        self,
        xero: Organisation,
        target: XeroTarget,
        contact: str,
        change: dict[str, str],
        given: dict[str, Any],
        said: str,
    ) -> None:
        xero.admin("PUT", "/organisation", change)

        [outcome] = target.send([invoice(contact, **given)])

        assert isinstance(outcome, Refused)
        assert not outcome.duplicate
        assert said in outcome.reason
        assert "targets resend" in outcome.reason


class TestTrouble:
    @pytest.mark.parametrize("kind", ["drop_after", "drop_before", "truncate", "garbage", "error"])
    def test_a_lost_answer_leaves_every_document_of_the_call_unsure(
        self, xero: Organisation, target: XeroTarget, contact: str, kind: str
    ) -> None:
        batch = [invoice(contact, f"INV-{number:06}") for number in range(1, 4)]
        xero.order({"kind": kind}, times=1)

        outcomes = target.send(batch)

        assert [type(each) for each in outcomes] == [Unsure] * 3
        assert len(sent(xero)) == 1

    def test_what_was_sent_again_under_its_key_within_six_minutes_is_there_once(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        xero.order({"kind": "drop_after"}, times=1)
        [first] = target.send([invoice(contact)])
        assert isinstance(first, Unsure)

        [second] = target.send([invoice(contact)])

        assert accepted(second).number == "INV-000001"
        assert len(xero.get("Invoices")) == 1

    def test_what_was_sent_again_after_the_key_was_forgotten_is_a_duplicate_and_there_once(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        xero.order({"kind": "drop_after"}, times=1)
        target.send([invoice(contact)])
        xero.admin("PUT", "/clock", {"advance_seconds": 361})

        [outcome] = target.send([invoice(contact)])

        assert isinstance(outcome, Refused)
        assert outcome.duplicate
        assert len(xero.get("Invoices")) == 1

    def test_another_batch_has_another_key_whatever_they_have_in_common(
        self, target: XeroTarget, contact: str
    ) -> None:
        one, other = invoice(contact, "INV-000001"), invoice(contact, "INV-000002")
        target.send([one])

        outcomes = target.send([one, other])

        assert isinstance(outcomes[0], Refused)
        assert outcomes[0].duplicate
        assert accepted(outcomes[1]).number == "INV-000002"

    def test_a_document_that_was_put_right_is_no_repetition_of_the_old_call(
        self, xero: Organisation, contact: str
    ) -> None:
        with xero.target(revenue={"on_invoice": "999"}) as wrong:
            [refusal] = wrong.send([invoice(contact)])
        assert isinstance(refusal, Refused)
        assert "Correct the account" in refusal.reason

        with xero.target() as right:
            [outcome] = right.send([invoice(contact)])

        assert isinstance(outcome, Accepted)

    @pytest.mark.parametrize(
        ("fault", "failure"),
        [
            ({"kind": "throttle", "policy": "minute", "retry_after": 7}, Throttled),
            ({"kind": "throttle", "policy": "day", "retry_after": 40_000}, QuotaExhausted),
            ({"kind": "unauthorized"}, Unauthorized),
        ],
        ids=["minute", "day", "unauthorized"],
    )
    def test_what_was_certainly_not_done_is_raised_once_and_never_slept_on(
        self,
        xero: Organisation,
        target: XeroTarget,
        contact: str,
        fault: dict[str, object],
        failure: type[VendorFailure],
    ) -> None:
        xero.order(fault)

        with pytest.raises(failure) as caught:
            target.send([invoice(contact)])

        assert type(caught.value) is failure
        assert len(sent(xero)) == 1

    def test_a_gateways_refusal_refuses_no_document_and_is_met_once(
        self, xero: Organisation, contact: str
    ) -> None:
        batch = [invoice(contact, f"INV-{number:06}") for number in range(1, 51)]

        with xero.target(base_url=f"{xero.base_url}/elsewhere") as astray, pytest.raises(NotFound):
            astray.send(batch)

        assert len(sent(xero)) == 1
        xero.admin("DELETE", "/requests")

    def test_what_stops_the_second_call_leaves_what_the_first_one_did_as_it_is(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        xero.order({"kind": "throttle"}, path="CreditNotes*")

        posted, not_sent = target.send([invoice(contact), credit_note(contact)])

        assert isinstance(posted, Accepted)
        assert isinstance(not_sent, Unsure)
        assert "not sent" in not_sent.reason

    def test_after_a_spent_day_nothing_is_sent_until_xero_allows_it(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        xero.admin("PUT", "/limits", {"per_day": 1})
        target.send([invoice(contact)])
        for _ in range(2):
            with pytest.raises(QuotaExhausted) as caught:
                target.send([invoice(contact, "INV-000002")])
            assert caught.value.retry_after is not None
            assert caught.value.retry_after > 0

        assert len(sent(xero)) <= 2


class TestFinding:
    def test_each_document_is_found_by_its_number_and_the_absent_ones_are_not(
        self, target: XeroTarget, contact: str
    ) -> None:
        there = [invoice(contact, "INV-000001"), credit_note(contact, "CN-000001")]
        target.send(there)

        found = target.find([there[1], invoice(contact, "INV-000009"), there[0]])

        assert [[each.number for each in hits] for hits in found] == [["CN-000001"], [], ["INV-000001"]]

    def test_one_that_somebody_numbered_anew_is_found_by_its_reference(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        document = invoice(contact, purchase_order='the "blue" one \\ 7')
        posted(document)
        xero.edit("Invoices", "INV-000001", InvoiceNumber="2026/1")

        [[hit]] = target.find([document])

        assert (hit.number, hit.reference) == ("2026/1", document.reference)

    def test_a_voided_one_is_found_as_voided(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        posted()
        xero.edit("Invoices", "INV-000001", Status="VOIDED")

        [[hit]] = target.find([invoice(contact)])

        assert hit.state is RemoteState.VOIDED

    def test_a_suppliers_bill_of_the_same_number_is_not_ours(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        bill = {
            "Type": "ACCPAY", "InvoiceNumber": "INV-000001", "Contact": {"Name": "Landlord"},
            "Date": "2026-11-20", "DueDate": "2026-12-20", "Status": "AUTHORISED",
            "LineItems": [
                {"Description": "Rent", "UnitAmount": 5, "AccountCode": "400", "TaxType": "NONE"}
            ],
        }  # fmt: skip
        xero.seed(Invoices=[bill])

        assert target.find([invoice(contact)]) == [[]]
        assert [each for page in target.changed_since(datetime.now(UTC) - HOUR) for each in page] == []

    def test_sixty_are_found_in_a_few_calls(
        self, xero: Organisation, target: XeroTarget, contact: str
    ) -> None:
        batch = [invoice(contact, f"INV-{number:06}") for number in range(1, 61)]
        target.send(batch)

        found = target.find(batch)

        assert [[each.number for each in hits] for hits in found] == [[each.number] for each in batch]
        assert len(asked(xero, "GET")) == 3


class TestReading:
    def test_changes_are_told_whoever_made_them(
        self, xero: Organisation, target: XeroTarget, contact: str, posted: Posts
    ) -> None:
        ours = posted()
        theirs = {
            "Type": "ACCREC", "InvoiceNumber": "HAND-1", "Contact": {"ContactID": contact},
            "Date": "2026-11-20", "DueDate": "2026-12-20", "Status": "AUTHORISED",
            "LineItems": [
                {"Description": "Help", "UnitAmount": 5, "AccountCode": "200", "TaxType": "NONE"}
            ],
        }  # fmt: skip
        xero.seed(Invoices=[theirs])
        xero.edit("Invoices", "INV-000001", Status="VOIDED")

        read = [each for page in target.changed_since(datetime.now(UTC)) for each in page]

        assert {(each.number, each.state, each.reference) for each in read} == {
            ("INV-000001", RemoteState.VOIDED, ours.reference),
            ("HAND-1", RemoteState.OPEN, None),
        }

    def test_nothing_of_long_ago_is_read_again(self, target: XeroTarget, posted: Posts) -> None:
        newest = posted().modified_at

        assert [each for page in target.changed_since(newest + HOUR) for each in page] == []

    def test_all_documents_of_a_period_come_once_over_many_pages(
        self, xero: Organisation, contact: str
    ) -> None:
        with xero.target(page_size=10) as target:
            batch = [
                invoice(contact, f"INV-{number:06}", issue_date=date(2026, 11, 1) + timedelta(days=number))
                for number in range(40)
            ]
            target.send([*batch, credit_note(contact, issue_date=date(2026, 11, 15))])

            pages = list(target.documents(date(2026, 11, 5), date(2026, 11, 30)))

        read = sorted(str(each.number) for page in pages for each in page)
        assert read == ["CN-000001", *(f"INV-{number:06}" for number in range(4, 30))]
        assert len(pages) == 4
        assert {each.subject for page in pages for each in page} == {Subject.DOCUMENT}
