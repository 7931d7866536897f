"""The facts the rules decide by, read in a handful of statements for a whole batch.

Belongs here: what is asked for because of a batch. Does not belong here: the rules (`matching`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, text

from integration_pipeline.payments.matching.facts import (
    Conventions,
    Facts,
    Kept,
    SettledMovement,
)
from integration_pipeline.payments.matching.numbers import NumberReader, Series, references_in
from integration_pipeline.payments.matching.payers import addresses_of
from integration_pipeline.payments.movements import (
    LinkKind,
    MovementKind,
)
from integration_pipeline.payments.store.documents import document_of, find_documents
from integration_pipeline.payments.store.movements import PARTS, movement_of, settled_of

_CRMS = ("hubspot", "salesforce")
"""A deal is named with or without the CRM it is from."""
_LARGEST_ID = 2**63 - 1


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
        related[row.source, row.external_id].append(settled_of(row))
    returns: dict[tuple[str, str], list[SettledMovement]] = defaultdict(list)
    for row in connection.execute(_RETURNS, asked):
        returns[row.source, row.charge].append(settled_of(row))
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
    rows = find_documents(
        connection,
        prefixes=[prefix for prefix, _ in sorted(numbers)],
        numbers=[number for _, number in sorted(numbers)],
        references=references_in(texts),
        ids=sorted(ids),
        deals=sorted({*deals, *(f"{crm}:{deal}" for crm in _CRMS for deal in deals)}),
        customers=sorted(customers),
    )
    facts.add(
        (document_of(row) for row in rows),
        {row.document_id: (row.series, row.series_number) for row in rows},
    )


def _is_id(name: str) -> bool:
    return name.isdecimal() and int(name) <= _LARGEST_ID


def _read_payouts(connection: Connection, facts: Facts) -> None:
    rows = connection.execute(_PAYOUTS).all()
    for row in rows:
        of_its_kind = facts.payouts if row.kind == MovementKind.PAYOUT else facts.lines
        of_its_kind[row.id] = Kept(row.id, movement_of(row))
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


_RELATED = text(f"""
    SELECT movement.*, done.parts
    FROM unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS asked (source, external_id)
    INNER JOIN payments.movements AS movement
        ON movement.source = asked.source AND movement.external_id = asked.external_id
    {PARTS}
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
    {PARTS}
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
