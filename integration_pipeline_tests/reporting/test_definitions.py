"""The code location: what it shows, how it hangs on the pipeline, when it runs."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    AssetSpec,
    DagsterInstance,
    Definitions,
    MonthlyPartitionsDefinition,
    evaluate_automation_conditions,
    instance_for_test,
)

from integration_pipeline.reporting.run import ReportingReport
from integration_pipeline_tests.reporting.books import AS_OF

LINEAGE = {
    "reporting__crm_records": {"reporting__cut_records"},
    "reporting__crm_to_books_bridge": {
        "reporting__currencies",
        "reporting__cut_deals",
        "reporting__cut_documents",
    },
    "reporting__crm_to_books_reasons": {"reporting__currencies", "reporting__deals"},
    "reporting__currencies": set[str](),
    "reporting__customer_balances": {
        "reporting__currencies",
        "reporting__customers",
        "reporting__deals",
        "reporting__invoices",
    },
    "reporting__customers": {"reporting__cut_customers", "reporting__deals", "reporting__invoices"},
    "reporting__cut_balances": {"ledger__invoices", "ledger__revenue"},
    "reporting__cut_customers": {"crm__customers"},
    "reporting__cut_deals": {
        "billing__planned_invoices",
        "crm__deals",
        "ledger__invoices",
        "payments__settlements",
        "posting__gate",
        "raw_crm__deals",
    },
    "reporting__cut_documents": {
        "billing__planned_invoices",
        "ledger__invoices",
        "payments__settlements",
        "posting__gate",
    },
    "reporting__cut_quarantine": {"posting__gate"},
    "reporting__cut_records": {
        "raw_crm__companies",
        "raw_crm__contacts",
        "raw_crm__deals",
        "raw_crm__line_items",
    },
    "reporting__cut_totals": {"crm__deals", "ledger__invoices"},
    "reporting__deals": {
        "reporting__currencies",
        "reporting__cut_customers",
        "reporting__cut_deals",
        "reporting__cut_documents",
    },
    "reporting__invoices": {
        "reporting__currencies",
        "reporting__cut_customers",
        "reporting__cut_deals",
        "reporting__cut_documents",
    },
    "reporting__quarantine": {"reporting__cut_quarantine", "reporting__deals"},
    "reporting__receivables_ageing": {"reporting__currencies", "reporting__invoices"},
    "reporting__trial_balance": {"reporting__currencies", "reporting__cut_balances"},
}
"""Every asset of the location and what it is made from; the keys of the pipeline's assets join the two."""

BOOKS, GATE = AssetKey("ledger__invoices"), AssetKey("posting__gate")
REVENUE, SETTLEMENTS = AssetKey("ledger__revenue"), AssetKey("payments__settlements")


@pytest.fixture(scope="session")
def defs(business_url: str, report: ReportingReport) -> Definitions:
    """The location as loaded beside the small business."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", business_url)
        definitions = importlib.import_module("integration_pipeline.reporting.definitions")
        return definitions.defs


@pytest.fixture(scope="session")
def beside_the_pipeline(defs: Definitions) -> Definitions:
    """Both locations in one graph; the pipeline's assets are partitioned by month."""
    months = MonthlyPartitionsDefinition("2025-01-01")
    upstream = [AssetSpec(key, partitions_def=months) for key in (BOOKS, GATE)]
    return Definitions.merge(
        defs, Definitions(assets=[*upstream, AssetSpec(REVENUE), AssetSpec(SETTLEMENTS)])
    )


def test_the_graph_is_this_one(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.materializable_asset_keys
    }
    assert found == LINEAGE


def test_every_model_says_what_it_is_whose_it_is_and_which_sql_it_was_made_by(defs: Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        if spec.key.to_user_string() in LINEAGE:
            assert spec.description
            assert (spec.group_name, spec.owners) == ("reporting", ["team:finance-ops"])
            assert spec.kinds in ({"dbt", "postgres", "table"}, {"dbt", "postgres", "seed"})
            assert spec.code_version


def test_dbts_tests_are_checks_of_the_model_they_are_about(defs: Definitions) -> None:
    graph = defs.resolve_asset_graph()
    checks = {
        (key.asset_key.to_user_string(), key.name): graph.get(key).blocking for key in graph.asset_check_keys
    }
    assert checks["reporting__crm_to_books_bridge", "every_won_deal_is_accounted_for_once"] is True
    assert checks["reporting__crm_to_books_bridge", "schedules_are_invoiced_or_still_to_be"] is False
    assert checks["reporting__deals", "unique_deals_deal_key"] is True


def test_there_is_one_job_its_daily_schedule_and_the_sensor(defs: Definitions) -> None:
    repository = defs.get_repository_def()
    assert repository.has_job("refresh_read_models")
    schedule = repository.get_schedule_def("refresh_read_models_every_day")
    assert (schedule.cron_schedule, schedule.job_name) == ("30 6 * * *", "refresh_read_models")
    assert repository.has_sensor_def("refresh_read_models_when_the_books_move")


def _requested(definitions: Definitions, instance: DagsterInstance, cursor: Any) -> tuple[set[str], Any]:
    keys = [AssetKey(name) for name in LINEAGE]
    found = evaluate_automation_conditions(
        definitions, instance, asset_selection=AssetSelection.assets(*keys), cursor=cursor
    )
    return {key.to_user_string() for key in keys if found.get_num_requested(key)}, found.cursor


@pytest.mark.parametrize(
    ("news", "month"),
    [(BOOKS, "2026-01-01"), (GATE, "2026-01-01"), (REVENUE, None), (SETTLEMENTS, None)],
)
def test_all_models_run_together_once_there_is_news_and_never_without(
    beside_the_pipeline: Definitions, news: AssetKey, month: str | None
) -> None:
    with instance_for_test() as instance:
        nothing_yet, cursor = _requested(beside_the_pipeline, instance, None)
        instance.report_runless_asset_event(AssetMaterialization(news, partition=month))
        after_news, cursor = _requested(beside_the_pipeline, instance, cursor)
        later, _ = _requested(beside_the_pipeline, instance, cursor)
    assert (nothing_yet, after_news, later) == (set(), set(LINEAGE), set())


def test_payments_that_settled_nothing_new_refresh_nothing(beside_the_pipeline: Definitions) -> None:
    looked = AssetMaterialization(SETTLEMENTS, tags={"dagster/data_version": "7"})
    with instance_for_test() as instance:
        instance.report_runless_asset_event(looked)
        _, cursor = _requested(beside_the_pipeline, instance, None)
        instance.report_runless_asset_event(looked)
        again, _ = _requested(beside_the_pipeline, instance, cursor)
    assert again == set()


def test_a_run_builds_what_is_asked_for_and_counts_its_rows(
    defs: Definitions, business_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", business_url)
    monkeypatch.setenv("AS_OF", AS_OF.isoformat())
    job = defs.resolve_job_def("refresh_read_models")
    names = ("reporting__cut_records", "reporting__crm_records")
    result = job.execute_in_process(asset_selection=[AssetKey(name) for name in names])
    counts = {
        event.asset_key.to_user_string(): event.materialization.metadata["dagster/row_count"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert counts == dict.fromkeys(names, 2)
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True]
