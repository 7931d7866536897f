from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.rules.document import AccountRole, RuleSet
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal


def with_account(pipeline: Pipeline, role: AccountRole, **changes: str) -> Pipeline:
    rules = pipeline.rules
    account = rules.accounts[role].model_copy(update=changes)
    return replace(pipeline, rules=rules.model_copy(update={"accounts": {**rules.accounts, role: account}}))


def versions(office: Office, table: str) -> int:
    return office.value(f"SELECT count(*) FROM billing.{table}")  # noqa: S608 - our own table


def test_registering_twice_keeps_one_version_of_each_document(office: Office) -> None:
    register(office.pipeline)

    assert (versions(office, "mappings"), versions(office, "rule_sets")) == (1, 1)


def test_a_changed_document_is_kept_beside_the_former_one(office: Office) -> None:
    rules: RuleSet = office.pipeline.rules.model_copy(update={"author": "somebody else"})
    register(replace(office.pipeline, rules=rules))

    assert (versions(office, "mappings"), versions(office, "rule_sets")) == (1, 2)


def test_an_account_may_get_another_name_and_code(office: Office) -> None:
    register(with_account(office.pipeline, AccountRole.CASH, name="Bank", code="1010"))

    rows = office.rows("SELECT DISTINCT code, name FROM ledger.accounts WHERE role = 'cash'")
    assert [(row["code"], row["name"]) for row in rows] == [("1010", "Bank")]


def test_an_account_keeps_its_kind_and_nothing_is_registered_when_it_would_not(office: Office) -> None:
    changed = with_account(office.pipeline, AccountRole.CREDITS, kind="asset")
    with pytest.raises(ValueError, match="2100 of us is a liability account in the ledger, but the rule set"):
        register(changed)

    assert versions(office, "rule_sets") == 1


def test_an_account_with_entries_keeps_its_code(office: Office, portal: Portal) -> None:
    portal.deal("1")
    office.sync()
    with pytest.raises(ValueError, match=r"4000 of us has entries in the ledger, .* keep 4000"):
        register(with_account(office.pipeline, AccountRole.REVENUE, code="4100"))


def test_the_version_of_what_deals_mean_is_that_of_mapping_and_entities(pipeline: Pipeline) -> None:
    assert pipeline.mapping_version == f"{pipeline.mapping.version}-{pipeline.rules.version}"


def test_a_fixed_day_holds_in_every_entity(pipeline: Pipeline) -> None:
    assert {pipeline.today(code) for code in ("us", "eu", "jp", None)} == {date(2026, 6, 30)}
    assert pipeline.zone_of_entity("mars") is None


def test_a_report_is_plain_data_with_sorted_names() -> None:
    report = StageReport("post")
    report.counts.update(b=2, a=1)
    report.money["invoiced", "USD"] += 5
    report.money["invoiced", "EUR"] += 7

    assert report.as_json() == {
        "stage": "post",
        "counts": {"a": 1, "b": 2},
        "money_minor": {"invoiced": {"EUR": 7, "USD": 5}},
        "quarantined_now": 0,
        "seconds": 0.0,
    }
