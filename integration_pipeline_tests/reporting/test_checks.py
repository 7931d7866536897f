"""dbt's own tests can fail, and the read models are of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, NullPool, create_engine, text

from integration_pipeline.reporting.errors import ReportingError
from integration_pipeline.reporting.project import PROJECT_DIR
from integration_pipeline.reporting.run import ReportingReport, refresh
from integration_pipeline.reporting.snapshot import held_snapshot
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.reporting.conftest import BUSINESS, Dbt, project_files

# What each of dbt_like_sql/tests/ is there to notice.
BROKEN = {
    "every_won_deal_is_accounted_for_once": (
        "UPDATE reporting.crm_to_books_bridge SET waiting_deals = waiting_deals + 1 WHERE currency = 'KWD'"
    ),
    "reasons_add_up_to_the_bridge": (
        "DELETE FROM reporting.crm_to_books_reasons WHERE reason = 'deal_has_a_currency'"
    ),
    "bridge_ties_to_the_books": (
        "UPDATE reporting.crm_to_books_bridge SET credited_minor = 0 WHERE currency = 'USD'"
    ),
    "schedules_are_invoiced_or_still_to_be": (
        "UPDATE reporting.crm_to_books_bridge SET scheduled_minor = 1 WHERE currency = 'JPY'"
    ),
    "invoices_are_what_the_ledger_issued": (
        "DELETE FROM reporting.invoices WHERE deal_key = 'hubspot:one-time'"
    ),
    "no_invoice_is_credited_beyond_its_total": (
        "UPDATE reporting.invoices SET reversed_minor = 999999 WHERE deal_key = 'hubspot:half'"
    ),
    "ageing_adds_up_to_the_open_invoices": (
        "UPDATE reporting.receivables_ageing SET days_1_30_minor = 0 WHERE currency = 'EUR'"
    ),
    "open_invoices_are_the_receivable_account": (
        "UPDATE reporting.invoices SET open_minor = 1 WHERE deal_key = 'hubspot:half'"
    ),
    "trial_balance_is_zero": (
        "UPDATE reporting.trial_balance SET balance_minor = 7 WHERE entity = 'eu' AND role = 'revenue'"
    ),
}


@pytest.fixture
def copy(
    postgres: EmbeddedPostgres, administrator: psycopg.Connection, report: ReportingReport
) -> Iterator[Engine]:
    """The small business with its read models, to break."""
    name = "small_business_copy"
    administrator.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(BUSINESS))
    )
    engine = create_engine(postgres.url(name), poolclass=NullPool)
    yield engine
    administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_refresh_writes_nothing_into_the_project(
    project_before: dict[Path, int], report: ReportingReport
) -> None:
    assert report.models
    assert project_files() == project_before


def test_all_of_dbts_tests_pass_for_the_small_business(report: ReportingReport) -> None:
    assert report.ok
    assert report.failed_tests == ()
    assert report.tests_passed > len(BROKEN)


def test_each_of_the_projects_own_tests_notices_what_it_is_there_for(copy: Engine, dbt: Dbt) -> None:
    with copy.begin() as connection:
        for statement in BROKEN.values():
            connection.execute(text(statement))
    found = dbt(copy, "test", "--select", "test_type:singular")
    assert {name for name, status in found.items() if status in ("fail", "warn")} == set(BROKEN)
    assert set(BROKEN) == {path.stem for path in (PROJECT_DIR / "tests").glob("*.sql")}


def test_what_is_written_during_a_refresh_is_in_none_of_its_models(copy: Engine, dbt: Dbt) -> None:
    with held_snapshot(copy.url.render_as_string(hide_password=False)) as snapshot:
        with copy.begin() as connection:
            connection.execute(text("UPDATE crm.customers SET name = 'Renamed' WHERE name = 'Acme'"))
        before = _customer_names(copy, dbt, snapshot)
    after = _customer_names(copy, dbt, "")
    assert ("Acme" in before, "Renamed" in before) == (True, False)
    assert ("Acme" in after, "Renamed" in after) == (False, True)


def test_a_model_that_cannot_be_built_is_named_with_what_the_database_says(copy: Engine) -> None:
    with copy.begin() as connection:
        connection.execute(text("DROP TABLE crm.deal_heads CASCADE"))
    with pytest.raises(ReportingError, match=r"(?s)could not build cut_\w+: .*does not exist"):
        refresh(copy.url.render_as_string(hide_password=False))


def _customer_names(engine: Engine, dbt: Dbt, snapshot: str) -> set[str]:
    assert dbt(engine, "run", "--select", "cut_customers", DBT_SNAPSHOT=snapshot) == {
        "cut_customers": "success"
    }
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT name FROM reporting_cut.cut_customers")).scalars())
