"""Runs of the jobs: what they post, and what Dagster then shows."""

from __future__ import annotations

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.defs.jobs import REBILL_MONTHS, SYNC_DEALS
from integration_pipeline.runtime import pipeline_on
from integration_pipeline_tests.defs.office import FIRST_MONTH, Office, Synced

THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"
ALL_MONTHS = (FIRST_MONTH, THIS_MONTH)
PARTITIONED = ("crm__deals", "billing__planned_invoices", "posting__gate", "ledger__invoices")
COUNT_POSTED = "SELECT count(*) FROM ledger.documents"


def test_a_run_over_all_months_posts_what_is_due_and_leaves_nothing(synced: Synced) -> None:
    left = synced.office.ask(
        """
        SELECT document.document_key
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        INNER JOIN posting.gate_records AS gate
            ON gate.subject_kind = 'document' AND gate.subject_id = document.id AND gate.passed
        WHERE intent.state = 'pending' AND document.issue_date < current_date - 1
        """
    )
    assert synced.succeeded
    assert synced.office.ask(COUNT_POSTED) > [0]
    assert left == []


def test_the_books_it_leaves_are_sound(synced: Synced) -> None:
    with synced.office.engine.connect() as connection:
        assert prove_ledger(connection).problems == []


def test_progress_is_told_after_each_step(synced: Synced) -> None:
    assert synced.progress == [(step, 14) for step in range(1, 15)]


@pytest.mark.parametrize("asset", PARTITIONED)
def test_each_month_of_the_range_is_materialized(synced: Synced, asset: str) -> None:
    months = sorted(synced.materializations(asset))
    assert months[0] == FIRST_MONTH
    assert months[-1] == THIS_MONTH
    assert synced.instance.get_materialized_partitions(dg.AssetKey(asset)) == set(months)


def test_each_month_shows_its_own_number_of_invoices(synced: Synced) -> None:
    shown = {
        month: metadata["dagster/partition_row_count"]
        for month, metadata in synced.materializations("ledger__invoices").items()
    }
    held = synced.office.ask(
        """
        SELECT to_char(document.close_month, 'YYYY-MM') AS month
        FROM ledger.documents AS issued
        INNER JOIN posting.intents AS intent ON intent.id = issued.intent_id
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        """
    )
    assert shown == {month: held.count(month) for month in shown}
    assert sum(shown.values()) == len(held)


def test_money_is_shown_as_people_write_it(synced: Synced) -> None:
    amounts = synced.materializations("ledger__invoices")["2025-03"]["month/invoices_amount"]
    assert "USD" in amounts
    assert "," in amounts


def test_raw_records_are_counted_by_type(synced: Synced) -> None:
    [deals] = synced.materializations("raw_crm__deals").values()
    assert deals["dagster/row_count"] == deals["versions_landed"] == 250


def test_the_stage_reports_are_on_record_as_data(synced: Synced) -> None:
    reports = synced.materializations("crm__deals")[FIRST_MONTH]["reports"]
    assert [report["stage"] for report in reports] == ["raw_gate", "normalize", "deal_gate"]


def test_a_second_run_posts_nothing(copied: Office) -> None:
    before = copied.ask(COUNT_POSTED)
    result = copied.run(SYNC_DEALS, months=ALL_MONTHS)
    assert result.success
    assert copied.ask(COUNT_POSTED) == before


def test_reading_nothing_new_does_not_make_deals_out_of_date(synced: Synced, copied: Office) -> None:
    again = copied.run(SYNC_DEALS, partition="2025-03").get_asset_materialization_events()
    [version] = [
        (event.step_materialization_data.materialization.tags or {})["dagster/data_version"]
        for event in again
        if event.asset_key == dg.AssetKey("raw_crm__deals")
    ]
    assert [version] == synced.data_versions("raw_crm__deals")


def test_a_run_of_one_month_posts_for_deals_of_that_month_only(office: Office) -> None:
    result = office.run(
        SYNC_DEALS,
        partition="2025-03",
        overrides={"pipeline": pipeline_on(office.engine, office.settings)},
    )
    months = office.ask(
        """
        SELECT DISTINCT document.close_month
        FROM ledger.documents AS issued
        INNER JOIN posting.intents AS intent ON intent.id = issued.intent_id
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        """
    )
    assert result.success
    assert months == [date(2025, 3, 1)]


def test_billing_again_needs_no_crm(copied: Office) -> None:
    assert copied.having(hubspot_token=None).run(REBILL_MONTHS, months=("2025-03", "2025-05")).success


def test_a_run_without_a_token_says_which_setting_is_missing(office: Office) -> None:
    told = office.having(hubspot_token=None).run_in_vain(SYNC_DEALS, FIRST_MONTH)
    assert "HUBSPOT_TOKEN is not set" in told
