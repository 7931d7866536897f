"""Asset checks: what waits for somebody, and whether the books hold."""

from __future__ import annotations

import dagster as dg
import pytest
from sqlalchemy import text

from integration_pipeline.defs.jobs import SYNC_DEALS
from integration_pipeline.quality.suites import DEALS
from integration_pipeline_tests.defs.office import Office, Synced


def test_a_suite_says_how_many_rows_it_judged_and_by_what(synced: Synced) -> None:
    metadata = {name: value.value for name, value in synced.checks()["deals"].metadata.items()}
    won = synced.office.ask("SELECT count(*) FROM crm.current_deals WHERE state = 'won'")
    held = synced.office.ask(
        "SELECT count(DISTINCT subject_id) FROM posting.quarantine WHERE suite = 'deals'"
    )
    assert [metadata["evaluated"]] == won
    assert [metadata["failed"]] == [metadata["waiting"]] == held
    assert metadata["evaluator"] == "great expectations"
    assert metadata["suite_version"] == DEALS.version


def test_failing_rows_are_shown_with_record_field_value_reason_and_next_step(synced: Synced) -> None:
    table = synced.checks()["deals"].metadata["failing_rows"]
    held = synced.office.ask("SELECT reason FROM posting.quarantine WHERE suite = 'deals'")
    assert isinstance(table, dg.TableMetadataValue)
    assert sorted(str(record.data["reason"]) for record in table.records) == sorted(held)
    for record in table.records:
        assert record.data["record"]
        assert record.data["field"]
        assert record.data["next_step"]


def test_rows_that_wait_warn_and_do_not_stop_the_run(synced: Synced) -> None:
    deals = synced.checks()["deals"]
    assert not deals.passed
    assert deals.severity is dg.AssetCheckSeverity.WARN
    assert synced.succeeded


def test_a_check_goes_on_warning_while_rows_of_an_earlier_run_wait(copied: Office) -> None:
    result = copied.run(SYNC_DEALS, partition="2025-03")
    [deals] = [each for each in result.get_asset_check_evaluations() if each.check_name == "deals"]
    assert deals.metadata["evaluated"].value == 0
    assert not deals.passed


def test_a_check_passes_once_nothing_waits(copied: Office) -> None:
    with copied.engine.begin() as connection:
        connection.execute(text("UPDATE posting.quarantine SET state = 'released'"))
    result = copied.run(SYNC_DEALS, partition="2025-03")
    [deals] = [each for each in result.get_asset_check_evaluations() if each.check_name == "deals"]
    assert deals.passed


def test_the_books_pass_every_check(synced: Synced) -> None:
    checks = synced.checks()
    assert {name for name, check in checks.items() if check.blocking} == {
        "chain_is_unbroken",
        "debits_equal_credits",
        "posted_at_most_once",
        "posted_only_through_the_gate",
        "posted_once_and_known",
        "settlements_agree_with_the_books",
    }
    assert all(check.passed for check in checks.values() if check.blocking)


@pytest.mark.parametrize(
    ("spoil", "failing"),
    [
        pytest.param(
            """
            UPDATE ledger.journal_lines SET debit_minor = debit_minor + 1
            WHERE debit_minor > 0 AND (entry_id, position) = (
                SELECT entry_id, position FROM ledger.journal_lines WHERE debit_minor > 0 LIMIT 1
            )
            """,
            {"debits_equal_credits", "chain_is_unbroken"},
            id="an amount is changed by hand",
        ),
        pytest.param(
            """
            DELETE FROM ledger.documents WHERE intent_id = (SELECT min(intent_id) FROM ledger.documents)
            """,
            {"posted_at_most_once", "chain_is_unbroken"},
            id="an invoice is deleted",
        ),
        pytest.param(
            """
            DELETE FROM posting.gate_records WHERE (subject_kind, subject_id) = (
                SELECT 'document', min(document_id) FROM posting.intents WHERE state = 'posted'
            )
            """,
            {"posted_only_through_the_gate"},
            id="a document was never judged",
        ),
        pytest.param(
            """
            UPDATE billing.documents AS one SET slot = other.slot, deal_key = other.deal_key, revision = 2
            FROM billing.documents AS other
            WHERE (one.id, other.id) = (
                SELECT max(document_id), min(document_id) FROM posting.intents WHERE state = 'posted'
            )
            """,
            {"posted_at_most_once"},
            id="two invoices for one date of one deal",
        ),
    ],
)
def test_books_that_somebody_spoilt_fail_the_check(copied: Office, spoil: str, failing: set[str]) -> None:
    with copied.engine.begin() as connection:
        # As somebody could who owns the server: no trigger, no foreign key is in the way.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        assert connection.execute(text(spoil)).rowcount == 1
    failed = {name for name, check in copied.check_books().items() if not check.passed}
    # What is receivable may differ, too, once an amount was touched.
    assert failed - {"settlements_agree_with_the_books"} == failing


def test_spoilt_books_fail_the_run(copied: Office) -> None:
    with copied.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("DELETE FROM posting.gate_records WHERE subject_kind = 'document'"))
        connection.execute(text("UPDATE billing.documents SET state = 'superseded'"))
    assert not copied.run(SYNC_DEALS, partition="2025-03").success
