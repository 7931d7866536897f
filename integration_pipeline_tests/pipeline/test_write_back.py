"""What deals are told about their invoices, when, and what is done about those that take no values."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import event

from integration_pipeline.crm.write_back import Refusal
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.quarantine import list_quarantine, release
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.write_back import WriteBackReport, list_refused, write_back
from integration_pipeline.transport.failures import Attempted, Uncertain
from integration_pipeline_tests.pipeline.board import Board
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal

LOST_ANSWER = Uncertain(
    Attempted("hubspot", "POST", "/crm/v3/objects/deals/batch/update", is_write=True),
    "got no answer",
    "Try again later.",
)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def cashier(office: Office) -> Cashier:
    return Cashier(office)


def tell(office: Office, board: Board, *deals: str, check: bool = False) -> WriteBackReport:
    scope = Scope.deals(f"hubspot:{each}" for each in deals) if deals else Scope.everything()
    return write_back(office.pipeline, board, scope, check=check)


class TestADealIsTold:
    def test_its_invoice_with_what_is_due_and_when(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1", closedate="2026-06-25T12:00:00Z")
        tell(office, board)
        assert board.deals["1"] == {
            "invoice_status": "Open",
            "invoice_numbers": "US-INV-000001",
            "latest_invoice": "US-INV-000001",
            "amount_invoiced": "100.00",
            "amount_due": "100.00",
            "invoice_currency": "USD",
            "invoice_due_date": "2026-07-25",
            "invoices_paid_on": None,
            "billing_problem": None,
        }

    def test_all_its_invoices_oldest_first_and_the_sum_of_them(
        self, office: Office, portal: Portal, board: Board
    ) -> None:
        portal.subscription("1")
        office.sync()
        tell(office, board)
        told = board.deals["1"]
        assert told["invoice_numbers"] == ", ".join(f"US-INV-00000{number}" for number in range(1, 7))
        assert (told["latest_invoice"], told["amount_invoiced"]) == ("US-INV-000006", "600.00")

    def test_that_it_is_overdue_from_the_day_after_it_was_due(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1", closedate="2026-06-25T12:00:00Z")
        tell(office.on(date(2026, 7, 25)), board)
        on_the_day = board.deals["1"]["invoice_status"]
        tell(office.on(date(2026, 7, 26)), board)
        assert (on_the_day, board.deals["1"]["invoice_status"]) == ("Open", "Overdue")

    def test_that_a_part_is_paid_and_then_all_of_it(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        [number] = cashier.bill("1", closedate="2026-06-25T12:00:00Z")
        cashier.line("a", 4_000, text=number)
        cashier.settle()
        tell(office, board)
        part = dict(board.deals["1"])
        cashier.line("b", 6_000, text=number)
        cashier.settle()
        tell(office, board)
        whole = board.deals["1"]
        assert (part["invoice_status"], part["amount_due"], part["invoices_paid_on"]) == (
            "Partly paid",
            "60.00",
            None,
        )
        assert (whole["invoice_status"], whole["amount_due"], whole["invoices_paid_on"]) == (
            "Paid",
            "0.00",
            "2026-06-20",
        )
        assert (whole["amount_invoiced"], whole["invoice_due_date"]) == ("100.00", None)

    def test_only_what_is_invoiced_now_after_a_correction(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        office.portal.change(DEAL, "1", amount="150.00")
        office.sync()
        tell(office, board)
        told = board.deals["1"]
        assert (told["amount_invoiced"], told["amount_due"]) == ("150.00", "150.00")
        assert (told["invoice_numbers"], told["latest_invoice"]) == (
            "US-INV-000001, US-INV-000002",
            "US-INV-000002",
        )

    def test_the_amounts_in_the_currency_it_is_billed_in_now(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        office.portal.change(DEAL, "1", deal_currency_code="JPY", amount="15000")
        office.sync()
        tell(office, board)
        told = board.deals["1"]
        assert (told["amount_invoiced"], told["invoice_currency"]) == ("15000", "JPY")

    def test_that_all_was_credited(self, office: Office, cashier: Cashier, board: Board) -> None:
        cashier.bill("1")
        office.portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()
        tell(office, board)
        waiting = dict(board.deals["1"])
        with office.pipeline.engine.begin() as connection:
            [row] = list_quarantine(connection, state="open")
            release(connection, row["id"], "ann", "the customer withdrew")
        office.sync()
        tell(office, board)
        told = board.deals["1"]
        assert (waiting["invoice_status"], told["invoice_status"]) == ("Overdue", "Credited")
        assert "is lost now, but was won" in str(waiting["billing_problem"])
        assert (told["amount_invoiced"], told["amount_due"], told["billing_problem"]) == (
            "0.00",
            "0.00",
            None,
        )
        assert told["latest_invoice"] == "US-INV-000001"

    def test_why_it_is_not_invoiced_and_what_to_do(
        self, office: Office, portal: Portal, board: Board
    ) -> None:
        portal.deal("1", deal_currency_code="???")
        office.sync()
        tell(office, board)
        [held] = office.rows("SELECT reason, next_step FROM posting.quarantine WHERE state = 'open'")
        assert board.deals["1"]["invoice_status"] == "Not invoiced"
        assert board.deals["1"]["billing_problem"] == f"{held['reason']}. {held['next_step']}"
        assert board.deals["1"]["amount_due"] is None
        portal.change(DEAL, "1", deal_currency_code="USD")
        office.sync()
        tell(office, board)
        assert (board.deals["1"]["invoice_status"], board.deals["1"]["billing_problem"]) == ("Overdue", None)

    def test_that_an_accounting_system_waits_for_a_person(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        [number] = cashier.bill("1")
        office.execute(
            """
            INSERT INTO posting.intents (
                intent_key, target, entity, subject, document_id, document_reference, body_hash, due_on,
                state, last_error
            )
            SELECT
                'k', 'books', entity, subject, document_id, document_reference, body_hash, due_on, 'waiting',
                'two customers have this name'
            FROM posting.intents
            """
        )
        tell(office, board)
        assert board.deals["1"]["billing_problem"] == (
            f"books does not have {number} yet: two customers have this name"
        )

    def test_nothing_while_it_is_not_won(self, office: Office, portal: Portal, board: Board) -> None:
        portal.deal("1", dealstage="contractsent")
        office.sync()
        assert tell(office, board).counts["deals_looked_at"] == 0

    def test_nothing_without_a_section_in_the_mapping(
        self, office: Office, cashier: Cashier, board: Board, mapping: Mapping
    ) -> None:
        cashier.bill("1")
        silent = mapping.model_copy(update={"write_back": None})
        tell(replace(office, pipeline=replace(office.pipeline, mapping=silent)), board)
        assert board.calls == []


class TestWhatWasWritten:
    def test_is_not_written_again(self, office: Office, cashier: Cashier, board: Board) -> None:
        cashier.bill("1", "2")
        first, second = tell(office, board), tell(office, board)
        assert board.calls == [("1", "2")]
        assert (first.counts["deals_written"], second.counts["deals_written"]) == (2, 0)

    def test_costs_as_few_calls_as_the_crm_allows_and_one_after_a_payment(
        self, office: Office, cashier: Cashier
    ) -> None:
        board = Board(deals_in_a_call=3)
        numbers = cashier.bill(*map(str, range(1, 8)))
        tell(office, board)
        cashier.line("a", 10_000, text=numbers[4])
        cashier.settle()
        tell(office, board, "5")
        assert board.calls == [("1", "2", "3"), ("4", "5", "6"), ("7",), ("5",)]

    def test_is_written_again_if_the_answer_was_lost(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        def lose() -> None:
            raise LOST_ANSWER

        cashier.bill("1")
        board.after_call = lose
        with pytest.raises(Uncertain):
            tell(office, board)
        board.after_call = lambda: None
        tell(office, board)
        tell(office, board)
        assert board.calls == [("1",), ("1",)]

    def test_in_a_call_before_the_one_that_failed_stays_written(
        self, office: Office, cashier: Cashier
    ) -> None:
        board = Board(deals_in_a_call=1)

        def fail_at_the_second() -> None:
            if len(board.calls) == 1:
                raise LOST_ANSWER

        cashier.bill("1", "2")
        board.before_call = fail_at_the_second
        with pytest.raises(Uncertain):
            tell(office, board)
        board.before_call = lambda: None
        tell(office, board)
        assert board.calls == [("1",), ("2",)]

    def test_by_two_runs_at_once_is_written_by_one_of_them(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        compared = threading.Barrier(2)
        reports: list[WriteBackReport] = []

        def wait_for_both(_: object, __: object, statement: str, *___: object) -> None:
            # Both have seen that the deal is to be told before either may write.
            if "pg_advisory_lock" in statement:
                compared.wait(30)

        event.listen(office.pipeline.engine, "before_cursor_execute", wait_for_both)
        runs = [threading.Thread(target=lambda: reports.append(tell(office, board))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join(60)
        event.remove(office.pipeline.engine, "before_cursor_execute", wait_for_both)
        assert board.calls == [("1",)]
        assert sorted(report.counts["deals_written"] for report in reports) == [0, 1]


class TestADealThatTakesNoValues:
    def test_does_not_stop_the_others_and_is_noted(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1", "2")
        board.refusing["1"] = Refusal("a rule of the portal", "Change the rule.")
        report = tell(office, board)
        assert [(each.external_id, each.next_step) for each in report.refused] == [("1", "Change the rule.")]
        assert board.deals["2"]["invoice_status"] == "Overdue"
        with office.pipeline.engine.connect() as connection:
            [noted] = list_refused(connection, "hubspot")
        assert (noted["external_id"], noted["reason"]) == ("1", "a rule of the portal")

    def test_is_asked_again_only_with_something_else_by_name_or_by_a_check(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        [number] = cashier.bill("1")
        board.refusing["1"] = Refusal("a rule of the portal", "Change the rule.")
        tell(office, board)
        tell(office, board)
        assert len(board.calls) == 1
        tell(office, board, "1")
        tell(office, board, check=True)
        assert len(board.calls) == 3
        cashier.line("a", 10_000, text=number)
        cashier.settle()
        board.refusing.clear()
        tell(office, board)
        assert board.deals["1"]["invoice_status"] == "Paid"
        with office.pipeline.engine.connect() as connection:
            assert list_refused(connection, "hubspot") == []

    def test_just_now_is_asked_again_by_the_next_run(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        board.refusing["1"] = Refusal("locked", "Nothing to do.", passing=True)
        report = tell(office, board)
        board.refusing.clear()
        tell(office, board)
        assert (report.counts["deals_put_off"], report.counts["deals_refused"]) == (1, 0)
        assert board.deals["1"]["invoice_status"] == "Overdue"

    def test_because_it_is_gone_is_noted_as_gone(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1", "2")
        board.gone.add("1")
        tell(office, board)
        tell(office, board)
        assert board.calls == [("1", "2")]
        assert office.value(
            "SELECT written -> 'refused' ->> 'gone' FROM ops.write_backs WHERE external_id = '1'"
        )


class TestAFieldThatIsMissing:
    def test_is_left_out_of_everything_and_told_once(self, office: Office, cashier: Cashier) -> None:
        board = Board(deals_in_a_call=2)
        board.fields -= {"amount_due", "latest_invoice"}
        cashier.bill("1", "2", "3", "4")
        report = tell(office, board)
        assert report.missing_fields == {"amount_due", "latest_invoice"}
        assert report.as_json()["missing_fields"] == ["amount_due", "latest_invoice"]
        # The first call learns it, its deals go again without, and the rest never ask for it.
        assert board.calls == [("1", "2"), ("1", "2"), ("3", "4")]
        assert board.deals["4"]["amount_invoiced"] == "100.00"

    def test_is_written_when_somebody_has_made_it(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        board.fields -= {"amount_due"}
        cashier.bill("1", "2")
        tell(office, board)
        calls = len(board.calls)
        assert tell(office, board).missing_fields == {"amount_due"}
        assert len(board.calls) == calls
        board.fields.add("amount_due")
        tell(office, board)
        asked = board.asked_for_fields
        assert tell(office, board).missing_fields == set()
        assert [deal["amount_due"] for deal in board.deals.values()] == ["100.00", "100.00"]
        # And nobody asks for the fields when none was missing.
        assert board.asked_for_fields == asked


class TestACheck:
    def test_restores_what_somebody_changed_and_says_so(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1", "2")
        tell(office, board)
        board.deals["1"]["amount_due"] = "0"
        assert tell(office, board).counts["deals_written"] == 0
        report = tell(office, board, check=True)
        assert board.deals["1"]["amount_due"] == "100.00"
        [restored] = report.restored
        assert (restored.external_id, restored.field) == ("1", "amount_due")
        assert (restored.found, restored.value) == ("0", "100.00")
        assert board.calls == [("1", "2"), ("1",)]

    def test_takes_a_value_written_otherwise_for_the_same(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        tell(office, board)
        board.deals["1"] |= {"amount_due": "100", "invoice_due_date": "2026-04-09T00:00:00Z"}
        board.deals["1"] |= {"billing_problem": ""}
        report = tell(office, board, check=True)
        assert (len(board.calls), report.restored) == (1, [])

    def test_tells_for_the_first_time_without_calling_that_restored(
        self, office: Office, cashier: Cashier, board: Board
    ) -> None:
        cashier.bill("1")
        report = tell(office, board, check=True)
        assert (report.counts["deals_written"], report.restored) == (1, [])
        assert tell(office, board).counts["deals_written"] == 0

    def test_notices_what_is_gone(self, office: Office, cashier: Cashier, board: Board) -> None:
        cashier.bill("1")
        tell(office, board)
        board.gone.add("1")
        [refused] = tell(office, board, check=True).refused
        assert refused.external_id == "1"


def test_a_deal_that_was_archived_is_told_nothing(office: Office, cashier: Cashier, board: Board) -> None:
    cashier.bill("1")
    office.portal.archive(DEAL, "1")
    office.sync()
    assert tell(office, board).counts["deals_looked_at"] == 0


def test_a_writer_of_another_crm_is_refused(office: Office) -> None:
    with pytest.raises(ValueError, match="the mapping is of hubspot"):
        tell(office, Board(name="salesforce"))
