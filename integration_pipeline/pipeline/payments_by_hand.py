"""What a person decides about movements of money: match, ignore, take a settlement back.

Belongs here: deciding by name, and the record of who did it. Does not belong here: what a person looks at
before (`payments_shown`), what the rules decide by themselves (`settle`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.settlements import require_accounts
from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Arrived, Credit, Matched, Rule
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept, OpenDocument
from integration_pipeline.payments.matching.parts import parts_of
from integration_pipeline.payments.matching.payouts import arrived
from integration_pipeline.payments.movements import Movement, MovementKind
from integration_pipeline.payments.store.documents import read_by_ids
from integration_pipeline.payments.store.facts import read_facts, read_series
from integration_pipeline.payments.store.movements import read_movements
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.refusals import said_by
from integration_pipeline.pipeline.settlements import (
    Booking,
    book,
    conventions_of,
    lock_customers,
)
from integration_pipeline.pipeline.settlements import (
    undo as take_back,
)
from integration_pipeline.rules.document import AccountRole

_NOT_IN_TRANSIT = (MovementKind.BANK_LINE, MovementKind.PAYOUT)


class NotPossible(ValueError):  # noqa: N818 - said of what was asked for
    """What was asked for cannot be done; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person says a movement is. `documents` are amounts in currency units by document number, None
    for all that is open of it. What they leave is the credit of `customer_id`. `payout_id`: the movement is
    the bank line of this payout.
    """

    documents: Mapping[str, Decimal | None]
    customer_id: int | None = None
    payout_id: int | None = None


def match(pipeline: Pipeline, movement_id: int, wish: Wish, *, by: str) -> Sequence[str]:
    """Settle a movement as a person says; the settlements' references. Kept in the audit log.

    Raises `LookupError` for an unknown movement, document, customer or payout, `NotPossible` for amounts
    beyond what is open, credit beyond what the customer has, or what does not add up.
    """
    require_accounts(pipeline.rules.accounts)
    with pipeline.engine.begin() as connection:
        kept = _take(connection, movement_id, ("open", "waiting", "ignored"))
        if kept.before is not None:
            raise NotPossible(
                f"payment {movement_id} is a newer version of {kept.before.id}, which is settled: "
                f"`payments undo {kept.before.id}` first"
            )
        facts = read_facts(connection, [kept], conventions_of(pipeline.rules), read_series(connection))
        decision = (
            _arrival(connection, kept, wish, facts)
            if wish.payout_id is not None or kept.movement.kind is MovementKind.PAYOUT
            else _matched(connection, kept, wish, facts)
        )
        try:
            booking = Booking(kept, decision, tuple(parts_of(kept, decision, facts)), by)
            book(connection, pipeline, [booking], facts)
        except (IntegrityError, ValueError) as fault:
            raise NotPossible(
                f"payment {movement_id} cannot be settled like this: {said_by(fault)}"
            ) from None
        _audit(
            connection,
            by,
            "payments.match",
            movement_id,
            {
                "documents": {
                    number: None if amount is None else f"{amount:f}"
                    for number, amount in wish.documents.items()
                },
                "customer": wish.customer_id,
                "payout": wish.payout_id,
            },
        )
        return list(connection.execute(_REFERENCES, {"id": movement_id}).scalars())


def ignore(pipeline: Pipeline, movement_id: int, *, by: str, reason: str) -> str:
    """A person says that a movement is none of ours, or that a settled one is right as it is; its new state.

    What is in a payment vendor's balance comes to our bank with the next payout whosever it is: it is booked
    to suspense, and counts as settled. Raises `LookupError`, or `NotPossible` for one that is settled and
    that nobody has objected to, and where the rule set does not say to which account or entity.
    """
    with pipeline.engine.begin() as connection:
        kept = _take(connection, movement_id, ("open", "waiting", "ignored"), settled_too=True)
        if kept.movement.kind not in _NOT_IN_TRANSIT and not _is_known(connection, kept):
            _set_aside(connection, pipeline, kept, by, reason)
        state: str = connection.execute(_IGNORE, {"id": movement_id, "by": by, "reason": reason}).scalar_one()
        _audit(connection, by, "payments.ignore", movement_id, {"reason": reason})
    return state


def undo(pipeline: Pipeline, movement_id: int, *, by: str, reason: str) -> int:
    """Take back what a movement settled: the opposite is booked today; the number of settlements.

    It waits for a person then; one that its source has removed or changed is withdrawn, and the newer version
    is open. Raises `LookupError`, or `NotPossible` where nothing is settled, or a refund rests on it.
    """
    with pipeline.engine.begin() as connection:
        versions = connection.execute(_VERSIONS, {"id": movement_id}).scalars().all()
        if not versions:
            raise LookupError(f"there is no payment {movement_id}; `payments list` shows them")
        customers = connection.execute(_CUSTOMERS, {"ids": versions}).scalars()
        lock_customers(connection, customers)
        try:
            with connection.begin_nested():
                count = take_back(connection, pipeline, versions, by, reason)
        except IntegrityError as refusal:
            raise NotPossible(
                f"payment {movement_id} cannot be taken back: {said_by(refusal)}; take back what rests on it "
                "first"
            ) from None
        if not count:
            raise NotPossible(f"payment {movement_id} has settled nothing")
        connection.execute(_TAKEN_BACK, {"ids": versions, "by": by, "reason": reason})
        _audit(connection, by, "payments.undo", movement_id, {"reason": reason})
    return count


def _take(
    connection: Connection, movement_id: int, states: Sequence[str], *, settled_too: bool = False
) -> Kept:
    """The movement, locked until the end of the transaction."""
    row = connection.execute(_LOCK, {"id": movement_id}).one_or_none()
    if row is None:
        raise LookupError(f"there is no payment {movement_id}; `payments list` shows them")
    if row.state not in states or (row.withdrawn_at is not None and not settled_too):
        what = "settled, and its source has removed it" if row.state == "waiting" else row.state
        raise NotPossible(f"payment {movement_id} is {what}: see `payments show {movement_id}`")
    return read_movements(connection, [movement_id])[movement_id]


def _is_known(connection: Connection, kept: Kept) -> bool:
    """Whether it, or a version before it, has settled something."""
    done = connection.execute(_REFERENCES, {"id": kept.id}).first()
    return kept.before is not None or done is not None


def _set_aside(connection: Connection, pipeline: Pipeline, kept: Kept, by: str, reason: str) -> None:
    """Book the amount to suspense: otherwise it would be in transit for ever once it is paid out."""
    movement, conventions = kept.movement, conventions_of(pipeline.rules)
    what = f"payment {kept.id} is {movement.amount.format()} in {movement.source.value}'s balance"
    require_accounts(pipeline.rules.accounts)
    if AccountRole.SUSPENSE not in pipeline.rules.accounts:
        raise NotPossible(
            f"{what}, which is paid out to us with the rest: to ignore it, add an account for it to the rule "
            'set, under accounts, such as `suspense: {code: "1090", name: Suspense, kind: asset}`'
        )
    owner = conventions.entity_of(movement)
    if owner is None:
        raise NotPossible(
            f"{what}, and nothing says whose that is: add its account to the rule set's settlement.owners"
        )
    evidence = (f"{by} says that it is none of ours: {reason}",)
    decision = Matched(Rule.SET_ASIDE, evidence, (), (Credit(owner, None, movement.amount.minor),))
    facts = read_facts(connection, [kept], conventions, read_series(connection))
    try:
        book(
            connection, pipeline, [Booking(kept, decision, tuple(parts_of(kept, decision, facts)), by)], facts
        )
    except (IntegrityError, ValueError) as fault:
        raise NotPossible(f"payment {kept.id} cannot be set aside: {said_by(fault)}") from None


def _matched(connection: Connection, kept: Kept, wish: Wish, facts: Facts) -> Matched:
    movement = kept.movement
    ids = {
        row.number: row.document_id for row in connection.execute(_NUMBERS, {"numbers": [*wish.documents]})
    }
    if missing := sorted(set(wish.documents) - set(ids)):
        raise LookupError(f"there is no posted document {', '.join(missing)}")
    customers = connection.execute(_CUSTOMERS_OF, {"ids": [*ids.values()]}).scalars()
    lock_customers(connection, [*customers, *([wish.customer_id] if wish.customer_id is not None else [])])
    # Balances as they are now that nobody else can settle these documents.
    for document in read_by_ids(connection, ids.values()):
        facts.documents[document.id] = document
    documents = {number: facts.documents[each] for number, each in ids.items()}
    allocations = tuple(
        _allocation(movement, documents[number], amount) for number, amount in wish.documents.items()
    )
    rest = movement.amount.minor - sum(each.minor for each in allocations)
    credit: tuple[Credit, ...] = ()
    if rest:
        credit = (_credit(connection, movement, list(documents.values()), wish.customer_id, rest, facts),)
    return Matched(Rule.PERSON, ("matched by hand",), allocations, credit)


def _allocation(movement: Movement, document: OpenDocument, amount: Decimal | None) -> Allocation:
    if document.currency != movement.amount.currency:
        raise NotPossible(
            f"{document.number} is in {document.currency}, the payment in {movement.amount.currency}"
        )
    back = movement.amount.minor < 0 and document.open_minor >= 0
    most = -document.paid_minor if back else document.open_minor
    if amount is None:
        minor = most
    else:
        try:
            minor = Money.exactly(amount, document.currency).minor
        except ValueError as fault:
            raise NotPossible(f"{document.number}: {fault}") from None
    # A credit note's amount may be written without its sign, as it stands on the note.
    minor = -minor if minor * most < 0 and abs(minor) <= abs(most) and document.open_minor < 0 else minor
    if not minor or minor * most < 0 or abs(minor) > abs(most):
        limit = Money(most, document.currency).format()
        what = "was paid of it, and can go back" if back else "is open of it"
        raise NotPossible(
            f"{document.number} cannot take {Money(minor, document.currency).format()}: {limit} {what}"
        )
    return Allocation(document.id, minor)


def _credit(
    connection: Connection,
    movement: Movement,
    documents: Sequence[OpenDocument],
    customer_id: int | None,
    rest: int,
    facts: Facts,
) -> Credit:
    """Whose credit the rest is, and with which entity."""
    left = Money(rest, movement.amount.currency).format()
    whose = {(each.entity, each.customer_id) for each in documents}
    if customer_id is None:
        if len(whose) != 1:
            raise NotPossible(
                f"{left} of the payment would be left over: name documents for it, or the customer whose "
                "credit it is (--customer)"
            )
        return Credit(*whose.pop(), rest)
    entities = {entity for entity, customer in whose if customer == customer_id}
    entities = entities or {entity for entity, _ in whose}
    known = connection.execute(_ENTITIES, {"id": customer_id}).scalars().all()
    if not known:
        raise LookupError(f"there is no customer {customer_id}")
    billing = {each for each in known if each is not None}
    owner = facts.conventions.entity_of(movement)
    for chosen in (entities, billing, {owner} if owner else set[str]()):
        if len(chosen) == 1:
            return Credit(chosen.pop(), customer_id, rest)
    raise NotPossible(
        f"nothing says with which entity the {left} are a credit: add the account to the rule set's "
        "settlement.owners"
    )


def _arrival(connection: Connection, kept: Kept, wish: Wish, facts: Facts) -> Arrived:
    """The payout's money is in our bank: by this line, or by word of a person."""
    if wish.documents or wish.customer_id is not None:
        raise NotPossible("a payout pays no documents: its payments do")
    if wish.payout_id is None or kept.movement.kind is MovementKind.PAYOUT:
        if wish.payout_id not in (None, kept.id):
            raise NotPossible(
                "a payout is matched to a bank line: name the line first, the payout with --payout"
            )
        decision = arrived(kept, None, facts)
    else:
        if kept.movement.kind is not MovementKind.BANK_LINE:
            raise NotPossible("only a bank line can be a payout's")
        payout = _take(connection, wish.payout_id, ("open", "waiting"))
        if payout.movement.kind is not MovementKind.PAYOUT or payout.movement.amount != kept.movement.amount:
            raise NotPossible(f"payment {wish.payout_id} is no payout of {kept.movement.amount.format()}")
        facts.payouts[payout.id] = payout
        decision = arrived(payout, kept, facts)
    if not isinstance(decision, Arrived):
        raise NotPossible(decision.why)
    return decision


def _audit(
    connection: Connection, by: str, action: str, movement_id: int, details: Mapping[str, Any]
) -> None:
    connection.execute(
        _AUDIT,
        {
            "actor": by,
            "action": action,
            "subject": f"payment {movement_id}",
            "details": json.dumps(details),
        },
    )


_LOCK = text("SELECT state, withdrawn_at FROM payments.movements WHERE id = :id FOR UPDATE")
_NUMBERS = text("""
    SELECT booked.number, intent.document_id
    FROM ledger.documents AS booked
    INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
    WHERE booked.number = ANY(CAST(:numbers AS text[]))
""")
_CUSTOMERS_OF = text("SELECT customer_id FROM billing.documents WHERE id = ANY(CAST(:ids AS bigint[]))")
_CUSTOMERS = text("""
    SELECT DISTINCT customer_id FROM payments.settlements_in_force
    WHERE movement_id = ANY(CAST(:ids AS bigint[])) AND customer_id IS NOT NULL
    UNION
    SELECT document.customer_id
    FROM payments.settlements_in_force AS settlement
    INNER JOIN payments.allocations AS allocation ON allocation.settlement_id = settlement.id
    INNER JOIN billing.documents AS document ON document.id = allocation.document_id
    WHERE settlement.movement_id = ANY(CAST(:ids AS bigint[]))
""")
_ENTITIES = text("""
    SELECT DISTINCT document.entity
    FROM crm.customers AS customer
    LEFT JOIN billing.documents AS document ON document.customer_id = customer.id
    WHERE customer.id = :id
""")
_REFERENCES = text("""
    SELECT reference FROM payments.settlements_in_force WHERE movement_id = :id ORDER BY id
""")
# A settled one that its source objects to is settled again, without the objection.
_IGNORE = text("""
    UPDATE payments.movements AS movement
    SET
        state = CASE WHEN done.is_settled THEN 'settled' ELSE 'ignored' END,
        withdrawn_at = CASE WHEN done.is_settled THEN NULL ELSE movement.withdrawn_at END,
        reason = :reason, decided_at = clock_timestamp(), decided_by = :by
    FROM (
        SELECT EXISTS (
            SELECT FROM payments.settlements_in_force AS settlement
            WHERE settlement.movement_id = :id OR settlement.payout_id = :id
        ) AS is_settled
    ) AS done
    WHERE movement.id = :id
    RETURNING movement.state
""")
# Every version that may be settled: the one that is named, and one with a fee that was known later. Of a
# payout those of its bank line as well. Locked in one order.
_VERSIONS = text("""
    WITH named AS (
        SELECT version.*
        FROM payments.movements AS one
        INNER JOIN payments.movements AS version
            ON version.source = one.source AND version.kind = one.kind
            AND version.external_id = one.external_id
        WHERE one.id = :id
    ),

    lines AS (
        SELECT line.*
        FROM named
        INNER JOIN payments.settlements_in_force AS arrival ON arrival.payout_id = named.id
        INNER JOIN payments.movements AS line ON line.id = arrival.movement_id
    )

    SELECT id
    FROM payments.movements
    WHERE (source, kind, external_id) IN (
        SELECT source, kind, external_id FROM named
        UNION
        SELECT source, kind, external_id FROM lines
    )
    ORDER BY id
    FOR UPDATE
""")
_TAKEN_BACK = text("""
    WITH versions AS (
        SELECT
            movement.id,
            EXISTS (
                SELECT FROM payments.settlements AS settlement
                WHERE (settlement.movement_id = movement.id OR settlement.payout_id = movement.id)
                    AND settlement.reverses_id IS NOT NULL
            ) AS was_settled,
            movement.withdrawn_at IS NOT NULL AS is_gone,
            movement.id = max(movement.id) FILTER (WHERE movement.state <> 'withdrawn') OVER (
                PARTITION BY movement.source, movement.kind, movement.external_id
            ) AS is_newest
        FROM payments.movements AS movement
        WHERE movement.id = ANY(CAST(:ids AS bigint[]))
    ),

    payouts AS (
        UPDATE payments.movements AS payout
        SET state = 'open', reason = NULL, decided_at = NULL, decided_by = NULL
        FROM payments.settlements AS settlement
        WHERE settlement.movement_id = ANY(CAST(:ids AS bigint[])) AND settlement.reverses_id IS NOT NULL
            AND payout.id = settlement.payout_id AND payout.id <> ALL(CAST(:ids AS bigint[]))
            AND payout.state = 'settled'
    )

    UPDATE payments.movements AS movement
    SET
        state = CASE
            WHEN versions.is_gone OR NOT versions.is_newest THEN 'withdrawn'
            WHEN versions.was_settled THEN 'waiting'
            ELSE 'open'
        END,
        withdrawn_at = CASE
            WHEN NOT versions.is_newest THEN clock_timestamp()
            ELSE movement.withdrawn_at
        END,
        reason = CASE WHEN versions.was_settled THEN :by || ' took its settlement back: ' || :reason END,
        decided_at = clock_timestamp(),
        decided_by = CASE WHEN versions.was_settled AND versions.is_newest THEN :by END
    FROM versions
    WHERE movement.id = versions.id AND movement.state <> 'withdrawn'
""")
_AUDIT = text("""
    INSERT INTO ops.audit_log (actor, action, subject, details)
    VALUES (:actor, :action, :subject, CAST(:details AS jsonb))
""")
