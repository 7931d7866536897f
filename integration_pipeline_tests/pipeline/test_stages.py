from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.standing import verify
from integration_pipeline.rules.document import RuleSet
from integration_pipeline_tests.conftest import NewDatabase
from integration_pipeline_tests.pipeline.books import Booked, booked, without_numbers
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office, registered
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.pipeline.variety import change_something, various


@pytest.fixture
def portal() -> Portal:
    return various(deals=40)


@pytest.fixture
def other_office(
    new_database: NewDatabase, template: str, mapping: Mapping, rules: RuleSet, portal: Portal
) -> Office:
    """The same CRM, synced to other books."""
    return Office(registered(Pipeline(new_database(template), mapping, rules, as_of=AS_OF)), portal)


def books_of(office: Office) -> list[Booked]:
    with office.pipeline.engine.connect() as connection:
        assert prove_ledger(connection).problems == []
        assert verify(connection, office.pipeline).problems == []
        return booked(connection)


def test_the_stages_report_in_their_order(office: Office) -> None:
    assert list(office.sync()) == [
        *("extract", "raw_gate", "customers", "normalize", "deal_gate"),
        *("schedule", "document_gate", "post", "recognize"),
    ]


def test_a_second_run_does_nothing(office: Office) -> None:
    office.sync()
    first = books_of(office)
    assert len(first) > 50

    reports = office.sync()

    done = {
        name: {key: count for key, count in report.counts.items() if count}
        for name, report in reports.items()
    }
    assert {name: counts for name, counts in done.items() if counts and name != "extract"} == {}
    assert not any(key.startswith("new_") for key in done["extract"])
    assert books_of(office) == first


def test_a_run_in_pieces_books_what_a_run_at_once_does(office: Office, other_office: Office) -> None:
    office.sync()
    for first, last in ((4, 6), (1, 2), (3, 3)):
        other_office.sync(Scope.months(date(2026, first, 1), date(2026, last, 1)))

    assert without_numbers(books_of(other_office)) == without_numbers(books_of(office))


def test_a_run_deal_by_deal_books_what_a_run_at_once_does(office: Office, other_office: Office) -> None:
    office.sync()
    won = [row["deal_key"] for row in office.rows("SELECT DISTINCT deal_key FROM crm.deals")]
    for key in sorted(won)[:10]:
        other_office.sync(Scope.deals([key]))
    other_office.sync()

    totals = Counter((row[0], row[8]) for row in books_of(office))
    assert Counter((row[0], row[8]) for row in books_of(other_office)) == totals
    assert sum(row[9] for row in books_of(other_office)) == sum(row[9] for row in books_of(office))


def test_a_run_every_month_books_what_one_run_at_the_end_does(office: Office, other_office: Office) -> None:
    office.sync()
    for month in range(1, 7):
        other_office.on(date(2026, month, 28)).sync()
    other_office.sync()

    assert without_numbers(books_of(other_office)) == without_numbers(books_of(office))


def test_changes_are_corrected_to_what_the_crm_says_now(
    office: Office, other_office: Office, portal: Portal
) -> None:
    office.sync()
    change_something(portal)
    office.sync()
    for row in office.rows("SELECT id FROM posting.quarantine WHERE rule = 'nothing_was_invoiced'"):
        office.execute("UPDATE posting.quarantine SET state = 'released' WHERE id = :id", id=row["id"])
    office.execute(
        "UPDATE posting.gate_records SET passed = TRUE, waived_by = 'ada' WHERE suite = 'withdrawn_deals'"
    )
    office.sync()
    other_office.sync()

    def owed(which: Office) -> Counter[tuple[str, str]]:
        """Invoices less credit notes by deal and day of service."""
        found: Counter[tuple[str, str]] = Counter()
        for row in books_of(which):
            slot = row[4].split("/")[1]
            found[row[3], slot] += row[9] if row[2] == "invoice" else -row[9]
        return Counter({key: minor for key, minor in found.items() if minor})

    assert owed(office) == owed(other_office)
    assert len(books_of(office)) > len(books_of(other_office))


def test_reports_tie_to_the_books(office: Office) -> None:
    report = office.sync()["post"]
    in_books: Counter[tuple[str, str]] = Counter()
    for row in books_of(office):
        in_books["invoiced", row[8]] += row[9]

    assert report.money == in_books
    assert report.as_json()["money_minor"] == {
        "invoiced": {c: minor for (_, c), minor in sorted(in_books.items())}
    }


def test_a_day_before_everything_posts_nothing(office: Office) -> None:
    before = replace(office, pipeline=replace(office.pipeline, as_of=date(2025, 12, 31)))
    before.sync()

    assert before.posted() == []
