from __future__ import annotations

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Bearer, Charged, Credit, Matched, Rule
from integration_pipeline.payments.matching.facts import Allocation, Kept
from integration_pipeline.payments.matching.parts import Part, parts_of
from integration_pipeline_tests.payments.matching.books import ACME, BOLT, document, facts, payment

BOOKS = facts([document(1, 500), document(2, 700, prefix="EU-INV-", entity="eu", customer=BOLT)])
BOTH = Matched(Rule.NUMBER, (), (Allocation(1, 500), Allocation(2_002, 700)))


def test_a_payment_of_two_entities_is_two_settlements_that_share_the_fee() -> None:
    parts = parts_of(Kept(1, payment(1_200, fee=37)), BOTH, BOOKS)

    assert parts == [
        Part("eu", BOLT, "USD", 700, fee_minor=22, allocations=(Allocation(2_002, 700),)),
        Part("us", ACME, "USD", 500, fee_minor=15, allocations=(Allocation(1, 500),)),
    ]


def test_an_exchange_told_later_is_shared_as_the_payment_was() -> None:
    one = payment(1_200, settled=Money(1_080, "EUR"), fee=36)
    charged = Charged(
        Rule.LATER_FEE, (), (Bearer("eu", BOLT, 800), Bearer("us", ACME, 400)), 36, exchanged=True
    )

    assert parts_of(Kept(1, one), charged, BOOKS) == [
        Part("eu", BOLT, "USD", 0, exchanged_minor=800),
        Part("eu", BOLT, "EUR", 0, fee_minor=24, exchanged_minor=-720),
        Part("us", ACME, "USD", 0, exchanged_minor=400),
        Part("us", ACME, "EUR", 0, fee_minor=12, exchanged_minor=-360),
    ]


def test_what_was_exchanged_is_a_settlement_of_each_currency() -> None:
    one = payment(500, settled=Money(450, "EUR"), fee=20)
    decision = Matched(Rule.LINK, (), (Allocation(1, 400),), (Credit("us", ACME, 100),))

    assert parts_of(Kept(1, one), decision, facts([document(1, 400)])) == [
        Part(
            "us",
            ACME,
            "USD",
            500,
            exchanged_minor=500,
            unapplied_minor=100,
            allocations=(Allocation(1, 400),),
        ),
        Part("us", ACME, "EUR", 0, fee_minor=20, exchanged_minor=-450),
    ]


def test_a_fee_and_an_exchange_told_later_undo_what_was_taken_for_granted() -> None:
    one = payment(500, settled=Money(450, "EUR"), fee=20)

    charged = Charged(Rule.LATER_FEE, (), (Bearer("us", ACME),), 20, exchanged=True)
    assert parts_of(Kept(1, one), charged, facts()) == [
        Part("us", ACME, "USD", 0, exchanged_minor=500),
        Part("us", ACME, "EUR", 0, fee_minor=20, exchanged_minor=-450),
    ]


def test_parts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1200, not 1300"):
        parts_of(Kept(1, payment(1_300)), BOTH, BOOKS)


def test_a_document_of_another_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="US-INV-000001 is in USD, not EUR"):
        parts_of(Kept(1, payment(500, currency="EUR")), Matched(Rule.LINK, (), (Allocation(1, 500),)), BOOKS)
