"""The real-time path of a demo: gateway and worker beside the sandbox, and a deal closed for all to see.

Belongs here: starting both, pointing the sandbox's webhooks at them, closing one deal. Does not belong here:
the rest of the demo (`workshop`), the path itself.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from sqlalchemy import Connection, text

from integration_pipeline.billing.money import Money
from integration_pipeline.cli.workshop import SANDBOX_SECRET, Workshop
from integration_pipeline.crm.hubspot.subscriptions import subscriptions
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.gateway.server import GatewayProcess
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.realtime.process import worker_process

_PATIENCE_SECONDS = 20.0
# HubSpot's id of the association of a deal with its primary company.
_DEAL_TO_PRIMARY_COMPANY = 5


@dataclass(frozen=True, slots=True)
class RealTime:
    """A gateway and a worker at work for a demo's CRM."""

    workshop: Workshop
    gateway_url: str


@dataclass(frozen=True, slots=True)
class LiveInvoice:
    """What a deal that was closed just now has become; `milliseconds` from the click in the CRM to the books.

    `target` is the accounting system that has it, too, after `target_milliseconds`; None if there is none, or
    if it is not there in time.
    """

    deal_name: str
    number: str
    total: Money
    milliseconds: float
    target: str | None = None
    target_milliseconds: float = 0


@contextmanager
def open_real_time(workshop: Workshop) -> Generator[RealTime]:
    """Start gateway and worker, without the worker if real time is off; they stop at the end of the block.

    By then the sandbox sends no more webhooks.
    """
    logs = workshop.folder
    with GatewayProcess(workshop.settings, log=logs / "gateway.log") as gateway, ExitStack() as working:
        if workshop.settings.realtime == "on":
            working.enter_context(worker_process(workshop.environment(), logs / "worker.log"))
        mapping = read_mapping(workshop.settings.mapping_file)
        if workshop.systems is not None:
            workshop.systems.announce_to(gateway.base_url)
        wanted = subscriptions({kind: mapping.properties(kind) for kind in ObjectType})
        with _crm(workshop) as crm:
            crm.put(
                "/_sandbox/webhooks",
                json={
                    "target_url": gateway.webhook_url,
                    "client_secret": SANDBOX_SECRET,
                    "subscriptions": [each.as_json() for each in wanted],
                },
            ).raise_for_status()
        try:
            yield RealTime(workshop, gateway.base_url)
        finally:
            # Ctrl-C may have ended the sandbox first; whoever starts it next silences it then.
            with suppress(httpx.TransportError):
                silence_webhooks(workshop)
                if workshop.systems is not None:
                    workshop.systems.announce_to(None)


def silence_webhooks(workshop: Workshop) -> None:
    """Have the sandbox call nobody, as long as nobody listens: a killed demo leaves its gateway's address."""
    with _crm(workshop) as crm:
        crm.put("/_sandbox/webhooks", json={"target_url": None}).raise_for_status()


def close_a_deal(real_time: RealTime, connection: Connection) -> LiveInvoice | None:
    """Win a new deal in the sandbox CRM, like one already invoiced; None if it is not in the books in time.

    The CRM's webhook does the rest.
    """
    pattern = connection.execute(text(_PATTERN)).one_or_none()
    connection.rollback()
    if pattern is None:
        return None
    now = datetime.now(UTC)
    with _crm(real_time.workshop) as crm:
        properties = {name: value for name, value in pattern.properties.items() if value is not None}
        properties |= {"dealname": f"Won live at {now:%H:%M:%S}", "dealstage": "contractsent"}
        deal_id = _create(crm, properties, pattern.company)
        _wait(connection, _IS_KNOWN, deal_id)
        closed_at = time.time()
        crm.patch(
            f"/crm/v3/objects/deals/{deal_id}",
            json={"properties": {"dealstage": "closedwon", "closedate": now.isoformat()}},
        ).raise_for_status()
    found = _wait(connection, _INVOICE, deal_id)
    if found is None:
        return None
    there = _wait(connection, _POSTED, deal_id) if real_time.workshop.systems is not None else None
    return LiveInvoice(
        deal_name=properties["dealname"],
        number=found.number,
        total=Money(found.total_minor, found.currency),
        milliseconds=1_000 * (found.finished_at.timestamp() - closed_at),
        target=there.target if there is not None else None,
        target_milliseconds=1_000 * (there.updated_at.timestamp() - closed_at) if there is not None else 0,
    )


@contextmanager
def _crm(workshop: Workshop) -> Generator[httpx.Client]:
    headers = {"Authorization": f"Bearer {workshop.token}"}
    with httpx.Client(base_url=workshop.sandbox_url, headers=headers, timeout=30) as client:
        yield client


def _create(crm: httpx.Client, properties: dict[str, str], company: str) -> str:
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _DEAL_TO_PRIMARY_COMPANY}
    answer = crm.post(
        "/crm/v3/objects/deals",
        json={"properties": properties, "associations": [{"to": {"id": company}, "types": [link]}]},
    ).raise_for_status()
    return str(answer.json()["id"])


def _wait(connection: Connection, statement: str, deal_id: str) -> Any:
    """The row that the statement finds at last, None if it never does."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = connection.execute(text(statement), {"deal": deal_id}).one_or_none()
        connection.rollback()
        if found is not None:
            return found
        time.sleep(0.02)
    return None


# A one-time deal of one company and without line items: whatever the mapping asks for, it has.
_PATTERN = """
    SELECT record.properties, record.associations -> 'company' -> 0 ->> 'id' AS company
    FROM crm.current_deals AS deal
    INNER JOIN raw.records AS record ON record.id = deal.raw_record_id
    WHERE deal.state = 'won' AND record.associations ? 'company' AND NOT record.associations ? 'line_item'
        AND 1 = (SELECT count(*) FROM billing.documents AS document WHERE document.deal_key = deal.deal_key)
        AND EXISTS (SELECT FROM ledger.documents AS booked WHERE booked.body ->> 'deal' = deal.deal_key)
        AND deal.amendment_effective IS NULL
    ORDER BY deal.id
    LIMIT 1
"""
_IS_KNOWN = """
    SELECT event.id
    FROM inbox.events AS event
    WHERE event.external_ids @> ARRAY[:deal] AND event.state = 'done'
    LIMIT 1
"""
_POSTED = """
    SELECT intent.target, intent.updated_at
    FROM posting.intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    WHERE document.deal_key = 'hubspot:' || :deal AND intent.target <> 'ledger' AND intent.state = 'posted'
    ORDER BY intent.updated_at
    LIMIT 1
"""
_INVOICE = """
    SELECT booked.number, booked.total_minor, booked.currency, event.finished_at
    FROM ledger.documents AS booked
    INNER JOIN inbox.events AS event ON event.external_ids @> ARRAY[:deal]
    INNER JOIN ledger.journal_entries AS entry ON entry.id = booked.entry_id
    WHERE booked.body ->> 'deal' = 'hubspot:' || :deal AND event.finished_at >= entry.posted_at
    ORDER BY event.finished_at
    LIMIT 1
"""
