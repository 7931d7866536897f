from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from integration_pipeline.payments.matching.decisions import Credit, Matched, NotYet, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Facts, OpenDocument, SettledMovement
from integration_pipeline.payments.movements import Link, LinkKind, Movement, MovementKind
from integration_pipeline_tests.payments.matching.books import (
    ACME,
    STRIPE,
    decided,
    document,
    facts,
    line,
    settled,
    usd,
)
from integration_pipeline_tests.pipeline.till import movement

OF_CHARGE = [Link(LinkKind.CHARGE, "ch_1")]


def refund(minor: int) -> Movement:
    return movement(STRIPE, MovementKind.REFUND, "re_1", usd(-minor), links=OF_CHARGE)


def dispute(minor: int) -> Movement:
    return movement(STRIPE, MovementKind.DISPUTE, "du_1", usd(-minor), links=OF_CHARGE, fee=1_500)


def known(
    *documents: OpenDocument,
    paid: SettledMovement | None,
    returned: tuple[SettledMovement, ...] = (),
    credit: int = 0,
) -> Facts:
    """The charge ch_1 as it was settled, what took it back since, and the customer's credit."""
    return facts(
        documents,
        credit=Counter({("us", ACME, "USD"): credit}),
        related={("stripe", "ch_1"): [paid]} if paid else {},
        returns={("stripe", "ch_1"): list(returned)},
    )


def charge(minor: int, allocations: dict[int, int], *, unapplied: int = 0) -> SettledMovement:
    return settled(MovementKind.PAYMENT, "ch_1", usd(minor), allocations, unapplied=unapplied)


def allocations(one: Movement, books: Facts) -> tuple[Allocation, ...]:
    decision = decided(one, books)
    assert isinstance(decision, Matched), decision
    return decision.allocations


class TestARefund:
    @pytest.mark.parametrize("one", [refund(500), dispute(500)])
    def test_of_all_takes_back_all_that_the_charge_paid(self, one: Movement) -> None:
        books = known(
            document(1, 0, paid=300),
            document(2, 0, paid=100),
            paid=charge(500, {1: 300, 2: 100}, unapplied=100),
            credit=100,
        )
        decision = decided(one, books)

        assert isinstance(decision, Matched)
        assert decision.rule is Rule.RETURN
        assert decision.allocations == (Allocation(1, -300), Allocation(2, -100))
        assert decision.credit == (Credit("us", ACME, -100),)

    def test_in_part_reopens_the_one_invoice_that_was_paid(self) -> None:
        books = known(document(1, 0, paid=500), paid=charge(500, {1: 500}))

        assert allocations(refund(200), books) == (Allocation(1, -200),)

    def test_in_part_gives_back_what_was_credited(self) -> None:
        books = known(
            document(1, -300, paid=300), document(2, 0, paid=200), paid=charge(500, {1: 300, 2: 200})
        )

        assert allocations(refund(300), books) == (Allocation(1, -300),)

    def test_in_part_gives_back_the_customers_credit_first(self) -> None:
        decision = decided(
            refund(100),
            known(document(1, 0, paid=500), paid=charge(600, {1: 500}, unapplied=100), credit=100),
        )

        assert isinstance(decision, Matched)
        assert (decision.allocations, decision.credit) == ((), (Credit("us", ACME, -100),))

    def test_gives_back_no_credit_that_is_gone(self) -> None:
        books = known(document(1, 0, paid=500), paid=charge(600, {1: 500}, unapplied=100))

        assert allocations(refund(100), books) == (Allocation(1, -100),)
        assert isinstance(decided(refund(600), books), Waits)

    def test_of_a_charge_that_another_has_just_been_taken_back_of_comes_after_it(self) -> None:
        books = known(document(1, 0, paid=500), paid=charge(500, {1: 500}))
        books.take_back(refund(200))

        assert isinstance(decided(refund(200), books), NotYet)

    def test_in_part_of_several_invoices_waits(self) -> None:
        books = known(document(1, 0, paid=300), document(2, 0, paid=200), paid=charge(500, {1: 300, 2: 200}))
        told = decided(refund(100), books)

        assert isinstance(told, Waits)
        assert [each.allocations for each in told.candidates] == [
            (Allocation(1, -100),),
            (Allocation(2, -100),),
        ]

    def test_after_another_takes_back_what_is_left(self) -> None:
        before = settled(MovementKind.REFUND, "re_0", usd(-200), {1: -200})
        books = known(document(1, 200, paid=300), paid=charge(500, {1: 500}), returned=(before,))

        assert allocations(refund(300), books) == (Allocation(1, -300),)

    def test_of_more_than_is_left_waits(self) -> None:
        before = settled(MovementKind.REFUND, "re_0", usd(-200), {1: -200})
        books = known(document(1, 200, paid=300), paid=charge(500, {1: 500}), returned=(before,))
        told = decided(refund(301), books)

        assert isinstance(told, Waits)
        assert "only 3.00 USD is still settled" in told.why

    def test_waits_for_a_charge_that_was_not_told_of_or_not_settled(self) -> None:
        unsettled = SettledMovement(7, MovementKind.PAYMENT, "ch_1", usd(500), 0, None, ())

        assert isinstance(decided(refund(500), known(paid=None)), NotYet)
        assert isinstance(decided(refund(500), known(paid=unsettled)), NotYet)


class TestMoneyThatComesBack:
    def won(self, minor: int, *links: Link) -> Movement:
        return movement(STRIPE, MovementKind.DISPUTE_WON, "du_1", usd(minor), links=links)

    def lost(self, **more: Any) -> SettledMovement:
        return settled(MovementKind.DISPUTE, "du_1", usd(-500), {1: -400}, unapplied=-100, **more)

    def test_pays_again_what_a_dispute_had_taken(self) -> None:
        books = facts([document(1, 400, paid=0)], related={("stripe", "du_1"): [self.lost()]})
        decision = decided(self.won(500, Link(LinkKind.DISPUTE, "du_1")), books)

        assert isinstance(decision, Matched)
        assert decision.allocations == (Allocation(1, 400),)
        assert decision.credit == (Credit("us", ACME, 100),)

    def test_stays_as_credit_if_the_invoice_was_paid_meanwhile(self) -> None:
        books = facts([document(1, 150, paid=250)], related={("stripe", "du_1"): [self.lost()]})
        decision = decided(self.won(500, Link(LinkKind.DISPUTE, "du_1")), books)

        assert isinstance(decision, Matched)
        assert decision.allocations == (Allocation(1, 150),)
        assert decision.credit == (Credit("us", ACME, 350),)

    def test_of_a_refund_that_failed_pays_again(self) -> None:
        before = settled(MovementKind.REFUND, "re_1", usd(-200), {1: -200})
        books = known(document(1, 200, paid=300), paid=charge(500, {1: 500}), returned=(before,))
        back = movement(STRIPE, MovementKind.REFUND, "txn_9", usd(200), links=OF_CHARGE)

        assert allocations(back, books) == (Allocation(1, 200),)

    def test_a_second_time_waits(self) -> None:
        """Two reinstatements of one dispute: the invoice is paid, and nobody knows whose the rest is."""
        won = replace(settled(MovementKind.DISPUTE_WON, "du_1", usd(500), {1: 500}), id=8, dispute="du_1")
        books = known(document(1, 0, paid=500), paid=charge(500, {1: 500}), returned=(self.lost(), won))
        links = [*OF_CHARGE, Link(LinkKind.DISPUTE, "du_1")]
        again = movement(STRIPE, MovementKind.DISPUTE_WON, "txn_9", usd(500), links=links)

        told = decided(again, books)

        assert isinstance(told, Waits)
        assert "of what dispute du_1 had taken 5.00 USD has come back already" in told.why

    def test_pays_again_what_was_withdrawn_a_second_time(self) -> None:
        won = replace(settled(MovementKind.DISPUTE_WON, "du_1", usd(500), {1: 500}), id=8, dispute="du_1")
        withdrawn = replace(
            settled(MovementKind.DISPUTE, "txn_8", usd(-500), {1: -500}), id=9, dispute="du_1"
        )
        returned = (self.lost(), won, withdrawn)
        books = known(document(1, 500), paid=charge(500, {1: 500}), returned=returned)
        links = [*OF_CHARGE, Link(LinkKind.DISPUTE, "du_1")]

        again = movement(STRIPE, MovementKind.DISPUTE_WON, "txn_9", usd(500), links=links)
        assert allocations(again, books) == (Allocation(1, 500),)

    def test_in_part_waits(self) -> None:
        books = facts([document(1, 400)], related={("stripe", "du_1"): [self.lost()]})

        assert isinstance(decided(self.won(300, Link(LinkKind.DISPUTE, "du_1")), books), Waits)

    def test_of_nothing_known_waits(self) -> None:
        assert isinstance(decided(self.won(500), facts()), Waits)


class TestMoneySentByBank:
    def test_gives_back_what_was_paid_and_credited(self) -> None:
        books = facts([document(1, -500, paid=500)])

        assert allocations(line(-500, text="refund US-INV-000001"), books) == (Allocation(1, -500),)

    def test_gives_back_a_credit_note_in_part(self) -> None:
        books = facts([document(1, -500, prefix="US-CN-")])

        assert allocations(line(-200, text="US-CN-000001"), books) == (Allocation(1_001, -200),)

    def test_that_names_an_invoice_nobody_overpaid_waits(self) -> None:
        told = decided(line(-500, text="US-INV-000001"), facts([document(1, 0, paid=500)]))

        assert isinstance(told, Waits)
        assert told.candidates[0].allocations == (Allocation(1, -500),)
