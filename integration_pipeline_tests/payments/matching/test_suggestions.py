from __future__ import annotations

from integration_pipeline.payments.matching.decisions import Candidate, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Conventions, Kept, OpenDocument
from integration_pipeline.payments.matching.suggestions import (
    Shelf,
    normal_names,
    similar_customers,
    with_suggestions,
)
from integration_pipeline.payments.movements import Movement, Payer
from integration_pipeline_tests.payments.matching.books import ACME, BOLT, NAMES, document, line, payment


def proposed(one: Movement, *documents: OpenDocument, so_far: tuple[Candidate, ...] = ()) -> list[Candidate]:
    alike = similar_customers(one, normal_names(NAMES))
    told = with_suggestions(Waits("", so_far), Kept(1, one), Shelf(documents), alike, Conventions())
    return list(told.candidates)


def test_the_payers_own_invoice_comes_before_others_of_the_same_amount() -> None:
    found = proposed(
        line(500, payer=Payer("ACME INC")),
        document(1, 500, customer=BOLT),
        document(2, 500),
        document(3, 700),
    )

    assert [(each.rule, each.allocations[0].document_id) for each in found] == [
        (Rule.NAME, 2),
        (Rule.AMOUNT, 1),
    ]
    assert found[0].evidence == (
        "the payer's name is like Acme Inc. (100 of 100)",
        "US-INV-000002 of Acme Inc. is open with just 5.00 USD",
    )


def test_all_that_is_open_of_a_similar_name_is_proposed() -> None:
    found = proposed(payment(1_200, payer=Payer("acme, inc")), document(1, 500), document(2, 700))

    assert found[0].allocations == (Allocation(1, 500), Allocation(2, 700))


def test_a_transfer_a_little_lower_is_proposed_with_the_fee_a_bank_may_have_kept() -> None:
    found = proposed(line(9_700), document(1, 10_000), document(2, 10_200))

    assert [(each.rule, each.allocations) for each in found] == [(Rule.LESS_A_FEE, (Allocation(1, 9_700),))]
    assert "kept 3.00 USD" in found[0].evidence[-1]


def test_a_card_payment_loses_nothing_on_the_way() -> None:
    assert proposed(payment(9_700), document(1, 10_000)) == []


def test_each_proposal_stands_once_for_its_best_reason_and_five_are_enough() -> None:
    before = Candidate(Rule.NUMBER, 95, ("the text says so",), (Allocation(1, 500),))
    found = proposed(line(500), *(document(each, 500) for each in range(1, 9)), so_far=(before,))

    assert found[0] == before
    assert [each.allocations[0].document_id for each in found] == [1, 2, 3, 4, 5]


def test_a_name_only_a_little_alike_is_no_hint() -> None:
    assert similar_customers(line(500, payer=Payer("Acorn Ltd")), normal_names(NAMES)) == {}
    assert similar_customers(line(500, payer=Payer("Inc., ACME")), normal_names(NAMES)) == {ACME: 100}
