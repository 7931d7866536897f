"""The refresh as a call: its report, its place to write, its turn."""

from __future__ import annotations

import threading

from sqlalchemy import NullPool, create_engine, text

from integration_pipeline.reporting.run import FailedTest, ReportingReport
from integration_pipeline.reporting.snapshot import held_snapshot


def test_the_report_counts_rows_and_tests(report: ReportingReport) -> None:
    plain = report.as_json()
    assert plain["ok"] is True
    assert report.skipped == ()
    rows = {model.name: model.rows for model in report.models}
    assert (rows["deals"], rows["invoices"], rows["customers"]) == (12, 10, 4)


def test_a_warning_leaves_a_refresh_in_order_and_an_error_does_not() -> None:
    warned = ReportingReport((), 0, (FailedTest("a", "warn", 1),), (), 0.0)
    failed = ReportingReport((), 0, (FailedTest("a", "error", 1),), (), 0.0)
    assert (warned.ok, failed.ok) == (True, False)


def test_a_second_refresh_waits_for_the_first_and_then_sees_what_it_saw_not(business_url: str) -> None:
    ids: list[str] = []

    def second() -> None:
        with held_snapshot(business_url) as snapshot:
            ids.append(snapshot)

    engine = create_engine(business_url, poolclass=NullPool)
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with held_snapshot(business_url) as first, engine.connect() as connection:
        thread = threading.Thread(target=second)
        thread.start()
        while not connection.execute(waiting).scalar_one():
            connection.rollback()
        assert ids == []
    thread.join()
    assert ids != [first]
