"""A desk at which webhooks arrive: a database with an inbox, a CRM in memory, and Dagster over it."""

# Dagster annotates the metadata of jobs with a bare `PathLike`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.definitions import build_defs
from integration_pipeline.inbox.claims import claim
from integration_pipeline.inbox.receiving import keep
from integration_pipeline.instance import POSTGRES_URL_VARIABLE, write_dagster_home
from integration_pipeline.realtime.reading import read_concerned
from integration_pipeline.realtime.settling import Attempt, run_stages_and_settle
from integration_pipeline.settings import Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.conftest import database_copy
from integration_pipeline_tests.defs.office import QUIET
from integration_pipeline_tests.inbox.announcements import announced
from integration_pipeline_tests.pipeline.conftest import Office, mapping, office, pipeline, portal, rules
from integration_pipeline_tests.pipeline.portal import Portal

__all__ = ["mapping", "office", "pipeline", "portal", "rules"]

_DAGSTER_TEMPLATE = "dagster_template"
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Desk:
    """Announcements come in, a worker may settle them, Dagster looks at both."""

    office: Office
    instance: dg.DagsterInstance
    settings: Settings
    defs: dg.Definitions
    cursors: dict[str, str | None] = field(default_factory=dict[str, str | None])

    @property
    def portal(self) -> Portal:
        return self.office.portal

    def announce(
        self, *external_ids: str, kind: ObjectType = ObjectType.DEAL, at: datetime | None = None
    ) -> None:
        """One event of each record, as the gateway keeps them; it occurred `at`, or now."""
        events = [announced(f"e{next(_NUMBERS)}", each, kind, at=at) for each in external_ids]
        with psycopg.connect(self.url) as connection:
            keep(connection, events)

    def settle(self) -> None:
        """What waits is settled as the real-time worker does it."""
        with psycopg.connect(self.url) as connection:
            claimed = claim(connection, 100)
            attempt = Attempt(connection, "worker 1", datetime.now(UTC))
            concerned = read_concerned(self.office.pipeline, self.portal, claimed.events)
            ids = [event.id for event in claimed.events]
            run_stages_and_settle(self.office.pipeline, attempt, ids, concerned)

    def tick(self, sensor: str) -> Any:
        """One evaluation of a sensor, which goes on from the cursor of the last."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursors.get(sensor))
        ticked = self.defs.resolve_sensor_def(sensor).evaluate_tick(context)
        self.cursors[sensor] = ticked.cursor
        return ticked

    def run(self, job: str, config: Any = None) -> dg.ExecuteInProcessResult:
        """Run a job in this process; a failed run is a result, too."""
        return self.defs.resolve_job_def(job).execute_in_process(
            run_config={**QUIET, **(config or {})}, instance=self.instance, raise_on_error=False
        )

    def having(self, **settings: object) -> Desk:
        """The same desk under other settings."""
        return desk_of(self.office, self.instance, self.settings.model_copy(update=settings))

    def launched(self) -> dg.ExecuteInProcessResult | None:
        """What the sensor `webhook_events` asks for is run, None if it asks for nothing."""
        requests = self.tick("webhook_events").run_requests
        if not requests:
            return None
        [request] = requests
        return self.run("settle_events", request.run_config)

    def said(self, result: dg.ExecuteInProcessResult) -> str:
        """What Dagster recorded of a run's failures."""
        events = [event for event in result.all_events if event.is_step_failure]
        return "\n".join(str(event.step_failure_data.error) for event in events)

    def newest(self, asset: str, partition: str | None = None) -> dg.EventLogRecord | None:
        """The newest materialization on record."""
        found = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(
                asset_key=dg.AssetKey(asset), asset_partitions=[partition] if partition else None
            ),
            limit=1,
        )
        return found.records[0] if found.records else None

    def shown(self, asset: str, partition: str | None = None) -> dict[str, Any]:
        """The metadata of the newest materialization."""
        record = self.newest(asset, partition)
        assert record is not None
        assert record.asset_materialization is not None
        return {name: each.value for name, each in record.asset_materialization.metadata.items()}

    @property
    def url(self) -> str:
        url = self.office.pipeline.engine.url.set(drivername="postgresql")
        return url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def dagster_template(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with Dagster's tables: copying it takes a tenth of making them."""
    postgres.ensure_database(_DAGSTER_TEMPLATE)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(write_dagster_home(tmp_path_factory.mktemp("template"))))
        environment.setenv(POSTGRES_URL_VARIABLE, postgres.url(_DAGSTER_TEMPLATE, "postgresql+psycopg2"))
        with dg.DagsterInstance.get() as instance:
            instance.get_runs(limit=1)
    return _DAGSTER_TEMPLATE


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster with nothing on record, in memory: in PostgreSQL each event is a session of its own."""
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as opened:
        yield opened


@pytest.fixture
def stored_instance(
    dagster_template: str,
    postgres: EmbeddedPostgres,
    administrator: psycopg.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dg.DagsterInstance]:
    """With Dagster's PostgreSQL storage, in which nothing is on record."""
    name = f"dagster_{next(_NUMBERS)}"
    monkeypatch.setenv("DAGSTER_HOME", str(write_dagster_home(tmp_path / "dagster")))
    monkeypatch.setenv(POSTGRES_URL_VARIABLE, postgres.url(name, "postgresql+psycopg2"))
    with database_copy(administrator, dagster_template, name), dg.DagsterInstance.get() as opened:
        yield opened


@pytest.fixture
def desk(office: Office, instance: dg.DagsterInstance) -> Desk:
    url = office.pipeline.engine.url.render_as_string(hide_password=False)
    settings = Settings.model_validate(
        {"database_url": url, "hubspot_token": "pat-na1-test", "inbox_patience_seconds": 60}
    )
    return desk_of(office, instance, settings)


def desk_of(office: Office, instance: dg.DagsterInstance, settings: Settings) -> Desk:
    """Dagster over this office, under these settings."""
    overrides = {"pipeline": office.pipeline, "crm": office.portal}
    defs = build_defs(settings=settings, resource_overrides=overrides)
    return Desk(office, instance, settings, defs)
