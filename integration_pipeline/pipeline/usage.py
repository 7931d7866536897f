"""Usage: what products report of their use, kept once, for the contracts that charge for it.

Belongs here: recording events, finding the contract of an event that names none, reading a contract's events.
Does not belong here: adding events up (`billing.usage`), what they cost (`billing.pricing`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.usage.events import InvalidEvents, UsageEvent, distinct_events
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting

_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class RecordedUsage:
    """What a report brought: `event_ids` by contract for what was new, and how many events were known."""

    new: Mapping[str, Sequence[str]]
    known: int


def record_usage(pipeline: Pipeline, events: Iterable[UsageEvent]) -> StageReport:
    """Keep every event once: all of them, or none. The next `schedule` plans the contracts concerned anew.

    Counts: `recorded`, `known` (reported before, in the same words). Raises `InvalidEvents` as
    `record_usage_on` does.
    """
    with reporting("usage") as report, pipeline.engine.begin() as connection:
        recorded = record_usage_on(connection, events)
        report.counts["recorded"] += sum(map(len, recorded.new.values()))
        report.counts["known"] += recorded.known
    return report


def record_usage_on(connection: Connection, events: Iterable[UsageEvent]) -> RecordedUsage:
    """Keep every event once, in the caller's transaction, which must not commit if this raises.

    An event that names no contract is kept for the only contract of its customer that charges for its metric.
    Raises `InvalidEvents` for an event that contradicts an earlier report under its id, or whose contract
    cannot be told.
    """
    new: dict[str, list[str]] = defaultdict(list)
    known = 0
    for chunk in chunked(distinct_events(events), _CHUNK):
        contract_of = _contracts_by_usage(connection, chunk)
        rows = [_row(event, contract_of) for event in chunk]
        recorded = connection.execute(text(_RECORD), {"batch": json.dumps(rows)}).all()
        known += len(rows) - len(recorded)
        _refuse(_problems(connection, rows))
        for row in recorded:
            new[row.contract_id].append(row.event_id)
    return RecordedUsage(new, known)


def deals_of_contracts(connection: Connection, contract_ids: Collection[str]) -> Mapping[str, str]:
    """The CRM's id of each contract's deal, by contract; none for a contract whose deal has not come yet."""
    rows = connection.execute(text(_DEALS), {"contracts": list(contract_ids)})
    return {row.contract_id: row.external_id for row in rows}


def usage_of_contracts(
    connection: Connection, contract_ids: Sequence[str]
) -> Mapping[str, Sequence[UsageEvent]]:
    """The events of each contract, in the order in which they occurred."""
    events: dict[str, list[UsageEvent]] = defaultdict(list)
    if not contract_ids:
        return events
    for row in connection.execute(text(_OF_CONTRACTS), {"contracts": list(contract_ids)}):
        events[row.contract_id].append(_event(row))
    return events


def _contracts_by_usage(
    connection: Connection, events: Sequence[UsageEvent]
) -> Mapping[tuple[str, str], list[str]]:
    """Contracts by (customer, metric), for the events that do not name theirs."""
    customers = {event.customer for event in events if event.contract_id is None}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    if customers:
        for row in connection.execute(text(_METERED), _named(customers)):
            found[row.customer, row.metric].append(row.contract_id)
    return found


def _named(customers: Iterable[str]) -> dict[str, Any]:
    """Customers as they are named, and the ids among these names: those have an index."""
    ids = [int(name) for name in customers if name.isascii() and name.isdigit() and len(name) < 19]
    return {"customers": list(customers), "customer_ids": ids}


def _row(event: UsageEvent, contract_of: Mapping[tuple[str, str], Sequence[str]]) -> dict[str, Any]:
    candidates = contract_of.get((event.customer, event.metric), ())
    return {
        **event.model_dump(mode="json"),
        "stated": event.contract_id is not None,
        "contract_id": event.contract_id or (candidates[0] if len(candidates) == 1 else ""),
        "candidates": list(candidates),
    }


def _problems(connection: Connection, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What the rows just given and what is kept do not agree on."""
    kept = {
        row.event_id: _event(row)
        for row in connection.execute(text(_KEPT), {"ids": [row["event_id"] for row in rows]})
    }
    for row in rows:
        known = kept[row["event_id"]]
        name = f"event {known.event_id[:80]!r}"
        if not known.contract_id:
            candidates = ", ".join(sorted(row["candidates"])[:10])
            yield (
                name,
                f"no contract of customer {known.customer[:80]!r} charges for {known.metric[:80]!r}"
                if not candidates
                else f"{candidates} all charge for {known.metric[:80]!r}; name the contract in the event",
            )
            continue
        given = {field: row[field] for field in UsageEvent.model_fields}
        if not row["stated"]:
            given["contract_id"] = known.contract_id
        try:
            distinct_events([known, UsageEvent.model_validate(given)])
        except InvalidEvents as contradiction:
            yield from contradiction.problems


def _refuse(problems: Iterator[tuple[str, str]]) -> None:
    listed = list(problems)
    if listed:
        raise InvalidEvents(listed)


def _event(row: Row[Any]) -> UsageEvent:
    return UsageEvent.model_construct(
        event_id=row.event_id,
        customer=row.customer,
        contract_id=row.contract_id,
        metric=row.metric,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        quantity=row.quantity,
        properties=row.properties,
    )


_RECORD = """
    INSERT INTO billing.usage_events (
        event_id, contract_id, customer, metric, occurred_at, received_at, quantity, properties
    )
    SELECT event_id, contract_id, customer, metric, occurred_at, received_at, quantity, properties
    FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS event (
        event_id text, contract_id text, customer text, metric text, occurred_at timestamptz,
        received_at timestamptz, quantity numeric, properties jsonb
    )
    ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id, contract_id
"""
# A deal's contract is named by the deal's key (`mapping.contracts`).
_DEALS = """
    SELECT deal_key AS contract_id, external_id
    FROM crm.current_deals WHERE deal_key = ANY(CAST(:contracts AS text[]))
"""
_KEPT = "SELECT * FROM billing.usage_events WHERE event_id = ANY(CAST(:ids AS text[]))"
_METERED = """
    SELECT DISTINCT
        deal.terms ->> 'customer' AS customer, deal.terms ->> 'contract_id' AS contract_id,
        charge.value -> 'metric' ->> 'metric' AS metric
    FROM crm.current_deals AS deal
    CROSS JOIN LATERAL jsonb_array_elements(deal.terms -> 'charges') AS charge
    WHERE deal.state = 'won' AND deal.customer_id = ANY(CAST(:customer_ids AS bigint[]))
        AND CAST(deal.customer_id AS text) = ANY(CAST(:customers AS text[]))
        AND charge.value -> 'metric' ->> 'metric' IS NOT NULL
    ORDER BY contract_id
"""
_OF_CONTRACTS = """
    SELECT * FROM billing.usage_events
    WHERE contract_id = ANY(CAST(:contracts AS text[]))
    ORDER BY contract_id, occurred_at, received_at, event_id
"""
