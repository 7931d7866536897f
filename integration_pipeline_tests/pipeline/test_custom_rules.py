"""What a company's own rules decide about whole documents: from which series they take their number."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.rules.custom_rules import CustomRuleChoices, RuleChoice, load_custom_rules
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.rules.packages import offer

BY_YEAR = """
from integration_pipeline.billing.custom import NumberSeries

def by_year(*, document, parameters):
    if document.currency == "EUR":
        raise ValueError("no series for EUR")
    return NumberSeries(f"{document.prefix}{document.issue_date.year}-", 3)
"""


@pytest.fixture
def numbered_by_year(
    pipeline: Pipeline, portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Office:
    package = offer(tmp_path, BY_YEAR, "numbering.by_year = by_year")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    load_custom_rules.cache_clear()
    choices = CustomRuleChoices(packages=(package,), numbering=RuleChoice(rule="by_year"))
    rules = pipeline.rules.model_copy(update={"custom_rules": choices})
    return Office(registered(replace(pipeline, rules=rules)), portal)


class TestNumbering:
    def test_begins_a_series_for_every_year(self, numbered_by_year: Office, portal: Portal) -> None:
        portal.deal("1", closedate="2025-12-30T12:00:00Z")
        portal.deal("2", closedate="2025-12-31T12:00:00Z")
        portal.deal("3", closedate="2026-01-02T12:00:00Z")
        numbered_by_year.sync()

        assert [number for number, _, _ in numbered_by_year.posted()] == [
            "US-INV-2025-001",
            "US-INV-2025-002",
            "US-INV-2026-001",
        ]

    def test_that_fails_holds_up_its_document_alone(self, numbered_by_year: Office, portal: Portal) -> None:
        portal.deal("1", deal_currency_code="EUR")
        portal.deal("2")
        numbered_by_year.sync()

        assert [number for number, _, _ in numbered_by_year.posted()] == ["US-INV-2026-001"]
        [refused] = numbered_by_year.rows("SELECT * FROM posting.intents WHERE state = 'rejected'")
        assert refused["last_error"] == (
            "terms of contract hubspot:1 cannot be billed: "
            "custom rule: by_year of acme-rules 1.0.0 failed: no series for EUR"
        )
