"""A document that the ledger refuses for good: it is set aside with the reason, and holds up no other."""

from __future__ import annotations

from datetime import date

from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.standing import verify
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal


def _refused_of_three(office: Office, portal: Portal) -> None:
    """Three documents due, one of them of an entity whose revenue account is gone."""
    for number, entity in (("1", "us"), ("2", "eu"), ("3", "us")):
        portal.deal(
            number, dealname=f"deal {number}", billing_entity=entity, contract_start_date="2026-05-01"
        )
    office.on(date(2026, 4, 30)).sync()
    office.execute("DELETE FROM ledger.accounts WHERE entity = 'eu' AND role = 'revenue'")


def test_the_others_are_posted_and_number_without_a_gap(office: Office, portal: Portal) -> None:
    _refused_of_three(office, portal)

    report = post(office.on(date(2026, 5, 1)).pipeline, Scope.everything())

    assert (report.counts["invoices_posted"], report.counts["rejected"]) == (2, 1)
    assert [number for number, _, _ in office.posted()] == ["US-INV-000001", "US-INV-000002"]


def test_it_is_not_tried_again_by_itself(office: Office, portal: Portal) -> None:
    _refused_of_three(office, portal)
    today = office.on(date(2026, 5, 1))
    post(today.pipeline, Scope.everything())

    again = post(today.pipeline, Scope.everything())

    assert again.counts == {}
    assert office.value("SELECT count(*) FROM posting.attempts WHERE outcome = 'rejected'") == 1


def test_verify_names_it_with_the_ledgers_own_words(office: Office, portal: Portal) -> None:
    _refused_of_three(office, portal)
    today = office.on(date(2026, 5, 1))
    post(today.pipeline, Scope.everything())

    with today.pipeline.engine.connect() as connection:
        problems = verify(connection, today.pipeline).problems

    assert any("hubspot:2/2026-05-01/invoice/1: was refused by the ledger" in problem for problem in problems)
