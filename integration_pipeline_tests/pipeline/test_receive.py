from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import MovementKind, Page, Payer, Unreadable
from integration_pipeline.pipeline.receive import receive
from integration_pipeline_tests.pipeline.cashier import FEES, IN_TRANSIT, PLAID, STRIPE, Cashier
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.till import Till, invoice_link

PAYMENT, BANK_LINE = MovementKind.PAYMENT, MovementKind.BANK_LINE


@pytest.fixture
def cashier(office: Office) -> Cashier:
    return Cashier(office)


def test_what_is_told_again_is_kept_once(cashier: Cashier) -> None:
    cashier.charge("ch_1", 10_000, text="US-INV-000001", payer=Payer("Acme", "a@acme.example", ("cus_1",)))
    assert cashier.receive()["received"] == 1
    assert cashier.receive() == {"repeated": 1, "pages": 2}

    [row] = cashier.office.rows("SELECT * FROM payments.movements")
    assert (row["state"], row["amount_minor"], row["hints"]) == ("open", 10_000, ["US-INV-000001"])
    assert row["payer"] == {"name": "Acme", "email": "a@acme.example", "ids": ["cus_1"]}


def test_a_page_and_the_cursor_after_it_are_kept_together(cashier: Cashier) -> None:
    class Breaking(Till):
        def changes_since(self, cursor: str | None) -> Iterator[Page]:
            pages = list(Till.changes_since(self, cursor))
            yield replace(pages[0], cursor="1")
            raise ConnectionError("the vendor went away")

    cashier.charge("ch_1", 100)
    cashier.charge("ch_2", 100)
    breaking = Breaking(STRIPE, cashier.stripe.movements, page_size=1)
    with pytest.raises(ConnectionError):
        receive(cashier.office.pipeline, breaking)

    assert cashier.office.value("SELECT string_agg(external_id, ' ') FROM payments.movements") == "ch_1"
    assert cashier.office.value("SELECT cursor FROM payments.cursors") == "1"
    receive(cashier.office.pipeline, cashier.stripe)
    assert cashier.stripe.asked == ["1"]


def test_a_changed_movement_takes_the_place_of_the_one_before(cashier: Cashier) -> None:
    cashier.charge("ch_1", 10_000)
    cashier.receive()
    cashier.stripe.change(PAYMENT, "ch_1", amount=Money(9_000, "USD"))

    assert cashier.receive()["changed"] == 1
    assert [
        (row["amount_minor"], row["state"])
        for row in cashier.office.rows("SELECT * FROM payments.movements ORDER BY id")
    ] == [(10_000, "withdrawn"), (9_000, "open")]


def test_a_movement_that_is_again_what_it_was_counts_again(cashier: Cashier) -> None:
    first = cashier.charge("ch_1", 10_000)
    cashier.receive()
    cashier.stripe.change(PAYMENT, "ch_1", amount=Money(9_000, "USD"))
    cashier.receive()
    cashier.stripe.tell(first)
    cashier.receive()

    assert [
        (row["amount_minor"], row["state"])
        for row in cashier.office.rows("SELECT * FROM payments.movements ORDER BY id")
    ] == [(10_000, "open"), (9_000, "withdrawn")]


def test_its_payout_is_added_when_it_is_known_and_not_taken_away(cashier: Cashier) -> None:
    cashier.charge("ch_1", 10_000)
    cashier.receive()
    cashier.stripe.change(PAYMENT, "ch_1", group="po_1")
    cashier.receive()
    cashier.stripe.change(PAYMENT, "ch_1", group=None, references=("more words",))
    cashier.receive()

    assert [
        (row["payout"], row["state"])
        for row in cashier.office.rows("SELECT * FROM payments.movements ORDER BY id")
    ] == [("po_1", "withdrawn"), ("po_1", "open")]


def test_a_removed_line_that_is_not_settled_is_withdrawn(cashier: Cashier) -> None:
    cashier.line("line-1", 10_000)
    cashier.receive()
    cashier.bank.remove("line-1")
    cashier.bank.removed.append("pending-7")

    assert cashier.receive()["withdrawn"] == 1
    assert cashier.state("line-1") == ("withdrawn", None)


class TestOfWhatIsSettled:
    @pytest.fixture
    def paid(self, cashier: Cashier) -> Cashier:
        [number] = cashier.bill("1")
        cashier.charge("ch_1", 10_000, links=[invoice_link(number)])
        cashier.line("line-1", 500, text=cashier.bill("2")[0])
        cashier.settle()
        assert cashier.state("ch_1") == cashier.state("line-1") == ("settled", None)
        return cashier

    def test_a_change_of_words_changes_nothing(self, paid: Cashier) -> None:
        paid.stripe.change(PAYMENT, "ch_1", references=("other words",), payer=Payer("Acme"))

        assert paid.receive()["repeated"] == 2
        assert paid.state("ch_1") == ("settled", None)

    def test_a_changed_amount_waits_for_a_person_and_says_so(self, paid: Cashier) -> None:
        paid.stripe.change(PAYMENT, "ch_1", amount=Money(9_000, "USD"))
        assert paid.receive()["changed_after_settling"] == 1
        paid.settle()

        old, new = paid.office.rows("SELECT * FROM payments.movements WHERE external_id = 'ch_1' ORDER BY id")
        assert (old["state"], new["state"]) == ("settled", "waiting")
        assert new["reason"].startswith(
            "it was settled with 100.00 USD, fee none, and stripe now says 90.00 USD, fee none: "
            f"`payments undo {old['id']}` takes the settlement back"
        )

    def test_what_was_changed_back_waits_no_longer(self, paid: Cashier) -> None:
        first = paid.stripe.movements[PAYMENT, "ch_1"]
        paid.stripe.change(PAYMENT, "ch_1", amount=Money(9_000, "USD"))
        paid.settle()
        paid.stripe.tell(first)
        paid.settle()

        assert paid.state("ch_1") == ("settled", None)

    def test_a_removed_line_waits_for_a_person_and_says_so(self, paid: Cashier) -> None:
        line = paid.bank.movements[BANK_LINE, "line-1"]
        paid.bank.remove("line-1")
        assert paid.receive()["removed_after_settling"] == 1
        paid.settle()

        state, reason = paid.state("line-1")
        assert state == "waiting"
        assert reason is not None
        assert reason.startswith("it is settled, and plaid has removed it since: `payments undo")

        paid.bank.removed.clear()
        paid.bank.tell(line)
        paid.settle()
        assert paid.state("line-1") == ("settled", None)

    def test_a_fee_that_is_told_later_is_booked_by_itself(self, paid: Cashier) -> None:
        before = paid.balances()
        paid.stripe.change(PAYMENT, "ch_1", fee=Money(320, "USD"))
        paid.settle()
        paid.settle()

        after = paid.balances()
        assert {
            each: after[each] - before.get(each, 0) for each in after if after[each] != before.get(each)
        } == {
            "1050": -320,
            "6100": 320,
        }

    def test_a_fee_that_is_told_later_is_shared_as_the_payment_was(self, cashier: Cashier) -> None:
        [ours] = cashier.bill("1")
        [theirs] = cashier.bill("2", billing_entity="eu", amount="300.00")
        cashier.charge("ch_1", 40_000, text=f"{ours} {theirs}")
        cashier.settle()
        cashier.stripe.change(PAYMENT, "ch_1", fee=Money(1_000, "USD"))
        cashier.settle()

        assert cashier.balances(entity="us") == {IN_TRANSIT: 9_750, FEES: 250}
        assert cashier.balances(entity="eu") == {IN_TRANSIT: 29_250, FEES: 750}

    def test_a_fee_that_changes_once_more_waits(self, paid: Cashier) -> None:
        for fee in (320, 330):
            paid.stripe.change(PAYMENT, "ch_1", fee=Money(fee, "USD"))
            paid.settle()

        state, why = paid.state("ch_1")
        assert (state, "fee 320 minor units of USD" in (why or "")) == ("waiting", True)
        assert paid.balances()[FEES] == 320

    def test_an_exchange_that_is_told_later_is_booked_by_itself(self, paid: Cashier) -> None:
        paid.stripe.change(PAYMENT, "ch_1", settled=Money(9_100, "EUR"), fee=Money(290, "EUR"))
        paid.settle()

        assert "1050" not in paid.balances()
        assert paid.balances("EUR") == {"1050": 8_810, "1060": -9_100, "6100": 290}


def test_what_cannot_be_read_is_kept_until_it_can(cashier: Cashier) -> None:
    cashier.stripe.unreadable.append(Unreadable(STRIPE, "ch_9", "XBT is no currency", {"id": "ch_9"}))
    assert cashier.receive()["unreadable"] == 1
    assert cashier.office.value("SELECT reason FROM payments.unreadable") == "XBT is no currency"

    cashier.stripe.unreadable.clear()
    cashier.charge("ch_9", 100)
    cashier.receive()
    assert cashier.office.value("SELECT count(*) FROM payments.unreadable") == 0


def test_every_source_has_a_cursor_of_its_own(cashier: Cashier) -> None:
    cashier.receive()
    receive(cashier.office.pipeline, Till(PLAID), account="second")

    assert [
        (row["source"], row["account"])
        for row in cashier.office.rows("SELECT * FROM payments.cursors ORDER BY source, account")
    ] == [("plaid", ""), ("plaid", "second"), ("stripe", "")]
