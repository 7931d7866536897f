"""What a company's own rules decide about documents: their number, and whether they wait for a person."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from integration_pipeline.billing.custom import Parameters
from integration_pipeline.pipeline.quarantine import release
from integration_pipeline.rules.custom_rules import CustomRuleChoices, RuleChoice, load_custom_rules
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import DEAL, Portal
from integration_pipeline_tests.rules.packages import offer

RULES = """
from integration_pipeline.billing.custom import NumberSeries

def by_year(*, document, parameters):
    if document.currency == "EUR":
        raise ValueError("no series for EUR")
    return NumberSeries(f"{document.prefix}{document.issue_date.year}-", 3)

def above(*, document, terms, parameters):
    if document.payable.minor > parameters.whole("minor"):
        return f"{document.payable.format()} for {terms.contract_id}"
"""
HELD_BY_RULE = "SELECT * FROM posting.quarantine WHERE rule = 'no_rule_holds_it' AND state = 'open'"

Under = Callable[..., Office]


@pytest.fixture
def under(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Under]:
    """The office under the rules of a package: `under(numbering=RuleChoice(rule="by_year"))`."""
    package = offer(tmp_path, RULES, "numbering.by_year = by_year", "hold.above = above")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    load_custom_rules.cache_clear()

    def choose(**choices: object) -> Office:
        chosen = CustomRuleChoices.model_validate({"packages": (package,), **choices})
        rules = office.pipeline.rules.model_copy(update={"custom_rules": chosen})
        return replace(office, pipeline=registered(replace(office.pipeline, rules=rules)))

    yield choose
    load_custom_rules.cache_clear()


def above(minor: int | str) -> tuple[RuleChoice]:
    return (RuleChoice(rule="above", parameters=Parameters.of({"minor": minor})),)


class TestNumbering:
    def test_begins_a_series_for_every_year(self, under: Under, portal: Portal) -> None:
        portal.deal("1", closedate="2025-12-30T12:00:00Z")
        portal.deal("2", closedate="2025-12-31T12:00:00Z")
        portal.deal("3", closedate="2026-01-02T12:00:00Z")
        office = under(numbering=RuleChoice(rule="by_year"))
        office.sync()

        assert [number for number, _, _ in office.posted()] == [
            "US-INV-2025-001",
            "US-INV-2025-002",
            "US-INV-2026-001",
        ]

    def test_that_fails_holds_up_its_document_alone(self, under: Under, portal: Portal) -> None:
        portal.deal("1", deal_currency_code="EUR")
        portal.deal("2")
        office = under(numbering=RuleChoice(rule="by_year"))
        office.sync()

        assert [number for number, _, _ in office.posted()] == ["US-INV-2026-001"]
        [refused] = office.rows("SELECT * FROM posting.intents WHERE state = 'rejected'")
        assert refused["last_error"] == (
            "terms of contract hubspot:1 cannot be billed: "
            "custom rule: by_year of acme-rules 1.0.0 failed: no series for EUR"
        )


class TestHolds:
    def test_keep_a_document_back_until_a_person_releases_it(self, under: Under, portal: Portal) -> None:
        portal.deal("1", amount="9000.00")
        portal.deal("2", dealname="Small", amount="900.00")
        office = under(holds=above(500_000))
        office.sync()

        assert [total for _, total, _ in office.posted()] == [90_000]
        [held] = office.rows(HELD_BY_RULE)
        assert (held["external_id"], held["field"]) == ("1", "approval")
        assert held["value"] == "above: 9,000.00 USD for hubspot:1"

        with office.pipeline.engine.begin() as connection:
            release(connection, held["id"], "ada@example.com", "agreed with the customer")
        office.sync()
        assert [total for _, total, _ in office.posted()] == [90_000, 900_000]

    def test_of_a_newer_rule_set_keep_back_what_is_not_posted_yet(
        self, office: Office, under: Under, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.on(date(2026, 3, 15)).sync()
        stricter = under(holds=above(9_999))
        stricter.sync()

        assert len(office.posted()) == 3
        assert len(stricter.rows(HELD_BY_RULE)) == 3

    def test_that_say_the_same_leave_a_released_document_released(self, under: Under, portal: Portal) -> None:
        portal.subscription("1", contract_start_date="2026-06-01", contract_term_months="2")
        office = under(holds=above(9_999)).on(date(2026, 5, 31))
        office.sync()
        with office.pipeline.engine.begin() as connection:
            for held in office.rows(HELD_BY_RULE):
                release(connection, held["id"], "ada@example.com", "agreed with the customer")

        portal.change(DEAL, "1", dealname="Renamed")
        later = under(holds=above(9_998)).on(date(2026, 7, 31))
        later.sync()
        assert len(later.posted()) == 2

    def test_that_fail_set_their_deal_aside_until_they_are_mended(self, under: Under, portal: Portal) -> None:
        portal.deal("1")
        broken = under(holds=above("a lot"))
        broken.sync()

        assert broken.posted() == []
        [row] = broken.rows("SELECT * FROM posting.quarantine WHERE state = 'open'")
        assert (row["rule"], row["waivable"]) == ("deal_can_be_billed", False)
        assert row["reason"] == (
            "Deal 'Acme licences' (1) cannot be billed: above of acme-rules 1.0.0 failed: "
            "parameter 'minor': write a whole number, not 'a lot'"
        )

        mended = under(holds=above(500_000))
        mended.sync()
        assert [total for _, total, _ in mended.posted()] == [120_000]
        assert mended.quarantined() == []
