"""Probes: is the process alive, can it do its work, and what has it done."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from alembic.script import ScriptDirectory
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from integration_pipeline.gateway.parts import Parts
from integration_pipeline.gateway.session import DatabaseUnavailable, Unstorable
from integration_pipeline.inbox.standing import InboxStanding, standing
from integration_pipeline.settings import listed
from integration_pipeline.store.migrate import MIGRATIONS

_READY: Final = """
    SELECT
        (SELECT string_agg(version_num, ', ') FROM ops.alembic_version),
        count(*), EXTRACT(EPOCH FROM clock_timestamp() - min(received_at))::float8
    FROM inbox.events WHERE state = 'pending'
"""
_SETTLED: Final = """
    SELECT percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY latency.ms)
    FROM (SELECT latencies_ms FROM inbox.batches ORDER BY id DESC LIMIT 200) AS batch
    CROSS JOIN unnest(batch.latencies_ms) AS latency (ms)
"""


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(examples=["alive"])


class Readiness(BaseModel):
    """Whether webhooks can be accepted, and what stands in the way. The backlog is for information only."""

    ready: bool
    problems: list[str] = Field(description="Each with what to do about it; empty when ready.")
    waiting_events: int | None = Field(description="Events that the worker has not settled.")
    oldest_waiting_seconds: float | None = Field(description="Age of the oldest of them.")


def health_routes(parts: Parts) -> APIRouter:
    """Routes for probes and Prometheus. No secrets are told, but the internet need not see them."""
    router = APIRouter(tags=["probes"])
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    one_at_a_time = CapacityLimiter(1)
    hears_of_deals = any(
        listed(secret)
        for secret in (
            parts.settings.hubspot_client_secret,
            parts.settings.salesforce_outbound_tokens,
            parts.settings.salesforce_relay_secrets,
        )
    )

    @router.get("/healthz", summary="Is the process alive?", response_model=Alive)
    async def alive() -> Alive:  # pyright: ignore[reportUnusedFunction] - the router has it
        return Alive(status="alive")

    @router.get(
        "/readyz",
        summary="Can webhooks be accepted?",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not now; `problems` says why."}},
    )
    async def ready() -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        problems: list[str] = []
        waiting, oldest = None, None
        if not hears_of_deals:
            problems.append("HUBSPOT_CLIENT_SECRET is not set: set it to the secret of the HubSpot app")
        try:
            revision, waiting, oldest = await parts.reading.row(_READY)
        except (DatabaseUnavailable, Unstorable) as error:
            problems.append(f"the database cannot be used: {error}")
        else:
            if revision != newest:
                problems.append(f"the database is at revision {revision}, not {newest}: restart a gateway")
        state = Readiness(
            ready=not problems,
            problems=problems,
            waiting_events=waiting,
            oldest_waiting_seconds=oldest,
        )
        return JSONResponse(state.model_dump(), 503 if problems else 200)

    @router.get(
        "/metrics",
        summary="For Prometheus",
        response_class=Response,
        responses={200: {"description": "Prometheus's text format.", "content": {"text/plain": {}}}},
    )
    async def metrics() -> Response:  # pyright: ignore[reportUnusedFunction] - the router has it
        gauges: list[tuple[str, str, float]] = []
        # The process's own numbers are wanted most when the database is down.
        with suppress(SQLAlchemyError):
            gauges = await to_thread.run_sync(_inbox_gauges, parts.engine, limiter=one_at_a_time)
        return Response(parts.metrics.exposition(gauges), media_type=CONTENT_TYPE_LATEST)

    return router


def _inbox_gauges(engine: Engine) -> list[tuple[str, str, float]]:
    """Name, meaning and value of what the database knows; latencies only if anything was settled."""
    with engine.connect() as connection:
        connection.execute(text("SELECT set_config('statement_timeout', '2s', true)"))
        inbox: InboxStanding = standing(connection)
        settled: list[int] = connection.execute(text(_SETTLED)).scalar_one() or []
    gauges: list[tuple[str, str, float]] = [
        ("inbox_waiting_events", "Events announced and not settled", inbox.waiting),
        (
            "inbox_oldest_waiting_seconds",
            "Age of the oldest of them; 0 if there is none",
            inbox.oldest_waiting_seconds or 0.0,
        ),
        ("inbox_failed_events", "Events that were given up and wait for a person", inbox.failed),
        (
            "inbox_missed_deals",
            "Deals of the last day whose change no event announced",
            inbox.missed_last_day,
        ),
        ("inbox_missed_unsettled_deals", "Those of any day not yet settled", inbox.missed_unsettled),
        ("inbox_unreported_batches", "Batches that Dagster was not told of yet", inbox.unreported),
    ]
    for share, milliseconds in zip(("p50", "p99"), settled, strict=False):
        meaning = f"From receipt to the books, {share} of the events of the last 200 batches"
        gauges.append((f"inbox_settled_{share}_seconds", meaning, milliseconds / 1_000))
    return gauges
