"""What a person says a movement of money is, as a decision that can be booked.

Belongs here: whether it can be so, and what to do instead. Does not belong here: booking it, and the record
of who said it (`payments_by_hand`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.settlements import require_accounts
from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Arrived, Credit, Matched, Rule
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept, OpenDocument
from integration_pipeline.payments.matching.payouts import arrived
from integration_pipeline.payments.movements import Movement, MovementKind
from integration_pipeline.payments.store.documents import read_by_ids
from integration_pipeline.payments.store.movements import read_movements
from integration_pipeline.pipeline.settlements import (
    conventions_of,
    lock_customers,
)
from integration_pipeline.rules.document import AccountRole, RuleSet


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


def take(
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


def as_matched(connection: Connection, kept: Kept, wish: Wish, facts: Facts) -> Matched:
    """It pays these documents; what they leave is somebody's credit. Locks their customers."""
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


def as_arrived(connection: Connection, kept: Kept, wish: Wish, facts: Facts) -> Arrived:
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
        payout = take(connection, wish.payout_id, ("open", "waiting"))
        if payout.movement.kind is not MovementKind.PAYOUT or payout.movement.amount != kept.movement.amount:
            raise NotPossible(f"payment {wish.payout_id} is no payout of {kept.movement.amount.format()}")
        facts.payouts[payout.id] = payout
        decision = arrived(payout, kept, facts)
    if not isinstance(decision, Arrived):
        raise NotPossible(decision.why)
    return decision


def as_set_aside(rules: RuleSet, kept: Kept, by: str, reason: str) -> Matched:
    """The amount goes to suspense: otherwise it would be in transit for ever once it is paid out."""
    movement, conventions = kept.movement, conventions_of(rules)
    what = f"payment {kept.id} is {movement.amount.format()} in {movement.source.value}'s balance"
    require_accounts(rules.accounts)
    if AccountRole.SUSPENSE not in rules.accounts:
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
    return Matched(Rule.SET_ASIDE, evidence, (), (Credit(owner, None, movement.amount.minor),))


_LOCK = text("SELECT state, withdrawn_at FROM payments.movements WHERE id = :id FOR UPDATE")
_NUMBERS = text("""
    SELECT booked.number, intent.document_id
    FROM ledger.documents AS booked
    INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
    WHERE booked.number = ANY(CAST(:numbers AS text[]))
""")
_CUSTOMERS_OF = text("SELECT customer_id FROM billing.documents WHERE id = ANY(CAST(:ids AS bigint[]))")
_ENTITIES = text("""
    SELECT DISTINCT document.entity
    FROM crm.customers AS customer
    LEFT JOIN billing.documents AS document ON document.customer_id = customer.id
    WHERE customer.id = :id
""")
