"""What is known about movements, read in a handful of statements for a whole batch.

Belongs here: movements as they are kept, and the facts the rules decide by. Does not belong here: the rules
(`matching`), keeping what a source sends and booking what was decided (pipeline).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.facts import (
    Allocation,
    Conventions,
    Facts,
    Kept,
    OpenDocument,
    SettledMovement,
    SettledPart,
)
from integration_pipeline.payments.matching.numbers import NumberReader, Series, references_in
from integration_pipeline.payments.matching.payers import addresses_of
from integration_pipeline.payments.movements import (
    Link,
    LinkKind,
    Movement,
    MovementKind,
    MovementSource,
    Payer,
)

_CRMS = ("hubspot", "salesforce")
"""A deal is named with or without the CRM it is from."""
_LARGEST_ID = 2**63 - 1


def read_movements(connection: Connection, ids: Iterable[int]) -> dict[int, Kept]:
    """Kept movements by number, each with what was settled of the versions before it, if anything was."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    rows = connection.execute(_MOVEMENTS, {"ids": wanted}).all()
    before: dict[int, SettledMovement] = {}
    for row in connection.execute(_BEFORE, {"ids": wanted}):
        version = _settled(row)
        earlier = before.get(row.newer_id)
        before[row.newer_id] = version if earlier is None else _together(earlier, version)
    return {row.id: Kept(row.id, _movement(row), before.get(row.id)) for row in rows}


def read_series(connection: Connection) -> NumberReader:
    """Reads numbers of all series that were ever drawn from."""
    return NumberReader(tuple(Series(row.prefix, row.digits) for row in connection.execute(_SERIES)))


def read_facts(
    connection: Connection, batch: Sequence[Kept], conventions: Conventions, numbers: NumberReader
) -> Facts:
    """What the rules need to know about the batch, as the database has it now."""
    facts = Facts(numbers, conventions)
    _read_payers(connection, batch, facts)
    _read_related(connection, batch, facts)
    _read_documents(connection, batch, facts)
    if any(kept.movement.kind in (MovementKind.BANK_LINE, MovementKind.PAYOUT) for kept in batch):
        _read_payouts(connection, facts)
        ids = [kept.id for kept in batch if kept.movement.kind is MovementKind.BANK_LINE]
        facts.twins = {row.id: row.earlier_id for row in connection.execute(_TWINS, {"ids": ids})}
    return facts


def read_similar(
    connection: Connection,
    waiting: Sequence[Movement],
    customers: Iterable[int],
    conventions: Conventions,
) -> list[OpenDocument]:
    """Open documents whose total is about the amount of one of these movements, and all of `customers`."""
    ranges = [
        {
            "currency": movement.amount.currency,
            "lowest": movement.amount.minor,
            "highest": movement.amount.minor * 10_000 // (10_000 - conventions.fee_share),
        }
        for movement in waiting
        if movement.amount.minor > 0
    ]
    rows = connection.execute(_SIMILAR, {"ranges": json.dumps(ranges), "customers": sorted(customers)})
    return [_document(row) for row in rows]


def read_customer_names(connection: Connection) -> dict[int, str]:
    """All customers that were ever billed."""
    return {row.id: row.name for row in connection.execute(_NAMES)}


def read_by_ids(connection: Connection, document_ids: Iterable[int]) -> list[OpenDocument]:
    """Documents with their balances."""
    rows = connection.execute(_DOCUMENTS, {**_NOTHING, "ids": sorted(document_ids)})
    return [_document(row) for row in rows]


def _movement(row: Row[Any]) -> Movement:
    settled = None if row.settled_minor is None else Money(row.settled_minor, row.settled_currency)
    fee_currency = row.settled_currency or row.currency
    return Movement(
        source=MovementSource(row.source),
        kind=MovementKind(row.kind),
        external_id=row.external_id,
        amount=Money(row.amount_minor, row.currency),
        occurred_at=row.occurred_at,
        value_date=row.value_date,
        body={},
        fee=Money(row.fee_minor, fee_currency) if row.fee_minor else None,
        settled=settled,
        payer=Payer(row.payer["name"], row.payer["email"], tuple(row.payer["ids"])),
        references=tuple(row.hints),
        links=tuple(_link(link) for link in row.links),
        group=row.payout,
        account=row.account or None,
    )


def _link(link: Mapping[str, Any]) -> Link:
    amount = None if link["minor"] is None else Money(link["minor"], link["currency"])
    return Link(LinkKind(link["kind"]), link["id"], amount)


def _settled(row: Row[Any]) -> SettledMovement:
    parts = [
        SettledPart(
            entity=part["entity"],
            customer_id=part["customer_id"],
            unapplied_minor=part["unapplied_minor"],
            allocations=tuple(Allocation(*each) for each in part["allocations"] or ()),
        )
        for part in row.parts or ()
    ]
    return SettledMovement(
        id=row.id,
        kind=MovementKind(row.kind),
        external_id=row.external_id,
        amount=Money(row.amount_minor, row.currency),
        fee_minor=sum(part["fee_minor"] for part in row.parts or ()),
        settled=None if row.settled_minor is None else Money(row.settled_minor, row.settled_currency),
        parts=tuple(parts),
        dispute=next((link["id"] for link in row.links if link["kind"] == LinkKind.DISPUTE.value), None),
    )


def _together(first: SettledMovement, later: SettledMovement) -> SettledMovement:
    """A settled version with what was booked by itself because a later one told of it."""
    return replace(
        first,
        fee_minor=first.fee_minor + later.fee_minor,
        settled=later.settled or first.settled,
        parts=(*first.parts, *later.parts),
    )


def _document(row: Row[Any]) -> OpenDocument:
    return OpenDocument(
        id=row.document_id,
        number=row.number,
        reference=row.reference,
        entity=row.entity,
        customer_id=row.customer_id,
        customer=row.customer,
        deal_key=row.deal_key,
        currency=row.currency,
        issue_date=row.issue_date,
        open_minor=row.open_minor,
        paid_minor=row.paid_minor,
        purchase_order=row.purchase_order,
    )


def _read_payers(connection: Connection, batch: Sequence[Kept], facts: Facts) -> None:
    ids = {(kept.movement.source.value, each) for kept in batch for each in kept.movement.payer.ids}
    addresses = sorted({each for kept in batch for each in addresses_of(kept.movement)})
    payers: dict[tuple[str, str], set[int]] = defaultdict(set)
    if ids:
        sources, payer_ids = zip(*sorted(ids), strict=True)
        for row in connection.execute(_PAYERS, {"sources": list(sources), "ids": list(payer_ids)}):
            payers[row.source, row.payer_id].add(row.customer_id)
    known: dict[str, set[int]] = defaultdict(set)
    if addresses:
        for row in connection.execute(_ADDRESSES, {"addresses": addresses}):
            known[row.address].add(row.id)
    facts.payers = {key: frozenset(customers) for key, customers in payers.items()}
    facts.addresses = {key: frozenset(customers) for key, customers in known.items()}


def _read_related(connection: Connection, batch: Sequence[Kept], facts: Facts) -> None:
    """What refunds and disputes of the batch take back, and what took it back before."""
    named = {
        (kept.movement.source.value, link.id)
        for kept in batch
        for link in kept.movement.links
        if link.kind in (LinkKind.CHARGE, LinkKind.DISPUTE)
    }
    if not named:
        return
    sources, ids = zip(*sorted(named), strict=True)
    asked = {"sources": list(sources), "ids": list(ids)}
    related: dict[tuple[str, str], list[SettledMovement]] = defaultdict(list)
    for row in connection.execute(_RELATED, asked):
        related[row.source, row.external_id].append(_settled(row))
    returns: dict[tuple[str, str], list[SettledMovement]] = defaultdict(list)
    for row in connection.execute(_RETURNS, asked):
        returns[row.source, row.charge].append(_settled(row))
    facts.related, facts.returns = related, returns
    customers = {
        part.customer_id
        for some in (*related.values(), *returns.values())
        for each in some
        for part in each.parts
        if part.customer_id is not None
    }
    if customers:
        for row in connection.execute(_CREDIT, {"customers": sorted(customers)}):
            facts.credit[row.entity, row.customer_id, row.currency] = int(row.minor)


def _read_documents(connection: Connection, batch: Sequence[Kept], facts: Facts) -> None:
    texts = [text for kept in batch for text in kept.movement.references]
    links = [link for kept in batch for link in kept.movement.links]
    texts += [link.id for link in links if link.kind in (LinkKind.INVOICE_NUMBER, LinkKind.DOCUMENT)]
    numbers = {meaning for reading in facts.numbers.read_all(texts) for meaning in reading.meanings}
    earlier = [each for some in (*facts.related.values(), *facts.returns.values()) for each in some]
    ids = {each.document_id for movement in earlier for part in movement.parts for each in part.allocations}
    ids |= {int(link.id) for link in links if link.kind is LinkKind.DOCUMENT and _is_id(link.id)}
    deals = {link.id for link in links if link.kind is LinkKind.DEAL}
    customers = {each for some in (*facts.payers.values(), *facts.addresses.values()) for each in some}
    rows = connection.execute(
        _DOCUMENTS,
        {
            "prefixes": [prefix for prefix, _ in sorted(numbers)],
            "numbers": [number for _, number in sorted(numbers)],
            "references": references_in(texts),
            "ids": sorted(ids),
            "deals": sorted({*deals, *(f"{crm}:{deal}" for crm in _CRMS for deal in deals)}),
            "customers": sorted(customers),
        },
    ).all()
    facts.add(
        (_document(row) for row in rows),
        {row.document_id: (row.series, row.series_number) for row in rows},
    )


def _is_id(name: str) -> bool:
    return name.isdecimal() and int(name) <= _LARGEST_ID


def _read_payouts(connection: Connection, facts: Facts) -> None:
    rows = connection.execute(_PAYOUTS).all()
    for row in rows:
        of_its_kind = facts.payouts if row.kind == MovementKind.PAYOUT else facts.lines
        of_its_kind[row.id] = Kept(row.id, _movement(row))
    groups = {
        (kept.movement.source.value, kept.movement.group or kept.movement.external_id, kept.movement.amount)
        for kept in facts.payouts.values()
    }
    if not groups:
        return
    asked = [
        {"source": source, "payout": payout, "currency": amount.currency} for source, payout, amount in groups
    ]
    in_payout: dict[tuple[str, str], dict[str, int] | None] = {}
    for row in connection.execute(_IN_PAYOUTS, {"payouts": json.dumps(asked)}):
        in_payout[row.source, row.payout] = None if row.undecided else (row.by_entity or {})
    facts.in_payout = in_payout


_NOTHING: dict[str, list[Any]] = {
    "prefixes": [],
    "numbers": [],
    "references": [],
    "ids": [],
    "deals": [],
    "customers": [],
}
_MOVEMENTS = text("""
    SELECT * FROM payments.movements WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
""")
# What a movement settled, as one JSON column beside its own; arrivals of payouts among it.
_PARTS = """
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_object(
            'entity', settlement.entity, 'customer_id', settlement.customer_id,
            'unapplied_minor', settlement.unapplied_minor, 'fee_minor', settlement.fee_minor,
            'allocations', (
                SELECT jsonb_agg(
                    jsonb_build_array(allocation.document_id, allocation.amount_minor)
                    ORDER BY allocation.document_id
                )
                FROM payments.allocations AS allocation
                WHERE allocation.settlement_id = settlement.id
            )
        ) ORDER BY settlement.id) AS parts
        FROM payments.settlements_in_force AS settlement
        WHERE settlement.movement_id = movement.id OR settlement.payout_id = movement.id
    ) AS done ON TRUE
"""
_BEFORE = text(f"""
    SELECT newer.id AS newer_id, movement.*, done.parts
    FROM payments.movements AS newer
    INNER JOIN payments.movements AS movement
        ON movement.source = newer.source AND movement.kind = newer.kind
        AND movement.external_id = newer.external_id AND movement.id <> newer.id
    {_PARTS}
    WHERE newer.id = ANY(CAST(:ids AS bigint[])) AND done.parts IS NOT NULL
    ORDER BY newer.id, movement.id
""")  # noqa: S608 - one fixed text in another
_RELATED = text(f"""
    SELECT movement.*, done.parts
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, external_id)
    INNER JOIN payments.movements AS movement
        ON movement.source = asked.source AND movement.external_id = asked.external_id
    {_PARTS}
    WHERE movement.state <> 'withdrawn' AND movement.kind IN ('payment', 'dispute', 'refund')
    ORDER BY movement.id
""")  # noqa: S608
_RETURNS = text(f"""
    SELECT asked.external_id AS charge, movement.*, done.parts
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, external_id)
    INNER JOIN payments.movements AS movement
        ON movement.source = asked.source
        AND movement.links @> jsonb_build_array(
            jsonb_build_object('kind', 'charge', 'id', asked.external_id)
        )
    {_PARTS}
    WHERE movement.state <> 'withdrawn' AND (
        movement.kind IN ('refund', 'dispute', 'dispute_won')
        -- A debit that failed later.
        OR (movement.kind = 'payment' AND movement.amount_minor < 0)
    )
    ORDER BY movement.id
""")  # noqa: S608
_CREDIT = text("""
    SELECT entity, customer_id, currency, sum(unapplied_minor) AS minor
    FROM payments.settlements
    WHERE customer_id = ANY(CAST(:customers AS bigint[]))
    GROUP BY entity, customer_id, currency
""")
_TWINS = text("""
    SELECT line.id, min(earlier.id) AS earlier_id
    FROM payments.movements AS line
    INNER JOIN payments.movements AS earlier
        ON earlier.source = line.source AND earlier.kind = line.kind AND earlier.id < line.id
        AND earlier.account <> line.account AND earlier.value_date = line.value_date
        AND earlier.amount_minor = line.amount_minor AND earlier.currency = line.currency
        AND earlier.hints = line.hints
    WHERE line.id = ANY(CAST(:ids AS bigint[])) AND earlier.state <> 'withdrawn'
    GROUP BY line.id
""")
_SERIES = text("""
    SELECT counter.series AS prefix, min(coalesce(length(one.number) - length(one.series), 6)) AS digits
    FROM ledger.number_series AS counter
    LEFT JOIN ledger.documents AS one
        ON one.entity = counter.entity AND one.series = counter.series AND one.series_number = 1
    GROUP BY counter.series
    ORDER BY counter.series
""")
_PAYERS = text("""
    SELECT known.source, known.payer_id, known.customer_id
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, payer_id)
    INNER JOIN payments.payers AS known
        ON known.source = asked.source AND known.payer_id = asked.payer_id
""")
_ADDRESSES = text("""
    SELECT lower(billing_email) AS address, id
    FROM crm.customers
    WHERE lower(billing_email) = ANY(CAST(:addresses AS text[]))
    UNION
    SELECT domain, id FROM crm.customers WHERE domain = ANY(CAST(:addresses AS text[]))
""")
# Of a known payer only what is open.
_DOCUMENTS = text("""
    WITH named AS (
        SELECT intent.document_id
        FROM unnest(CAST(:prefixes AS text[]), CAST(:numbers AS bigint[])) AS asked (series, series_number)
        CROSS JOIN ledger.entities AS entity
        INNER JOIN ledger.documents AS booked
            ON booked.entity = entity.code AND booked.series = asked.series
            AND booked.series_number = asked.series_number
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        UNION
        SELECT intent.document_id
        FROM ledger.documents AS booked
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        WHERE booked.document_reference = ANY(CAST(:references AS text[]))
        UNION
        SELECT unnest(CAST(:ids AS bigint[]))
        UNION
        SELECT id FROM billing.documents WHERE deal_key = ANY(CAST(:deals AS text[]))
    ),

    wanted AS (
        SELECT document_id, TRUE AS is_named FROM named
        UNION ALL
        SELECT id, FALSE FROM billing.documents
        WHERE customer_id = ANY(CAST(:customers AS bigint[])) AND id NOT IN (SELECT document_id FROM named)
    )

    SELECT balance.*, customer.name AS customer
    FROM wanted
    INNER JOIN ledger.document_balances AS balance ON balance.document_id = wanted.document_id
    INNER JOIN crm.customers AS customer ON customer.id = balance.customer_id
    WHERE wanted.is_named OR balance.open_minor <> 0
""")
_SIMILAR = text("""
    WITH wanted AS (
        SELECT intent.document_id
        FROM (
            SELECT DISTINCT * FROM jsonb_to_recordset(CAST(:ranges AS jsonb)) AS given (
                currency text, lowest bigint, highest bigint
            )
        ) AS asked
        INNER JOIN ledger.documents AS booked
            ON booked.total_minor BETWEEN asked.lowest AND asked.highest
            AND booked.currency = asked.currency
        INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
        UNION
        SELECT id FROM billing.documents WHERE customer_id = ANY(CAST(:customers AS bigint[]))
    )

    SELECT balance.*, customer.name AS customer
    FROM wanted
    INNER JOIN ledger.document_balances AS balance ON balance.document_id = wanted.document_id
    INNER JOIN crm.customers AS customer ON customer.id = balance.customer_id
    WHERE balance.open_minor > 0
""")
_NAMES = text("""
    SELECT customer.id, customer.name
    FROM crm.customers AS customer
    WHERE EXISTS (SELECT FROM billing.documents AS document WHERE document.customer_id = customer.id)
    ORDER BY customer.id
""")
# Payouts whose money has not arrived yet, and bank lines that may tell of it.
_PAYOUTS = text("""
    WITH payouts AS MATERIALIZED (
        SELECT * FROM payments.movements WHERE state IN ('open', 'waiting') AND kind = 'payout'
    )

    SELECT * FROM payouts
    UNION ALL
    SELECT line.*
    FROM payments.movements AS line
    WHERE line.state IN ('open', 'waiting') AND line.kind = 'bank_line'
        AND (line.amount_minor, line.currency) IN (SELECT amount_minor, currency FROM payouts)
    ORDER BY id
""")
# What the settled movements of a payout come to, by entity; refunds and fees among them. Which payout one is
# in may be known only of a version that has settled no more than a fee.
_IN_PAYOUTS = text("""
    SELECT
        asked.source, asked.payout,
        (
            SELECT bool_or(member.state IN ('open', 'waiting'))
            FROM payments.movements AS member
            WHERE member.payout = asked.payout AND member.source = asked.source AND member.kind <> 'payout'
        ) AS undecided,
        (
            SELECT jsonb_object_agg(share.entity, share.minor)
            FROM (
                SELECT
                    settlement.entity,
                    CAST(sum(
                        settlement.amount_minor - settlement.fee_minor - settlement.exchanged_minor
                    ) AS bigint) AS minor
                FROM (
                    SELECT DISTINCT version.id
                    FROM payments.movements AS member
                    INNER JOIN payments.movements AS version
                        ON version.source = member.source AND version.kind = member.kind
                        AND version.external_id = member.external_id
                    WHERE member.payout = asked.payout AND member.source = asked.source
                        AND member.kind <> 'payout' AND member.state <> 'withdrawn'
                ) AS version
                INNER JOIN payments.settlements_in_force AS settlement
                    ON settlement.movement_id = version.id
                WHERE settlement.currency = asked.currency
                GROUP BY settlement.entity
            ) AS share
        ) AS by_entity
    FROM jsonb_to_recordset(CAST(:payouts AS jsonb)) AS asked (source text, payout text, currency text)
""")
