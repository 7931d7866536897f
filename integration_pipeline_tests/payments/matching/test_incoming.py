from __future__ import annotations

from typing import Any

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Credit, Matched, NotOurs, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Facts, OpenDocument
from integration_pipeline.payments.movements import Link, LinkKind, Payer
from integration_pipeline_tests.payments.matching.books import (
    ACME,
    BOLT,
    decided,
    document,
    facts,
    line,
    payment,
    usd,
)
from integration_pipeline_tests.pipeline.till import invoice_link

CUSTOMER = Payer("Acme Incorporated", "ap@acme.example", ("cus_1",))


def known(*documents: OpenDocument) -> Facts:
    """Stripe's customer cus_1 is Acme, and so is who writes from acme.example."""
    return facts(
        documents,
        payers={("stripe", "cus_1"): frozenset((ACME,))},
        addresses={"acme.example": frozenset((ACME,))},
    )


def matched(one: Any, books: Facts) -> Matched:
    decision = decided(one, books)
    assert isinstance(decision, Matched), decision
    return decision


def waits(one: Any, books: Facts) -> Waits:
    decision = decided(one, books)
    assert isinstance(decision, Waits), decision
    return decision


class TestALink:
    def test_to_a_document_settles_it(self) -> None:
        decision = matched(payment(500, links=[invoice_link("US-INV-000001")]), facts([document(1, 500)]))

        assert decision.rule is Rule.LINK
        assert decision.allocations == (Allocation(1, 500),)
        assert decision.evidence == (
            "invoice number US-INV-000001 was given with the payment",
            "US-INV-000001 is open with 5.00 USD: 5.00 USD in all",
        )

    @pytest.mark.parametrize("name", ["1", "DUBAAAAAAA3", "us-inv-1"])
    def test_names_a_document_by_its_id_its_reference_or_its_number(self, name: str) -> None:
        link = Link(LinkKind.DOCUMENT, name)

        assert matched(payment(500, links=[link]), facts([document(1, 500)])).allocations[0].document_id == 1

    def test_to_a_deal_settles_its_one_open_invoice(self) -> None:
        link = Link(LinkKind.DEAL, "1")
        books = facts([document(1, 500), document(2, 0), document(3, 700, deal="hubspot:2")])

        assert matched(payment(500, links=[link]), books).allocations == (Allocation(1, 500),)

    def test_to_a_deal_of_several_open_invoices_settles_the_one_of_the_amount(self) -> None:
        books = facts([document(1, 500), document(2, 700)])

        assert matched(payment(700, links=[Link(LinkKind.DEAL, "hubspot:1")]), books).allocations == (
            Allocation(2, 700),
        )

    def test_to_a_deal_waits_if_any_of_its_invoices_may_be_meant(self) -> None:
        books = facts([document(1, 500), document(2, 500)])
        told = waits(payment(500, links=[Link(LinkKind.DEAL, "1")]), books)

        assert [each.allocations for each in told.candidates] == [
            (Allocation(1, 500),),
            (Allocation(2, 500),),
        ]

    def test_counts_more_than_the_text(self) -> None:
        books = facts([document(1, 500), document(2, 500)])
        one = payment(500, links=[invoice_link("US-INV-000001")], text="US-INV-000002")

        assert matched(one, books).allocations == (Allocation(1, 500),)

    def test_to_nothing_we_know_leaves_it_to_the_text(self) -> None:
        one = payment(500, links=[invoice_link("in_9")], text="US-INV-000001")

        assert matched(one, facts([document(1, 500)])).rule is Rule.NUMBER

    def test_says_how_much_each_document_gets(self) -> None:
        links = [invoice_link("US-INV-000001", usd(300)), invoice_link("US-INV-000002", usd(100))]
        books = facts([document(1, 500), document(2, 100)])

        assert matched(payment(400, links=links), books).allocations == (
            Allocation(1, 300),
            Allocation(2, 100),
        )

    def test_that_gives_a_document_more_than_is_open_waits(self) -> None:
        links = [invoice_link("US-INV-000001", usd(300)), invoice_link("US-INV-000002", usd(100))]
        books = facts([document(1, 200), document(2, 100)])

        assert "of which 2.00 USD is open" in waits(payment(400, links=links), books).why


class TestNumbersInTheText:
    def test_settle_several_invoices_at_once(self) -> None:
        books = facts([document(1, 500), document(2, 700), document(3, 900)])
        decision = matched(line(1_200, text="inv US-INV-000001, US INV OOOOO2"), books)

        assert decision.rule is Rule.NUMBER
        assert decision.allocations == (Allocation(1, 500), Allocation(2, 700))

    def test_pay_an_invoice_in_part(self) -> None:
        decision = matched(line(200, text="US-INV-000001"), facts([document(1, 500)]))

        assert decision.allocations == (Allocation(1, 200),)
        assert decision.credit == ()

    def test_leave_what_is_too_much_as_the_customers_credit(self) -> None:
        decision = matched(line(600, text="US-INV-000001"), facts([document(1, 500)]))

        assert decision.allocations == (Allocation(1, 500),)
        assert decision.credit == (Credit("us", ACME, 100),)

    def test_take_a_credit_note_off_that_is_named_as_well(self) -> None:
        books = facts([document(1, 500), document(2, -200, prefix="US-CN-")])

        assert matched(line(300, text="US-INV-000001 less US-CN-000002"), books).allocations == (
            Allocation(1, 500),
            Allocation(1_002, -200),
        )

    def test_of_several_customers_and_entities_settle_if_they_add_up(self) -> None:
        books = facts([document(1, 500), document(2, 700, prefix="EU-INV-", entity="eu", customer=BOLT)])
        decision = matched(line(1_200, text="US-INV-000001 EU-INV-000002"), books)

        assert decision.allocations == (Allocation(1, 500), Allocation(2_002, 700))

    def test_of_several_customers_wait_if_something_is_left_over(self) -> None:
        books = facts([document(1, 500), document(2, 700, customer=BOLT)])
        told = waits(line(1_300, text="US-INV-000001 US-INV-000002"), books)

        assert told.why.startswith("1.00 USD is left over")

    def test_that_come_to_more_than_the_payment_wait_with_what_may_be_meant(self) -> None:
        books = facts([document(1, 500), document(2, 700), document(3, 900)])
        told = waits(line(1_400, text="US-INV-000001 US-INV-000002 US-INV-000003"), books)

        assert [(each.rule, each.allocations) for each in told.candidates] == [
            (Rule.SUM, (Allocation(1, 500), Allocation(3, 900))),
            (Rule.PART, (Allocation(1, 500), Allocation(2, 700), Allocation(3, 200))),
        ]

    def test_of_what_is_paid_already_wait(self) -> None:
        told = waits(line(500, text="US-INV-000001"), facts([document(1, 0, paid=500)]))

        assert told.why == "US-INV-000001 has nothing open any more: paid twice, or the wrong number"

    def test_of_what_is_paid_already_do_not_hinder_what_adds_up_without_it(self) -> None:
        books = facts([document(1, 0, paid=500), document(2, 700)])

        assert matched(line(700, text="US-INV-000001, US-INV-000002"), books).allocations == (
            Allocation(2, 700),
        )

    def test_of_another_currency_wait(self) -> None:
        told = waits(line(500, text="US-INV-000001"), facts([document(1, 500, currency="EUR")]))

        assert told.why.startswith("US-INV-000001 is in EUR, the payment in USD")

    def test_that_may_be_one_of_two_wait(self) -> None:
        books = facts([document(1, 500), document(1_234, 500)])
        told = waits(line(500, text="US-INV-001 234"), books)

        assert told.why == "'US-INV-001 234' may mean US-INV-000001 and US-INV-001234"
        assert len(told.candidates) == 2


class TestWhatSpeaksAgainstANumber:
    def test_is_a_payer_who_is_another_customer(self) -> None:
        books = facts([document(1, 500, customer=BOLT)], payers={("stripe", "cus_1"): frozenset((ACME,))})
        for one in (400, 600):
            told = decided(payment(one, text="US-INV-000001", payer=Payer(ids=("cus_1",))), books)
            assert isinstance(told, Waits)
            assert "US-INV-000001 is another customer's" in told.why

        exact = decided(payment(500, text="US-INV-000001", payer=Payer(ids=("cus_1",))), books)
        assert isinstance(exact, Matched)

    @pytest.mark.parametrize(
        "said", [{"text": "for US-INV-000009"}, {"links": [invoice_link("US-INV-000009")]}]
    )
    def test_is_that_it_is_not_in_the_books(self, said: dict[str, Any]) -> None:
        books = facts([document(1, 500)], payers={("stripe", "cus_1"): frozenset((ACME,))})
        told = decided(payment(500, payer=Payer(ids=("cus_1",)), **said), books)

        assert isinstance(told, Waits)
        assert told.why == "the payment names 'US-INV-000009', which is not in the books yet"
        assert [each.allocations for each in told.candidates] == [(Allocation(1, 500),)]

    def test_is_another_that_is_not_in_the_books_unless_the_amount_is_what_is_open(self) -> None:
        books = facts([document(1, 500)])

        assert isinstance(decided(payment(600, text="US-INV-000001, US-INV-000009"), books), Waits)
        assert isinstance(decided(payment(500, text="US-INV-000001, US-INV-000009"), books), Matched)


class TestAKnownPayer:
    @pytest.mark.parametrize("payer", [Payer(ids=("cus_1",)), Payer(email="Ann@ACME.example")])
    def test_pays_the_one_invoice_of_the_amount(self, payer: Payer) -> None:
        books = known(document(1, 500), document(2, 700), document(3, 700, customer=BOLT))
        decision = matched(payment(700, payer=payer), books)

        assert (decision.rule, decision.allocations) == (Rule.AMOUNT, (Allocation(2, 700),))

    def test_who_has_two_invoices_of_the_amount_waits(self) -> None:
        told = waits(payment(700, payer=CUSTOMER), known(document(1, 700), document(2, 700)))

        assert told.why == (
            "payer cus_1 of stripe paid before; US-INV-000001 and US-INV-000002 are each open with 7.00 USD: "
            "say which it pays"
        )

    def test_pays_the_only_invoices_that_add_up(self) -> None:
        books = known(document(1, 500), document(2, 700), document(3, 1_150), document(4, 1_300))
        decision = matched(payment(1_800, payer=CUSTOMER), books)

        assert (decision.rule, decision.allocations) == (Rule.SUM, (Allocation(1, 500), Allocation(4, 1_300)))

    def test_whose_invoices_add_up_in_two_ways_waits(self) -> None:
        books = known(document(1, 500), document(2, 700), document(3, 1_200), document(4, 300))

        assert "more than one choice" in waits(payment(1_500, payer=CUSTOMER), books).why

    def test_whose_invoices_do_not_add_up_waits_with_the_oldest_first(self) -> None:
        books = known(document(1, 500), document(2, 700))
        told = waits(payment(600, payer=CUSTOMER), books)

        assert told.candidates[0].allocations == (Allocation(1, 500), Allocation(2, 100))

    def test_who_owes_nothing_waits(self) -> None:
        assert "nothing is open in USD" in waits(payment(600, payer=CUSTOMER), known()).why

    def test_who_may_be_two_customers_waits(self) -> None:
        books = facts(
            [document(1, 500), document(2, 500, customer=BOLT)],
            payers={("stripe", "cus_1"): frozenset((ACME, BOLT))},
        )

        assert "stands for 2 customers" in waits(payment(500, payer=CUSTOMER), books).why

    def test_pays_nothing_in_another_currency(self) -> None:
        books = known(document(1, 500, currency="EUR"))

        assert "nothing is open in USD" in waits(payment(500, payer=CUSTOMER), books).why

    def test_is_not_known_by_the_domain_of_a_public_mail_service(self) -> None:
        books = facts([document(1, 500)], addresses={"gmail.com": frozenset((ACME,))})

        assert "the payer is not known" in waits(payment(500, payer=Payer(email="ann@gmail.com")), books).why


def test_a_payer_nobody_knows_waits_whatever_the_amount() -> None:
    told = waits(payment(500, payer=Payer("Acme Inc.")), facts([document(1, 500)]))

    assert told.why == "nothing in it names a document, and the payer is not known"


def test_money_out_of_the_bank_that_names_no_document_is_none_of_ours() -> None:
    decision = decided(line(-500, text="RENT"), facts([document(1, 500)]))

    assert decision == NotOurs("money out that names none of our documents")


def test_money_that_was_exchanged_with_another_sign_waits() -> None:
    assert "one sign is wrong" in waits(payment(500, settled=Money(-400, "EUR")), facts()).why
