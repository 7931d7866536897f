"""`POST /usage`: what products report of their use, recorded and announced in one transaction."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import psycopg
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError, SQLAlchemyError

from integration_pipeline.billing.usage.events import InvalidEvents, UsageEvent, load_events
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.gateway.parts import Parts
from integration_pipeline.gateway.refusals import Refused, documented, log
from integration_pipeline.inbox.receiving import keep
from integration_pipeline.pipeline.usage import deals_of_contracts, record_usage_on
from integration_pipeline.transport.json_types import parse_json

SOURCE: Final = "usage"
KIND: Final = "usage.recorded"
MAX_EVENTS: Final = 10_000
MAX_BODY: Final = 8 * 2**20
AT_ONCE: Final = 2
"""Reports recorded at a time; others wait for them."""

_BODY_SECONDS: Final = 30.0
_PROBLEMS_SHOWN: Final = 20


class Recorded(BaseModel):
    """The events are committed. Reporting them again changes nothing."""

    recorded: int = Field(description="Events that were new.", ge=0)
    known: int = Field(description="Events that had been reported before, in the same words.", ge=0)


def usage_routes(parts: Parts) -> APIRouter:
    """The route for reports of usage, for holders of USAGE_API_KEY."""
    router = APIRouter(tags=["usage"])
    limiter = CapacityLimiter(AT_ONCE)

    @router.post(
        "/usage",
        summary="Report usage",
        description=(
            "Records up to 10,000 events, each once by its `event_id`: all of them or none. "
            "The bills of the contracts concerned are planned anew."
        ),
        response_model=Recorded,
        responses=documented(
            s400="The body is no JSON.",
            s401="The key is not USAGE_API_KEY.",
            s408="The body took too long.",
            s409="An event contradicts an earlier one under its id, or its contract cannot be told.",
            s413=f"The body has more than {MAX_BODY} bytes.",
            s422="An event is not as described. The answer names it.",
            s503="The database cannot be reached, or USAGE_API_KEY is not set. Send it again later.",
        ),
        openapi_extra=_DESCRIBED,
    )
    async def report(request: Request) -> Recorded:  # pyright: ignore[reportUnusedFunction] - the router has it
        try:
            recorded = await take(request)
        except Refused as refused:
            parts.metrics.usage(refused.outcome)
            raise
        parts.metrics.usage("accepted")
        return recorded

    async def take(request: Request) -> Recorded:
        _authorize(request, parts)
        async with parts.bodies.read(request, limit=MAX_BODY, seconds=_BODY_SECONDS) as body:
            return await to_thread.run_sync(_record, parts.engine, body, limiter=limiter)

    return router


def _authorize(request: Request, parts: Parts) -> None:
    key = parts.settings.usage_api_key
    if key is None:
        log.error("USAGE_API_KEY is not set: nobody can report usage")
        raise Refused(503, "unavailable", "this gateway takes no usage reports", closes=True)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    matches = hmac.compare_digest(given.strip().encode(), key.get_secret_value().encode())
    if scheme.lower() != "bearer" or not matches:
        raise Refused(401, "forged", "Authorization must be Bearer and the usage API key", closes=True)


def _record(engine: Engine, body: bytes) -> Recorded:
    """Read, record and announce. In a thread: ten thousand events take most of a second."""
    events = _read(body)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT set_config('synchronous_commit', 'on', true)"))
            recorded = record_usage_on(connection, events)
            keep(_psycopg(connection), list(_announcements(connection, recorded.new)))
    except InvalidEvents as invalid:
        raise _refused(409, invalid) from None
    except DataError:
        raise Refused(422, "malformed", "a text holds characters that cannot be stored") from None
    except SQLAlchemyError as error:
        log.error("usage was not recorded", reason=type(error).__name__, events=len(events))
        raise Refused(503, "unavailable", "the database cannot be reached") from None
    return Recorded(recorded=sum(map(len, recorded.new.values())), known=recorded.known)


def _read(body: bytes) -> Sequence[UsageEvent]:
    try:
        report = parse_json(body, unique_names=True)
    except ValueError as error:
        raise Refused(400, "malformed", f"the body is no JSON to rely on: {error}") from None
    events = report.get("events") if isinstance(report, Mapping) and set(report) == {"events"} else None
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise Refused(422, "malformed", f'the body must be {{"events": [...]}} with 1 to {MAX_EVENTS} events')
    received_at = datetime.now(UTC).isoformat()
    documents: list[Mapping[str, Any]] = []
    for index, event in enumerate(cast("list[object]", events)):
        if not isinstance(event, Mapping):
            raise Refused(422, "malformed", f"[{index}] must be an object")
        if "received_at" in event:
            raise Refused(
                422, "malformed", f"[{index}].received_at: is the moment of the report, leave it out"
            )
        documents.append({**cast("Mapping[str, Any]", event), "received_at": received_at})
    try:
        return load_events(documents)
    except InvalidEvents as invalid:
        raise _refused(422, invalid) from None


def _announcements(connection: Connection, new: Mapping[str, Sequence[str]]) -> Iterable[WebhookEvent]:
    """One event for the deal of every contract with new usage: the worker plans it anew."""
    now = datetime.now(UTC)
    for contract, deal in deals_of_contracts(connection, new.keys()).items():
        ids = sorted(new[contract])
        digest = hashlib.sha256("\0".join([contract, *ids]).encode()).hexdigest()
        yield WebhookEvent(
            source=SOURCE,
            key=digest,
            kind=KIND,
            object_type=ObjectType.DEAL,
            external_ids=(deal,),
            occurred_at=now,
            body={"contract_id": contract, "events": len(ids)},
        )


def _psycopg(connection: Connection) -> psycopg.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine's dialect
    return cast("psycopg.Connection", driver)


def _refused(status: int, invalid: InvalidEvents) -> Refused:
    shown = "; ".join(f"{where}: {what}" for where, what in invalid.problems[:_PROBLEMS_SHOWN])
    more = len(invalid.problems) - _PROBLEMS_SHOWN
    return Refused(
        status,
        "malformed",
        f"{shown}; and {more} more" if more > 0 else shown,
        logged=f"{len(invalid.problems)} usage events cannot be recorded",
    )


_DESCRIBED: Final[dict[str, Any]] = {
    "security": [{"usageKey": []}],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["events"],
                    "additionalProperties": False,
                    "properties": {
                        "events": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MAX_EVENTS,
                            "items": {
                                "type": "object",
                                "required": ["event_id", "customer", "metric", "occurred_at"],
                                "additionalProperties": False,
                                "properties": {
                                    "event_id": {
                                        "type": "string",
                                        "description": "The reporter's; one event, one id, for ever.",
                                    },
                                    "customer": {"type": "string"},
                                    "contract_id": {
                                        "type": ["string", "null"],
                                        "description": "May be left out if only one contract can be meant.",
                                        "examples": ["hubspot:123"],
                                    },
                                    "metric": {"type": "string", "examples": ["api_calls"]},
                                    "occurred_at": {"type": "string", "format": "date-time"},
                                    "quantity": {
                                        "type": ["number", "string"],
                                        "default": 1,
                                        "description": "Negative to take units back.",
                                    },
                                    "properties": {
                                        "type": "object",
                                        "additionalProperties": {"type": "string"},
                                    },
                                },
                            },
                        }
                    },
                }
            }
        },
    },
}
