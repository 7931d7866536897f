from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from integration_pipeline.payments.matching.decide import decide
from integration_pipeline.payments.matching.decisions import Arrived, Decision, Matched, NotYet, Waits
from integration_pipeline.payments.matching.facts import Conventions, Facts, Kept, Owner
from integration_pipeline.payments.movements import MovementKind, Payer
from integration_pipeline_tests.payments.matching.books import PLAID, STRIPE, decided, document, facts, usd
from integration_pipeline_tests.pipeline.till import DAY, movement


def payout(number: int, minor: int, *, day: date = DAY) -> Kept:
    one = movement(STRIPE, MovementKind.PAYOUT, f"po_{number}", usd(minor), day=day, group=f"po_{number}")
    return Kept(number, one)


def bank_line(number: int, minor: int, *, day: date = DAY, text: str = "STRIPE TRANSFER ST-X9") -> Kept:
    return Kept(
        number, movement(PLAID, MovementKind.BANK_LINE, f"line-{number}", usd(minor), day=day, text=text)
    )


def known(*kept: Kept, **more: Any) -> Facts:
    payouts = {each.id: each for each in kept if each.movement.kind is MovementKind.PAYOUT}
    lines = {each.id: each for each in kept if each.movement.kind is MovementKind.BANK_LINE}
    return facts(payouts=payouts, lines=lines, **more)


def shares(decision: Decision) -> tuple[tuple[str, int], ...]:
    assert isinstance(decision, Arrived), decision
    return decision.shares


@pytest.mark.parametrize("apart", [-5, 0, 5])
def test_a_line_is_the_payout_of_its_amount_within_days(apart: int) -> None:
    one, line = payout(1, 9_680), bank_line(2, 9_680, day=DAY + timedelta(apart))

    assert shares(decide(line, known(one, line))) == (("us", 9_680),)


def test_a_payout_too_long_ago_is_another_one() -> None:
    one, line = payout(1, 9_680), bank_line(2, 9_680, day=DAY + timedelta(6))

    assert isinstance(decide(line, known(one, line)), NotYet)


def test_a_payouts_line_never_pays_an_invoice_in_part_or_of_the_same_amount() -> None:
    books = facts([document(1, 500)], payers={("plaid", "acct"): frozenset((1,))})
    in_part = bank_line(2, 400, text="STRIPE US-INV-000001")
    of_a_payer = movement(
        PLAID, MovementKind.BANK_LINE, "line-3", usd(500), text="STRIPE", payer=Payer(ids=("acct",))
    )

    assert isinstance(decide(in_part, books), NotYet)
    assert isinstance(decide(Kept(3, of_a_payer), books), NotYet)


def test_a_line_that_names_an_invoice_and_its_amount_pays_it_whatever_its_words() -> None:
    decision = decide(bank_line(2, 500, text="STRIPE US-INV-000001"), facts([document(1, 500)]))

    assert isinstance(decision, Matched)


def test_a_word_within_another_makes_no_payout() -> None:
    line = bank_line(2, 400, text="PINSTRIPE LLC US-INV-000001")

    assert isinstance(decide(line, facts([document(1, 500)])), Matched)


def test_a_line_whose_payout_never_came_waits_for_a_person() -> None:
    line = bank_line(2, 500)

    assert isinstance(decide(line, facts(today=DAY + timedelta(5))), NotYet)
    told = decide(line, facts(today=DAY + timedelta(6)))
    assert isinstance(told, Waits)
    assert (
        told.why == "no payout of 5.00 USD has been told of yet, 6 days after the bank line: say what it is"
    )


def test_of_two_payouts_the_one_of_the_day_is_meant() -> None:
    early, late = payout(1, 9_680, day=DAY - timedelta(2)), payout(2, 9_680)
    line = bank_line(3, 9_680)
    decision = decide(line, known(early, late, line))

    assert isinstance(decision, Arrived)
    assert decision.payout is late


def test_two_payouts_of_the_day_wait() -> None:
    line = bank_line(3, 9_680)
    told = decide(line, known(payout(1, 9_680), payout(2, 9_680), line))

    assert isinstance(told, Waits)
    assert [each.payout_id for each in told.candidates] == [1, 2]


def test_two_lines_for_one_payout_wait() -> None:
    one, line, other = payout(1, 9_680), bank_line(2, 9_680), bank_line(3, 9_680)

    assert isinstance(decide(line, known(one, line, other)), Waits)


def test_a_line_that_does_not_say_so_is_proposed_and_not_settled() -> None:
    one, line = payout(1, 500), bank_line(2, 500, text="INCOMING WIRE")
    told = decide(line, known(one, line))

    assert isinstance(told, Waits)
    assert told.candidates[0].payout_id == 1


def test_a_line_that_names_its_invoice_pays_it_though_a_payout_has_its_amount() -> None:
    one, line = payout(1, 500), bank_line(2, 500, text="US-INV-000001")
    books = facts([document(1, 500)], payouts={1: one}, lines={2: line})

    assert isinstance(decide(line, books), Matched)


class TestWhoseMoneyItIs:
    def arrival(self, in_payout: dict[str, int] | None, owners: tuple[Owner, ...]) -> Decision:
        one, line = payout(1, 9_680), bank_line(2, 9_680)
        return decide(
            line,
            known(
                one,
                line,
                in_payout={("stripe", "po_1"): in_payout},
                conventions=Conventions(owners=owners),
            ),
        )

    def test_is_divided_as_the_payments_in_it_are(self) -> None:
        assert shares(self.arrival({"us": 9_000, "eu": 680}, ())) == (("eu", 680), ("us", 9_000))

    def test_waits_while_some_of_them_are_not_settled(self) -> None:
        assert isinstance(self.arrival(None, (Owner("stripe", "us"),)), NotYet)

    def test_is_the_owners_of_the_account_if_they_do_not_add_up(self) -> None:
        assert shares(self.arrival({"eu": 680}, (Owner("stripe", "us"),))) == (("us", 9_680),)

    def test_waits_if_nothing_says_so(self) -> None:
        told = self.arrival({}, (Owner("plaid", "us"),))

        assert isinstance(told, Waits)
        assert "settlement.owners" in told.why


def test_a_payout_that_failed_goes_back_as_it_came() -> None:
    back, line = payout(1, -9_680), bank_line(2, -9_680)
    books = known(back, line, in_payout={("stripe", "po_1"): {"us": 9_000, "eu": 680}})

    assert shares(decide(line, books)) == (("eu", -680), ("us", -9_000))


def test_a_payout_waits_for_its_line() -> None:
    one = payout(1, 9_680)

    assert isinstance(decide(one, known(one)), NotYet)


def test_a_fee_of_no_payment_is_the_owners() -> None:
    fee = movement(STRIPE, MovementKind.FEE, "txn_1", usd(-250))
    nobodys = facts(conventions=Conventions())

    assert getattr(decided(fee, facts()), "fee_minor", None) == 250
    assert isinstance(decided(fee, nobodys), Waits)
