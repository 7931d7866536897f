"""Dagster's own daemon over the code location: sensors tick, runs start, and deals reach the books."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from integration_pipeline.inbox.receiving import keep
from integration_pipeline.instance import POSTGRES_URL_VARIABLE, write_dagster_home
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.defs.office import TOKEN, Office, Synced
from integration_pipeline_tests.inbox.announcements import announced

_PATIENCE_SECONDS = 180.0


@pytest.fixture
def daemon(office: Office, postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """The daemon with a Dagster of its own over the office; its log is what a failure shows."""
    postgres.ensure_database("dagster_daemon")
    home = str(write_dagster_home(tmp_path / "dagster"))
    environment = {
        **os.environ,
        "DAGSTER_HOME": home,
        POSTGRES_URL_VARIABLE: postgres.url("dagster_daemon", "postgresql+psycopg2"),
        "DATABASE_URL": office.settings.database_url or "",
        "HUBSPOT_TOKEN": TOKEN,
        "HUBSPOT_BASE_URL": office.settings.hubspot_base_url,
        "RULES_FILE": str(office.settings.rules_file),
    }
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run"]
    command += ["-m", "integration_pipeline.definitions"]
    with pytest.MonkeyPatch.context() as ours, (tmp_path / "daemon.log").open("wb") as log:
        for name in ("DAGSTER_HOME", POSTGRES_URL_VARIABLE):
            ours.setenv(name, environment[name])
        process = subprocess.Popen(  # noqa: S603 - a fixed program of this environment
            command, env=environment, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
        try:
            with dg.DagsterInstance.get() as instance:
                yield instance
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
            print((tmp_path / "daemon.log").read_text()[-5_000:])  # noqa: T201 - pytest shows it on failure


def test_an_event_that_nobody_settles_is_settled_by_a_run(
    office: Office, synced: Synced, daemon: dg.DagsterInstance
) -> None:
    [deal, *_] = synced.office.ask(
        """
        SELECT split_part(document.deal_key, ':', 2)
        FROM posting.intents AS intent
        INNER JOIN billing.documents AS document ON document.id = intent.document_id
        WHERE intent.state = 'posted'
        """
    )
    with psycopg.connect(
        office.engine.url.set(drivername="postgresql").render_as_string(False)
    ) as connection:
        keep(connection, [announced("e1", deal)])
        connection.execute("UPDATE inbox.events SET received_at = received_at - interval '2 minutes'")
    [run_id] = _wait_for(office, "SELECT run_id FROM inbox.events WHERE state = 'done'")
    _wait_for(office, "SELECT id FROM inbox.batches WHERE reported_at IS NOT NULL")
    assert office.ask("SELECT count(*) FROM ledger.documents") > [0]
    [newest] = daemon.fetch_materializations(dg.AssetKey("ledger__invoices"), limit=1).records
    assert newest.run_id == run_id
    [run] = daemon.get_runs(dg.RunsFilter(job_name="settle_events"))
    assert run.tags["dagster/sensor_name"] == "webhook_events"


def _wait_for(office: Office, query: str) -> list[object]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not (found := office.ask(query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.2)
    return found
