"""What a person does about announced changes: look at them, see what became of them, have them settled again.

Belongs here: listing, showing, putting back, and the record of who did it. Does not belong here: claiming and
settling (`claims`), receiving (`receiving`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.inbox.receiving import CHANNEL

_NAMED_IN_LOG = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events: those for which all of this holds. None of it says nothing; `deal` is the CRM's id.

    Events of a deal are its own and those of its line items, companies and contacts. `since` is the moment
    they were received, or later.
    """

    ids: tuple[int, ...] | None = None
    state: str | None = None
    deal: str | None = None
    since: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """Bind values of the statement that finds them."""
        return {
            "ids": None if self.ids is None else list(self.ids),
            "state": self.state,
            "deal": self.deal,
            "since": self.since,
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many events were put back, and how many of the chosen ones are of a kind we have no use for."""

    events: int
    ignored: int


def list_events(connection: Connection, chosen: Selection, limit: int | None = None) -> list[dict[str, Any]]:
    """The newest `limit` of the chosen events, or all, newest first, without their bodies."""
    rows = connection.execute(text(_LIST), {**chosen.parameters(), "limit": limit})
    return [dict(row) for row in rows.mappings()]


def show_event(connection: Connection, event_id: int) -> dict[str, Any]:
    """One event as received, who settled it, and `deals`: those it concerns, with their documents.

    Raises `LookupError` for an unknown id.
    """
    row = connection.execute(text(_SHOW), {"id": event_id}).mappings().one_or_none()
    if row is None:
        raise LookupError(f"there is no event {event_id}; `events list` shows them")
    deals = connection.execute(text(_BECAME), {"id": event_id}).mappings()
    return {**row, "deals": [dict(deal) for deal in deals]}


def replay(connection: Connection, chosen: Selection, by: str) -> Replayed:
    """Put events back to be settled once more, in the caller's transaction; kept in the audit log.

    Harmless: the CRM is asked anew and every stage does only what is due, so an event that was settled before
    finds nothing to do. Workers are told when the transaction commits. Raises `LookupError` for an id that
    does not exist.
    """
    if chosen.ids is not None:
        known = set(connection.execute(text(_KNOWN), {"ids": list(chosen.ids)}).scalars())
        if unknown := [each for each in chosen.ids if each not in known]:
            raise LookupError(
                f"there is no event {', '.join(map(str, unknown))}; nothing was put back. "
                "`events list` shows them"
            )
    found = list_events(connection, chosen)
    put_back = connection.execute(text(_PUT_BACK), {"ids": [event["id"] for event in found]}).scalars().all()
    if put_back:
        connection.execute(text(_AUDIT), _audit(chosen, put_back, by))
        connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    return Replayed(len(put_back), sum(event["state"] == "ignored" for event in found))


def _audit(chosen: Selection, put_back: Sequence[int], by: str) -> dict[str, str]:
    asked = {
        "state": chosen.state,
        "deal": chosen.deal,
        "since": chosen.since and chosen.since.isoformat(),
        "events": len(put_back),
        "ids": sorted(put_back)[:_NAMED_IN_LOG],
    }
    stated = {name: value for name, value in asked.items() if value is not None}
    return {"actor": by, "subject": f"{len(put_back)} events", "details": json.dumps(stated)}


_LIST = """
    WITH concerned AS (
        SELECT 'deal' AS object_type, CAST(:deal AS text) AS external_id
        UNION
        SELECT linked.object_type, linked.external_id
        FROM raw.heads AS head
        INNER JOIN raw.records AS record ON record.id = head.record_id
        CROSS JOIN LATERAL raw.linked_records(record.associations) AS linked
        WHERE head.object_type = 'deal' AND head.external_id = :deal
    )
    SELECT
        event.id, event.source, event.kind, event.object_type, event.external_ids, event.occurred_at,
        event.received_at, event.deliveries, event.state, event.attempts, event.retry_at, event.finished_at,
        event.last_error, event.batch_id, event.run_id
    FROM inbox.events AS event
    WHERE (CAST(:ids AS bigint[]) IS NULL OR event.id = ANY(CAST(:ids AS bigint[])))
        AND (CAST(:state AS text) IS NULL OR event.state = :state)
        AND (CAST(:since AS timestamptz) IS NULL OR event.received_at >= :since)
        AND (
            CAST(:deal AS text) IS NULL
            OR EXISTS (
                SELECT FROM concerned
                WHERE concerned.object_type = event.object_type
                    AND concerned.external_id = ANY(event.external_ids)
            )
        )
    ORDER BY event.id DESC
    LIMIT :limit
"""
_SHOW = """
    SELECT
        event.*, batch.worker, batch.started_at AS batch_started_at, batch.finished_at AS batch_finished_at
    FROM inbox.events AS event
    LEFT JOIN inbox.batches AS batch ON batch.id = event.batch_id
    WHERE event.id = :id
"""
# The deals an event names, or that refer to what it names, as they stand now.
_BECAME = """
    WITH named AS (
        SELECT event.object_type, named.external_id
        FROM inbox.events AS event
        CROSS JOIN unnest(event.external_ids) AS named (external_id)
        WHERE event.id = :id
    ),
    concerned AS (
        SELECT head.source || ':' || head.external_id AS deal_key
        FROM named
        INNER JOIN raw.heads AS head
            ON head.object_type = 'deal' AND head.external_id = named.external_id
        WHERE named.object_type = 'deal'
        UNION
        SELECT head.source || ':' || head.external_id
        FROM named
        INNER JOIN raw.records AS record
            ON record.object_type = 'deal' AND record.associations @> jsonb_build_object(
                named.object_type, jsonb_build_array(jsonb_build_object('id', named.external_id))
            )
        INNER JOIN raw.heads AS head ON head.record_id = record.id
        WHERE named.object_type <> 'deal'
    )
    SELECT
        deal.deal_key, deal.name, deal.state, deal.version, deal.created_at AS version_created_at,
        (
            SELECT coalesce(jsonb_agg(
                jsonb_build_object('rule', held.rule, 'reason', held.reason, 'row', held.id)
                ORDER BY held.id
            ), '[]')
            FROM posting.quarantine AS held
            WHERE held.state = 'open' AND held.source = deal.source AND held.external_id = deal.external_id
        ) AS held,
        (
            SELECT coalesce(jsonb_agg(
                jsonb_build_object(
                    'document_key', document.document_key, 'kind', document.kind,
                    'number', intent.remote_id, 'state', intent.state, 'issue_date', document.issue_date,
                    'currency', document.currency, 'total_minor', document.total_minor,
                    'posted_at', entry.posted_at
                ) ORDER BY document.issue_date, document.id
            ), '[]')
            FROM billing.documents AS document
            INNER JOIN posting.ledger_intents AS intent ON intent.document_id = document.id
            LEFT JOIN ledger.journal_entries AS entry ON entry.intent_id = intent.id
            WHERE document.deal_key = deal.deal_key AND document.state = 'planned'
        ) AS documents
    FROM concerned
    INNER JOIN crm.current_deals AS deal ON deal.deal_key = concerned.deal_key
    ORDER BY length(deal.external_id), deal.external_id
"""
_KNOWN = "SELECT id FROM inbox.events WHERE id = ANY(CAST(:ids AS bigint[]))"
# What is of no use to us has nothing that could be settled.
_PUT_BACK = """
    UPDATE inbox.events
    SET state = 'pending', attempts = 0, faults = 0, retry_at = NULL, finished_at = NULL, last_error = NULL,
        batch_id = NULL, run_id = NULL, takeovers = 0, taken_over_at = NULL
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state <> 'ignored'
    RETURNING id
"""
_AUDIT = """
    INSERT INTO ops.audit_log (actor, action, subject, details)
    VALUES (:actor, 'events.replay', :subject, CAST(:details AS jsonb))
"""
