"""The own ledger, filled: won deals of a company land as a CRM tells them, and are booked by the stages.

Belongs here: a database with so many booked documents. Does not belong here: posting them anywhere else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline, PostsTo, register
from integration_pipeline.pipeline.landing import land
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import run_stages
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.runtime import PIPELINE_DATABASE, open_engine
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade

AS_OF = date(2026, 6, 30)
_SOURCE = "hubspot"
_BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
_CLOSINGS = 540
_DEALS_PER_COMPANY = 20


@contextmanager
def own_ledger() -> Generator[Pipeline]:
    """A pipeline on an embedded PostgreSQL as it is shipped: what it commits is on disk."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        EmbeddedPostgres.start(Path(scratch) / "postgres") as server,
    ):
        server.ensure_database(PIPELINE_DATABASE)
        engine = open_engine(server.url(PIPELINE_DATABASE))
        try:
            upgrade(engine)
            yield ledger_on(engine)
        finally:
            engine.dispose()


def ledger_on(engine: Engine) -> Pipeline:
    """The demo company's pipeline on a migrated, empty database."""
    pipeline = Pipeline(engine, read_mapping(DEFAULT_MAPPING), read_rule_set(), as_of=AS_OF)
    register(pipeline)
    return pipeline


def posting_to(pipeline: Pipeline, target: str, since: date) -> Pipeline:
    """The same pipeline, whose American documents also go to an accounting system."""
    return replace(pipeline, targets=(PostsTo(target, "us", since),))


def book_invoices(pipeline: Pipeline, count: int) -> None:
    """So many invoices of one line each, of a twentieth as many customers."""
    companies = [_company(each) for each in range(-(-count // _DEALS_PER_COMPANY))]
    deals = [_deal(each, len(companies)) for each in range(count)]
    _land(pipeline, [*companies, *deals])
    with pipeline.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    run_stages(pipeline, Scope.everything())


def total_booked(pipeline: Pipeline) -> tuple[int, int]:
    """Documents of the own ledger, and invoices less credit notes in minor units."""
    [row] = rows(
        pipeline,
        "SELECT count(*) AS documents, CAST(coalesce(sum(CASE kind WHEN 'invoice' THEN total_minor"
        " ELSE -total_minor END), 0) AS bigint) AS minor FROM ledger.documents",
    )
    return row["documents"], row["minor"]


def rows(pipeline: Pipeline, statement: str, **parameters: object) -> Sequence[Any]:
    """What a statement answers, by column."""
    with pipeline.engine.connect() as connection:
        return connection.execute(text(statement), parameters).mappings().all()


def _land(pipeline: Pipeline, records: Sequence[CrmRecord]) -> None:
    with pipeline.engine.begin() as connection:
        for chunk in chunked(records, 5_000):
            land(connection, chunk, datetime.now(UTC))


def _company(number: int) -> CrmRecord:
    properties = {"name": f"Company {number}", "domain": f"company-{number}.example"}
    return _record(ObjectType.COMPANY, number, properties, {})


def _deal(number: int, companies: int) -> CrmRecord:
    closed = _BEGINNING + timedelta(days=number % _CLOSINGS)
    properties = {
        "dealname": f"Deal {number}",
        "dealstage": "closedwon",
        "closedate": f"{closed.date().isoformat()}T12:00:00Z",
        "deal_currency_code": "USD",
        "amount": f"{100 + number % 9_900}.{number % 100:02}",
        "billing_entity": "us",
    }
    links = {ObjectType.COMPANY: (Association(str(number % companies)),)}
    return _record(ObjectType.DEAL, number, properties, links)


def _record(
    kind: ObjectType,
    number: int,
    properties: dict[str, str],
    links: dict[ObjectType, tuple[Association, ...]],
) -> CrmRecord:
    return CrmRecord(
        _SOURCE, kind, str(number), _BEGINNING + timedelta(seconds=number), False, dict(properties), links
    )
