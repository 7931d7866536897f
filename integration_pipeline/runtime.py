"""From settings to running parts: the database, migrated and registered, and a pipeline on it.

Belongs here: opening and closing what drivers share. Does not belong here: what a driver then does.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, make_url

from integration_pipeline.crm.hubspot.answers import SOURCE as HUBSPOT
from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.source import Source
from integration_pipeline.crm.write_back import CrmWriter
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.context import Evaluate, Pipeline, register
from integration_pipeline.quality import native
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade
from integration_pipeline.targets import posts_to
from integration_pipeline.transport.client import RetryPolicy, TimeLimits
from integration_pipeline.transport.limits import Limiter

PIPELINE_DATABASE = "pipeline"
DAGSTER_DATABASE = "dagster"
POSTGRES_FOLDER = "postgres"


@contextmanager
def database(settings: Settings) -> Generator[str]:
    """The URL of the pipeline's database. An embedded server that was not running stops again at the end."""
    if settings.database_url is not None:
        yield with_driver(settings.database_url, "postgresql+psycopg")
        return
    if not settings.data_dir.exists():
        raise MissingSetting(
            "DATABASE_URL", f"there is no data in {settings.data_dir} yet; run `make demo` for a first look"
        )
    folder = settings.data_dir.resolve() / POSTGRES_FOLDER
    was_running = EmbeddedPostgres.find(folder) is not None
    server = EmbeddedPostgres.start(folder)
    try:
        server.ensure_database(PIPELINE_DATABASE)
        yield server.url(PIPELINE_DATABASE)
    finally:
        if not was_running:
            server.stop()


def with_driver(url: str, driver: str) -> str:
    """`url` with another SQLAlchemy driver, password included: for handing on, never for showing."""
    return make_url(url).set(drivername=driver).render_as_string(hide_password=False)


def open_engine(url: str) -> Engine:
    """An engine whose errors show the statement and not the CRM's records bound to it."""
    return create_engine(url, hide_parameters=True)


def pipeline_on(engine: Engine, settings: Settings, evaluate: Evaluate = native.evaluate) -> Pipeline:
    """A pipeline under the settings' mapping and rules, on a migrated database; both are registered."""
    pipeline = Pipeline(
        engine=engine,
        mapping=read_mapping(settings.mapping_file),
        rules=read_rule_set(settings.rules_file),
        evaluate=evaluate,
        as_of=settings.as_of,
        targets=posts_to(settings),
    )
    upgrade(engine)
    register(pipeline)
    return pipeline


@contextmanager
def open_pipeline(settings: Settings, evaluate: Evaluate = native.evaluate) -> Generator[Pipeline]:
    """A ready pipeline; connections (and an embedded server that had to be started) end with the block."""
    with database(settings) as url:
        engine = open_engine(url)
        try:
            yield pipeline_on(engine, settings, evaluate)
        finally:
            engine.dispose()


@contextmanager
def open_source(
    settings: Settings, *, retries: RetryPolicy | None = None, time_limits: TimeLimits | None = None
) -> Generator[Source]:
    """The CRM the mapping is for; a driver in a hurry gives up on a call earlier than others."""
    if read_mapping(settings.mapping_file).source == "salesforce":
        from integration_pipeline.crm.salesforce.source import SalesforceSource

        with SalesforceSource(settings.salesforce(), retries=retries, time_limits=time_limits) as source:
            yield source
        return
    hubspot = settings.hubspot()
    with (
        _hubspot_limiter(settings, hubspot) as limiter,
        HubSpotSource(hubspot, limiter=limiter, retries=retries, time_limits=time_limits) as source,
    ):
        yield source


@contextmanager
def open_writer(settings: Settings, *, retries: RetryPolicy | None = None) -> Generator[CrmWriter]:
    """The CRM the mapping is for, to be written to."""
    if read_mapping(settings.mapping_file).source == "salesforce":
        from integration_pipeline.crm.salesforce.source import SalesforceSource

        with SalesforceSource(settings.salesforce(), retries=retries) as salesforce:
            yield salesforce
        return
    from integration_pipeline.crm.hubspot.writing import HubSpotWriter

    settings_there = settings.hubspot()
    with (
        _hubspot_limiter(settings, settings_there) as limiter,
        HubSpotWriter(settings_there, limiter=limiter, retries=retries) as hubspot,
    ):
        yield hubspot


@contextmanager
def _hubspot_limiter(settings: Settings, hubspot: HubSpotSettings) -> Generator[Limiter | None]:
    """What worker, runs and commands together may ask of HubSpot; None where no database is up to count."""
    url = _database_up(settings)
    if url is None:
        yield None
        return
    from integration_pipeline.transport.shared_limit import SharedRateLimiter

    with SharedRateLimiter(url, HUBSPOT, hubspot.account, hubspot.windows()) as limiter:
        yield limiter


def _database_up(settings: Settings) -> str | None:
    """The URL of the pipeline's database, unless that would have to be started first."""
    if settings.database_url is not None:
        return settings.database_url
    server = EmbeddedPostgres.find(settings.data_dir.resolve() / POSTGRES_FOLDER)
    return None if server is None else server.url(PIPELINE_DATABASE)
