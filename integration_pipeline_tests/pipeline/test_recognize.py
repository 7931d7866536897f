"""Deferred revenue on its way into revenue, month by month, whatever happens to the deal meanwhile."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.accounting.postgres_ledger.releases import post_releases
from integration_pipeline.pipeline import recognize as recognizing
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.recognize import recognize
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.standing import status, verify
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, LINE_ITEM, Portal

EVERYTHING = Scope.everything()
DEFERRED, REVENUE = "2400", "4000"
NEXT_YEAR = date(2027, 1, 1)


def quarter(portal: Portal, price: str = "90.00", **properties: str) -> None:
    """One seat for the first quarter of 2026, in advance: 31, 28 and 31 of 90 days."""
    portal.line_item("11", quantity="1", price=price, recurringbillingfrequency="quarterly")
    portal.deal("1", lines=["11"])
    terms = {"closedate": "2025-12-20T12:00:00Z", "contract_start_date": "2026-01-01"}
    portal.change(DEAL, "1", **terms, amount=None, contract_term_months="3", **properties)


def entries(office: Office) -> list[tuple[str, str, dict[str, int]]]:
    """Day, name and what each account was debited (negative: credited), of every release."""
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in office.rows(
        """
        SELECT entry.*, line.account, line.debit_minor - line.credit_minor AS minor
        FROM ledger.journal_entries AS entry
        INNER JOIN ledger.journal_lines AS line ON line.entry_id = entry.id
        WHERE entry.kind = 'release'
        ORDER BY entry.entity, entry.sequence, line.position
        """
    ):
        found[row["accounting_date"].isoformat(), row["document_number"]][row["account"]] += row["minor"]
    return [(*key, dict(accounts)) for key, accounts in found.items()]


def balance(office: Office, account: str, currency: str = "USD") -> int:
    """Debit less credit; the books it is read from hold."""
    with office.pipeline.engine.connect() as connection:
        proof = prove_ledger(connection)
        assert proof.problems == []
        assert set(proof.trial_balance().values()) <= {0}
        assert verify(connection, office.pipeline).problems == []
        return proof.balances[account, currency]


class TestAMonth:
    def test_earns_its_days_of_an_invoice_in_advance(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        report = office.on(date(2026, 4, 1)).sync()["recognize"]

        assert entries(office) == [
            ("2026-01-31", "revenue 2026-01 USD", {DEFERRED: 3_100, REVENUE: -3_100}),
            ("2026-02-28", "revenue 2026-02 USD", {DEFERRED: 2_800, REVENUE: -2_800}),
            ("2026-03-31", "revenue 2026-03 USD", {DEFERRED: 3_100, REVENUE: -3_100}),
        ]
        assert report.counts == {"entries_posted": 3, "months_released": 3, "lines_released": 3}
        assert report.money == {("released", "USD"): 9_000}
        assert (balance(office, DEFERRED), balance(office, REVENUE)) == (0, -9_000)

    def test_that_has_not_ended_is_not_released(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        office.on(date(2026, 2, 28)).sync()

        assert [day for day, _, _ in entries(office)] == ["2026-01-31"]
        assert balance(office.on(date(2026, 2, 28)), DEFERRED) == -5_900

    def test_ends_when_it_is_over_where_the_entity_is(self, office: Office, portal: Portal) -> None:
        for number, entity in (("1", "us"), ("2", "eu"), ("3", "jp")):
            portal.subscription(number, dealname=entity, billing_entity=entity)
        office.on(date(2026, 1, 1)).sync()
        live = replace(office.pipeline, as_of=None)

        def released_at(moment: datetime) -> set[str]:
            with time_machine.travel(moment, tick=False):
                recognize(live, EVERYTHING)
            rows = office.rows("SELECT entity FROM ledger.journal_entries WHERE kind = 'release'")
            return {row["entity"] for row in rows}

        assert released_at(datetime(2026, 1, 31, 14, 59, tzinfo=UTC)) == set()
        assert released_at(datetime(2026, 1, 31, 15, 0, tzinfo=UTC)) == {"jp"}
        assert released_at(datetime(2026, 1, 31, 23, 0, tzinfo=UTC)) == {"jp", "eu"}
        assert released_at(datetime(2026, 2, 1, 5, 0, tzinfo=UTC)) == {"jp", "eu", "us"}

    def test_has_an_entry_for_each_currency(self, office: Office, portal: Portal) -> None:
        portal.subscription("1", dealname="Dollars")
        portal.subscription("2", dealname="Yen", deal_currency_code="JPY", price="1000")
        office.on(date(2026, 2, 1)).sync()

        assert [(name, lines[DEFERRED]) for _, name, lines in entries(office)] == [
            ("revenue 2026-01 JPY", 1_000),
            ("revenue 2026-01 USD", 10_000),
        ]

    def test_is_explained_line_by_line(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        office.on(date(2026, 3, 1)).sync()

        february = office.rows("SELECT * FROM ledger.revenue_releases ORDER BY month")[1]
        assert february["explanation"] == (
            "90.00 USD over 2026-01-01..2026-04-01, 59.00 USD earned until 2026-02-28: 28.00 USD released"
        )


class TestRunningAgain:
    def test_posts_nothing(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        march = office.on(date(2026, 3, 10))
        march.sync()
        before = entries(office)
        report = march.sync()["recognize"]

        assert not any(report.counts.values())
        assert entries(office) == before

    def test_every_month_posts_what_one_run_at_the_end_does(self, office: Office, portal: Portal) -> None:
        quarter(portal, price="100.00")
        for month in range(1, 6):
            office.on(date(2026, month, 3)).sync()

        assert [lines[DEFERRED] for _, _, lines in entries(office)] == [3_444, 3_112, 3_444]

    def test_over_some_deals_leaves_the_month_to_a_run_over_all(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        portal.subscription("2", dealname="Other")
        february = office.on(date(2026, 2, 1))
        february.sync(Scope.deals(["hubspot:1"]))
        assert entries(office) == []

        february.sync()
        assert [lines[DEFERRED] for _, _, lines in entries(office)] == [3_100 + 10_000]

    def test_after_a_run_that_broke_off_releases_the_month_once(
        self, office: Office, portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        quarter(portal)
        april = office.on(date(2026, 4, 1))
        with monkeypatch.context() as broken:
            broken.setattr(recognizing, "post_releases", _post_and_break_off)
            with pytest.raises(ConnectionError):
                april.sync()
        assert entries(office) == []

        april.sync()
        assert (len(entries(office)), balance(april, DEFERRED)) == (3, 0)

    def test_by_several_at_once_releases_each_month_once(self, office: Office, portal: Portal) -> None:
        for number, entity in (("1", "us"), ("2", "eu"), ("3", "jp")):
            portal.subscription(number, dealname=entity, billing_entity=entity)
        office.on(date(2026, 1, 1)).sync()
        april = office.on(date(2026, 4, 1))
        post(april.pipeline, EVERYTHING)
        start = Barrier(3)

        def run(engine: Engine) -> int:
            start.wait()
            return recognize(replace(april.pipeline, engine=engine), EVERYTHING).counts["entries_posted"]

        engines = [create_engine(office.pipeline.engine.url) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            posted = list(pool.map(run, engines))
        for engine in engines:
            engine.dispose()

        assert sum(posted) == 9
        assert [lines[DEFERRED] for _, _, lines in entries(april)] == [30_000] * 3
        # What is left is the three invoices of April.
        assert balance(april, DEFERRED) == -30_000

    def test_cannot_release_a_month_again_even_if_it_tried(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        office.on(date(2026, 2, 1)).sync()
        with pytest.raises(IntegrityError, match="uq_journal_entries_release"):
            office.execute(
                """
                SELECT ledger.post_releases('us', CAST(:batch AS jsonb))
                """,
                batch='[{"accounting_date": "2026-01-31", "currency": "USD", "description": "again", '
                '"document_number": "revenue 2026-01 USD", "lines": [["2400", 1, 0], ["4000", 0, 1]]}]',
            )


def _post_and_break_off(*given: object) -> None:
    post_releases(*given)  # pyright: ignore[reportArgumentType] - whatever the stage hands over
    raise ConnectionError("the power went")


class TestWhatComesLate:
    def test_is_caught_up_in_the_first_month_not_yet_released(self, office: Office, portal: Portal) -> None:
        portal.subscription("2", dealname="In time")
        office.on(date(2026, 3, 1)).sync()
        quarter(portal)
        office.on(date(2026, 3, 2)).sync()
        office.on(date(2026, 4, 1)).sync()

        assert [(name, lines[DEFERRED]) for _, name, lines in entries(office)] == [
            ("revenue 2026-01 USD", 10_000),
            ("revenue 2026-02 USD", 10_000),
            ("revenue 2026-03 USD", 10_000 + 9_000),
        ]

    def test_says_how_much_of_it_belongs_to_earlier_months(self, office: Office, portal: Portal) -> None:
        portal.subscription("2", dealname="In time")
        office.on(date(2026, 3, 1)).sync()
        quarter(portal)
        office.on(date(2026, 4, 1)).sync()

        [late] = office.rows("SELECT * FROM ledger.revenue_releases WHERE amount_minor = 9000")
        assert late["explanation"].endswith("90.00 USD released, of it 59.00 USD for closed months")


class TestAChangedDeal:
    def test_amended_in_a_month_already_released_ends_with_nothing_deferred(
        self, office: Office, portal: Portal
    ) -> None:
        quarter(portal)
        office.on(date(2026, 2, 20)).sync()
        portal.change(LINE_ITEM, "11", quantity="2")
        portal.change(DEAL, "1", amendment_effective_date="2026-01-16")
        office.on(date(2026, 2, 20)).sync()
        office.on(date(2026, 4, 1)).sync()

        # From 16 January on there is a second seat: 75 of 90 days of another 90.00.
        assert [lines[DEFERRED] for _, _, lines in entries(office)] == [3_100, 2_800 + 4_400, 3_100 + 3_100]
        assert (balance(office, DEFERRED), balance(office, REVENUE)) == (0, -16_500)

    def test_corrected_ends_with_the_revenue_of_what_was_always_meant(
        self, office: Office, portal: Portal
    ) -> None:
        quarter(portal)
        office.on(date(2026, 2, 20)).sync()
        portal.change(LINE_ITEM, "11", price="60.00")
        office.on(date(2026, 2, 20)).sync()
        office.on(date(2026, 4, 1)).sync()

        # By the end of February 59.00 less 31.00 that were released, taken back; 59/90 of 60.00 instead.
        assert [lines[DEFERRED] for _, _, lines in entries(office)] == [3_100, 3_933 - 3_100, 2_067]
        assert (balance(office, DEFERRED), balance(office, REVENUE)) == (0, -6_000)

    def test_withdrawn_gives_back_what_was_released_at_once_and_never_moves_again(
        self, office: Office, portal: Portal
    ) -> None:
        quarter(portal)
        office.on(date(2026, 2, 20)).sync()
        _withdraw(office.on(date(2026, 2, 20)), portal)
        office.on(date(2026, 3, 1)).sync()

        assert [lines[DEFERRED] for _, _, lines in entries(office)] == [3_100, -3_100]
        assert balance(office, DEFERRED) == 0

        assert not any(office.on(NEXT_YEAR).sync()["recognize"].counts.values())
        assert balance(office.on(NEXT_YEAR), REVENUE) == 0

    def test_amended_and_then_withdrawn_leaves_nothing_deferred_from_then_on(
        self, office: Office, portal: Portal
    ) -> None:
        quarter(portal, price="100.01")
        office.on(date(2026, 1, 10)).sync()
        portal.change(LINE_ITEM, "11", price="33.35")
        portal.change(DEAL, "1", amendment_effective_date="2026-01-10")
        office.on(date(2026, 1, 10)).sync()
        office.on(date(2026, 2, 10)).sync()
        _withdraw(office.on(date(2026, 2, 10)), portal)
        office.on(date(2026, 3, 1)).sync()

        assert len(office.posted()) == 4
        assert (balance(office, DEFERRED), balance(office, REVENUE)) == (0, 0)


def _withdraw(office: Office, portal: Portal) -> None:
    """The deal is lost after all, and a person says that its invoices are to be credited."""
    portal.change(DEAL, "1", dealstage="closedlost")
    office.sync()
    office.execute("UPDATE posting.quarantine SET state = 'released' WHERE rule = 'nothing_was_invoiced'")
    office.execute(
        "UPDATE posting.gate_records SET passed = TRUE, waived_by = 'ada' WHERE suite = 'withdrawn_deals'"
    )
    office.sync()


class TestTheBooks:
    def test_show_what_is_deferred(self, office: Office, portal: Portal) -> None:
        quarter(portal)
        february = office.on(date(2026, 2, 1))
        february.sync()
        with february.pipeline.engine.connect() as connection:
            assert status(connection, february.pipeline).deferred_revenue_minor == {"USD": 5_900}

    @pytest.mark.parametrize(
        ("tampering", "found"),
        [
            (
                "DELETE FROM ledger.revenue_releases",
                "deferred revenue of us is 59.00 USD in the ledger, but its posted lines leave 90.00 USD",
            ),
            (
                "UPDATE ledger.revenue_releases SET amount_minor = 3101",
                "entry 2 of us (revenue 2026-01 USD) says something else than the lines it releases",
            ),
            (
                "UPDATE ledger.revenue_releases SET month = '2026-02-01'",
                "entry 2 of us (revenue 2026-01 USD) says something else than the lines it releases",
            ),
            (
                "UPDATE ledger.journal_entries SET document_number = 'other' WHERE kind = 'release'",
                "entry 2 of us (other): the hash does not follow",
            ),
        ],
    )
    def test_that_somebody_tampered_with_are_found_out(
        self, office: Office, portal: Portal, tampering: str, found: str
    ) -> None:
        quarter(portal)
        february = office.on(date(2026, 2, 1))
        february.sync()
        office.execute("SET LOCAL session_replication_role = replica; " + tampering)

        with february.pipeline.engine.connect() as connection:
            problems = verify(connection, february.pipeline).problems
        assert any(problem.startswith(found) for problem in problems), problems

    @pytest.mark.parametrize("statement", ["DELETE FROM", "UPDATE", "TRUNCATE"])
    def test_refuse_to_change_what_was_released(self, office: Office, portal: Portal, statement: str) -> None:
        quarter(portal)
        office.on(date(2026, 2, 1)).sync()
        rest = " SET amount_minor = 1" if statement == "UPDATE" else ""
        with pytest.raises(IntegrityError, match="append only"):
            office.execute(f"{statement} ledger.revenue_releases{rest}")
