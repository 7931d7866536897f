"""A won deal that changes again: an amendment from a day on, or a correction of what was always meant."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.pipeline.quarantine import release
from integration_pipeline.pipeline.standing import verify
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, LINE_ITEM, Portal

FEBRUARY = date(2026, 2, 10)


def quarterly(portal: Portal) -> None:
    """40 seats for 2026 at 90.00 a quarter, in advance."""
    portal.line_item("11", quantity="40", price="90.00", recurringbillingfrequency="quarterly")
    portal.deal(
        "1",
        lines=["11"],
        closedate="2025-12-20T12:00:00Z",
        amount=None,
        contract_start_date="2026-01-01",
        contract_term_months="12",
    )


def amend(portal: Portal, effective: str | None, **line: str) -> None:
    portal.change(LINE_ITEM, "11", **line)
    portal.change(DEAL, "1", amendment_effective_date=effective)


def planned(office: Office) -> list[tuple[str, str, int]]:
    """Issue date, kind and total of every document that counts, in their order."""
    rows = office.rows(
        "SELECT * FROM billing.documents WHERE state = 'planned' ORDER BY issue_date, kind DESC, id"
    )
    return [(row["issue_date"].isoformat(), row["kind"], row["total_minor"]) for row in rows]


def lines(office: Office, issue_date: str) -> list[tuple[str, str, str, int]]:
    rows = office.rows(
        """
        SELECT line.*
        FROM billing.lines AS line
        INNER JOIN billing.documents AS document ON document.id = line.document_id
        WHERE document.issue_date = CAST(:day AS date) AND document.state = 'planned'
        ORDER BY document.id, line.position
        """,
        day=issue_date,
    )
    return [
        (row["kind"], row["service_start"].isoformat(), row["service_end"].isoformat(), row["amount_minor"])
        for row in rows
    ]


def assert_books_hold(office: Office, billed: int, day: date = FEBRUARY) -> None:
    """Sound books on `day`, in which the customer owes what was billed."""
    with office.pipeline.engine.connect() as connection:
        proof = prove_ledger(connection)
        assert proof.problems == []
        assert proof.balances["1100", "USD"] == billed
        assert verify(connection, office.on(day).pipeline).problems == []


class TestAnAmendment:
    def test_is_billed_by_one_correction_and_changes_what_comes_later(
        self, office: Office, portal: Portal
    ) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        report = office.on(FEBRUARY).sync()

        assert report["schedule"].counts == {
            "deals_scheduled": 1,
            "unchanged": 1,
            "superseded": 3,
            "invoices_planned": 4,
        }
        # 50 of 90 days are left: 40 seats of them back, 55 charged.
        assert planned(office) == [
            ("2026-01-01", "invoice", 360_000),
            ("2026-02-10", "invoice", 75_000),
            ("2026-04-01", "invoice", 495_000),
            ("2026-07-01", "invoice", 495_000),
            ("2026-10-01", "invoice", 495_000),
        ]
        assert lines(office, "2026-02-10") == [
            ("credit", "2026-02-10", "2026-04-01", -200_000),
            ("charge", "2026-02-10", "2026-04-01", 275_000),
        ]
        assert_books_hold(office, 435_000)

    def test_plans_nothing_when_it_is_read_again(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()
        before = planned(office)

        assert office.on(date(2026, 2, 20)).sync()["schedule"].counts == {}
        portal.change(DEAL, "1", hubspot_owner_id="5")
        assert office.on(date(2026, 2, 20)).sync()["schedule"].counts == {
            "deals_scheduled": 1,
            "unchanged": 5,
        }
        assert planned(office) == before

    def test_is_credited_on_the_day_it_becomes_known_if_it_lowers_the_price(
        self, office: Office, portal: Portal
    ) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-01-31", quantity="30")
        office.on(FEBRUARY).sync()

        # 60 of 90 days are left: 40 seats of them back, 30 charged; a credit note shows credits positive.
        assert lines(office, "2026-02-10") == [
            ("credit", "2026-01-31", "2026-04-01", 240_000),
            ("charge", "2026-01-31", "2026-04-01", -180_000),
        ]
        assert planned(office)[:2] == [
            ("2026-01-01", "invoice", 360_000),
            ("2026-02-10", "credit_note", 60_000),
        ]
        assert [number for number, _, _ in office.posted()] == ["US-INV-000001", "US-CN-000001"]
        assert_books_hold(office, 300_000)

    def test_reaches_back_over_several_invoices_without_touching_them(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.on(date(2026, 3, 31)).sync()
        amend(portal, "2026-02-01", price="130.00")
        office.on(date(2026, 3, 31)).sync()

        assert planned(office) == [
            *((f"2026-0{month}-01", "invoice", 10_000) for month in (1, 2, 3)),
            ("2026-03-31", "invoice", 6_000),
            *((f"2026-0{month}-01", "invoice", 13_000) for month in (4, 5, 6)),
        ]
        assert_books_hold(office, 36_000, date(2026, 3, 31))

    def test_of_an_amendment_corrects_the_rest_again(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()
        amend(portal, "2026-03-02", quantity="100")
        office.on(date(2026, 3, 2)).sync()

        # 30 days more of 45 seats at 1.00 a day.
        assert planned(office)[:3] == [
            ("2026-01-01", "invoice", 360_000),
            ("2026-02-10", "invoice", 75_000),
            ("2026-03-02", "invoice", 135_000),
        ]
        assert_books_hold(office, 570_000, date(2026, 3, 2))

    def test_that_is_moved_ends_in_the_sums_of_one_that_was_right_at_once(
        self, office: Office, portal: Portal
    ) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()
        portal.change(DEAL, "1", amendment_effective_date="2026-03-02")
        office.on(date(2026, 2, 12)).sync()

        # 30 days of 15 more seats at 1.00 a day.
        assert_books_hold(office, 360_000 + 45_000)

    def test_keeps_holding_when_its_day_is_cleared_in_the_crm(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()
        portal.change(DEAL, "1", amendment_effective_date=None)

        assert office.on(FEBRUARY).sync()["schedule"].counts == {"deals_scheduled": 1, "unchanged": 5}

    def test_leaves_the_due_dates_of_earlier_invoices_alone(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        portal.change(DEAL, "1", payment_terms="Net 60", po_number="PO-2")
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()

        due = {
            row["issue_date"].isoformat(): (row["due_date"].isoformat(), row["purchase_order"])
            for row in office.rows("SELECT * FROM billing.documents WHERE state = 'planned'")
        }
        assert due["2026-01-01"] == ("2026-01-31", None)
        assert due["2026-02-10"] == ("2026-04-11", "PO-2")

    def test_in_another_currency_is_a_contract_of_its_own(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="40")
        portal.change(DEAL, "1", deal_currency_code="EUR")
        counts = office.on(FEBRUARY).sync()["schedule"].counts

        assert (counts["credit_notes_planned"], counts["invoices_planned"]) == (1, 4)
        assert_books_hold(office, 0)


class TestACorrection:
    def test_replaces_the_amendments_before_it(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-02-10", quantity="55")
        office.on(FEBRUARY).sync()
        amend(portal, None, quantity="50")
        office.on(date(2026, 2, 20)).sync()

        assert_books_hold(office, 450_000)
        assert [kind for _, kind, _ in planned(office)].count("credit_note") == 2

    def test_takes_back_a_credit_note_by_an_invoice(self, office: Office, portal: Portal) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-01-31", quantity="30")
        office.on(FEBRUARY).sync()
        amend(portal, None, quantity="40")
        office.on(date(2026, 2, 20)).sync()

        reversal = office.rows("SELECT * FROM ledger.documents ORDER BY entry_id DESC")[0]
        assert (reversal["kind"], reversal["total_minor"]) == ("invoice", 60_000)
        assert reversal["body"]["document_key"] == "hubspot:1/2026-02-10/credit_note_reversal/1"
        assert reversal["body"]["reverses"] == "US-CN-000001"
        assert_books_hold(office, 360_000)

    def test_of_a_deal_that_is_lost_takes_back_its_credit_notes_too(
        self, office: Office, portal: Portal
    ) -> None:
        quarterly(portal)
        office.on(date(2026, 1, 1)).sync()
        amend(portal, "2026-01-31", quantity="30")
        office.on(FEBRUARY).sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.on(FEBRUARY).sync()
        [row] = office.rows("SELECT id, value FROM posting.quarantine WHERE state = 'open'")
        assert row["value"] == "US-CN-000001, US-INV-000001"
        with office.pipeline.engine.begin() as connection:
            assert release(connection, row["id"], "ada", "the customer withdrew")
        office.on(FEBRUARY).sync()

        assert_books_hold(office, 0)


def test_what_the_gate_refused_was_never_in_force(office: Office, portal: Portal) -> None:
    quarterly(portal)
    office.on(date(2026, 1, 1)).sync()
    amend(portal, "2026-02-10", quantity="55", price="-1")
    office.on(FEBRUARY).sync()
    assert [rule for _, rule in office.quarantined()] != []
    amend(portal, "2026-02-10", quantity="50", price="90.00")
    office.on(FEBRUARY).sync()

    assert_books_hold(office, 360_000 + 50_000)


@pytest.mark.parametrize("column", ["amendment_effective", "recorded_on"])
def test_a_version_of_a_deal_keeps_its_days(office: Office, portal: Portal, column: str) -> None:
    quarterly(portal)
    office.on(date(2026, 1, 1)).sync()
    amend(portal, "2026-02-10", quantity="55")
    office.on(FEBRUARY).sync()

    with office.pipeline.engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM crm.deals ORDER BY version")).mappings().all()
    expected = {"amendment_effective": [None, FEBRUARY], "recorded_on": [date(2026, 1, 1), FEBRUARY]}
    assert [row[column] for row in found] == expected[column]
