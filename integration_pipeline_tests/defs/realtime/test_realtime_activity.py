"""What the worker did, as Dagster then shows it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest
from sqlalchemy import text

from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import MAPPINGS
from integration_pipeline_tests.defs.realtime.conftest import Desk
from integration_pipeline_tests.pipeline.conftest import registered

BY_MONTH = ("crm__deals", "billing__planned_invoices", "posting__gate", "ledger__invoices")
MONTHS = ("2026-03", "2026-04")


@pytest.fixture
def told(desk: Desk) -> Desk:
    """Two deals were announced and settled, one of March and one of April, and Dagster was told."""
    desk.portal.deal("1")
    desk.portal.deal("2", closedate="2026-04-02T12:00:00Z", amount="300.00")
    desk.announce("1", "2")
    desk.settle()
    desk.tick("realtime_activity")
    return desk


@pytest.mark.parametrize("asset", BY_MONTH)
def test_each_month_of_the_deals_is_materialized_without_a_run(told: Desk, asset: str) -> None:
    assert told.instance.get_materialized_partitions(dg.AssetKey(asset)) == {"2026-03", "2026-04"}
    assert told.instance.get_runs() == []


def test_a_month_shows_what_it_holds_and_how_long_webhooks_took(told: Desk) -> None:
    shown = told.shown("ledger__invoices", "2026-03")
    assert shown["dagster/partition_row_count"] == 1
    assert shown["month/invoices_amount"] == "1,200.00 USD"
    assert shown["realtime/events"] == shown["realtime/deals"] == 2
    assert shown["realtime/workers"] == "worker 1"
    assert 0 <= shown["realtime/latency_p50_ms"] <= shown["realtime/latency_max_ms"]


def test_what_the_stages_did_is_shown_beside_their_asset(told: Desk) -> None:
    assert told.shown("billing__planned_invoices", "2026-04")["schedule/invoices_planned"] == 2
    assert told.shown("raw_crm__deals")["versions_landed"] == 2
    assert told.shown("crm__customers")["dagster/row_count"] == 1


def test_records_are_counted_in_the_crm_that_the_mapping_reads(desk: Desk) -> None:
    desk.portal.deal("1")
    desk.announce("1")
    desk.settle()
    with desk.office.pipeline.engine.begin() as connection:
        connection.execute(text("UPDATE raw.heads SET source = 'salesforce'"))
    desk.having(mapping_file=MAPPINGS / "salesforce_demo.yaml").tick("realtime_activity")
    assert desk.shown("raw_crm__deals")["dagster/row_count"] == 1


def test_records_of_a_type_that_was_not_read_are_not_materialized(told: Desk) -> None:
    assert told.newest("raw_crm__products") is None


def test_verdicts_on_rows_are_shown_as_checks(desk: Desk) -> None:
    desk.portal.deal("1", amount="-5")
    desk.announce("1")
    desk.settle()
    desk.tick("realtime_activity")
    key = dg.AssetCheckKey(dg.AssetKey("crm__deals"), "deals")
    evaluation = desk.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[
        key
    ].evaluation
    assert evaluation is not None
    assert not evaluation.passed
    assert evaluation.metadata["waiting"].value == 1


def test_a_check_passes_when_nothing_waits(told: Desk) -> None:
    key = dg.AssetCheckKey(dg.AssetKey("posting__gate"), "planned_documents")
    found = told.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key].evaluation
    assert found is not None
    assert found.passed


def test_a_batch_is_told_once(told: Desk) -> None:
    assert told.tick("realtime_activity").skip_message == "nothing was settled since the last time"
    assert told.office.value("SELECT count(*) FROM inbox.batches WHERE reported_at IS NULL") == 0


def test_batches_are_told_again_if_dagster_could_not_be_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.portal.deal("1")
    desk.announce("1")
    desk.settle()
    with monkeypatch.context() as broken:

        def refuse(*_: object, **__: object) -> None:
            raise ConnectionError("Dagster's storage is away")

        broken.setattr(desk.instance, "report_dagster_event", refuse)
        with pytest.raises(Exception, match="storage is away"):
            desk.tick("realtime_activity")
    desk.tick("realtime_activity")
    assert desk.newest("ledger__invoices", "2026-03") is not None


def test_many_batches_are_one_materialization_of_each_month(desk: Desk) -> None:
    for number in range(5):
        desk.portal.deal(f"{number}")
        desk.announce(f"{number}")
        desk.settle()
    desk.tick("realtime_activity")
    found = desk.instance.fetch_materializations(dg.AssetKey("ledger__invoices"), limit=10)
    assert len(found.records) == 1
    assert desk.shown("ledger__invoices", "2026-03")["realtime/batches"] == 5


def test_nothing_is_out_of_date_after_it(told: Desk) -> None:
    told.portal.deal("3", closedate="2026-03-20T12:00:00Z")
    told.announce("3")
    told.settle()
    told.tick("realtime_activity")
    assert _statuses(told) == {(asset, month): StaleStatus.FRESH for asset in BY_MONTH for month in MONTHS}


def test_what_real_time_posts_keeps_the_ledger_fresh(told: Desk) -> None:
    """The catalog goes by the newest materialization, and that is the worker's now."""
    node = told.defs.resolve_asset_graph().get(dg.AssetKey("ledger__invoices"))
    evaluator = TimeWindowFreshnessPolicyEvaluator()
    state = asyncio.run(evaluator.evaluate_freshness(LoadingContextForTest(told.instance), node))
    assert state is FreshnessState.PASS


def test_a_month_computed_under_older_rules_stays_out_of_date(told: Desk, tmp_path: Path) -> None:
    """One deal of it under the new rules does not bring the others up to date."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(told.settings.rules_file.read_text().replace("name:", "name: newer-", 1))
    pipeline = replace(told.office.pipeline, rules=read_rule_set(rules))
    newer = replace(told, office=replace(told.office, pipeline=registered(pipeline))).having(rules_file=rules)
    newer.portal.deal("3", closedate="2026-03-20T12:00:00Z")
    newer.announce("3")
    newer.settle()
    newer.tick("realtime_activity")
    assert _statuses(newer)["billing__planned_invoices", "2026-03"] is StaleStatus.STALE


def test_without_a_database_there_is_nothing_to_tell(desk: Desk) -> None:
    desk.office.execute("DROP TABLE inbox.missed")
    assert "no inbox yet" in (desk.tick("realtime_activity").skip_message or "")


def _statuses(desk: Desk) -> dict[tuple[str, str], StaleStatus]:
    graph = desk.defs.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(desk.instance, graph, LoadingContextForTest(desk.instance))
    return {
        (asset, month): resolver.get_status(dg.AssetKey(asset), month)
        for asset in BY_MONTH
        for month in MONTHS
    }
