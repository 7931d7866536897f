"""Settling again: the same rules asked about the same movements, and what persons said, said once more.

What is decided depends on what was known: movements that had come by then, as they stood; documents that
others had committed by then. A moment does not tell the latter. Where the rules decide otherwise, they are
asked again as if the documents that were posted in the seconds before were not there yet.

Belongs here: making the scratch database stand where the live one stood before, and these second looks. Does
not belong here: which movements, when and in which order (`payments`), the rules (`pipeline.settle`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.settlements import AccountsMissing
from integration_pipeline.pipeline import payments_by_hand as by_hand
from integration_pipeline.pipeline.refusals import said_by
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.rebuild.books import stand
from integration_pipeline.rebuild.calendar import PastPipeline
from integration_pipeline.rebuild.readings import Customers
from integration_pipeline.rebuild.scratch import Scratch
from integration_pipeline.rebuild.work import Settling, Word

_LONGEST_TRANSACTION = timedelta(seconds=10)


@dataclass(slots=True)
class Resettle:
    """Settles movements of the scratch database, in the order of the live books."""

    scratch: Scratch
    customers: Customers
    _known_until: datetime = field(default=datetime(1, 1, 2, tzinfo=UTC), init=False)

    def settle(self, settling: Settling, pipeline: PastPipeline) -> list[str]:
        """Answers what could not be done again."""
        with self.scratch.engine.begin() as connection:
            self._know(connection, settling.when.at)
        with self.customers.named(self._seen(settling.settlements)):
            if settling.word is not None:
                return self._say(settling, settling.word, pipeline)
            try:
                return list(self._ask(settling, pipeline))
            except AccountsMissing as missing:
                return [f"payments {', '.join(map(str, settling.movements))}: {missing}"]

    def _know(self, connection: Connection, until: datetime) -> None:
        """Movements that had come, and those that were withdrawn or left out by then."""
        span = {"after": self._known_until, "until": until}
        for statement in (_COME, _WITHDRAWN, _IGNORED):
            connection.execute(text(statement), span)
        self._known_until = max(until, self._known_until)

    def _seen(self, settlements: Sequence[Row[Any]]) -> dict[int, str]:
        """What each customer is called in the entry of what it paid."""
        return {
            row.customer_id: name
            for row in settlements
            for name in sorted(self.customers.names.get(row.customer_id, ()), key=len)
            if f", {name}: " in (row.description or "")
        }

    def _say(self, settling: Settling, word: Word, pipeline: PastPipeline) -> list[str]:
        """What a person said, said again."""
        payout = word.details.get("payout")
        with self.scratch.engine.begin() as connection:
            self._stand(connection, settling, settling.settlements)
            if word.action != "payments.undo":
                connection.execute(text(_ALIVE), {"ids": [word.movement_id, *([payout] if payout else [])]})
        try:
            if word.action == "payments.match":
                by_hand.match(pipeline, word.movement_id, _wish(word), by=word.by)
            elif word.action == "payments.ignore":
                by_hand.ignore(pipeline, word.movement_id, by=word.by, reason=word.details["reason"])
            else:
                by_hand.undo(pipeline, word.movement_id, by=word.by, reason=word.details["reason"])
        except (by_hand.NotPossible, LookupError, IntegrityError) as refusal:
            said = f"`{word.action.replace('.', ' ')} {word.movement_id}` of {word.by}"
            return [f"{said}: {said_by(refusal)}"]
        return []

    def _ask(self, settling: Settling, pipeline: PastPipeline) -> Iterator[str]:
        """The rules, about all together; where that does not come to what is booked, about each alone."""
        with self.scratch.engine.connect() as connection:
            if self._settle(connection, settling, settling.movements, pipeline):
                connection.commit()
                return
            connection.rollback()
            for movement in settling.movements:
                if not self._settle_alone(connection, settling, movement, pipeline):
                    waiting = connection.execute(text(_WAITING), {"id": movement}).scalar()
                    if waiting is not None:
                        yield f"payment {movement} is settled, but asked again it waits: {waiting}"
                connection.commit()

    def _settle_alone(
        self, connection: Connection, settling: Settling, movement: int, pipeline: PastPipeline
    ) -> bool:
        if self._settle(connection, settling, [movement], pipeline):
            return True
        connection.rollback()
        self._overlook(connection, settling, movement)
        if self._settle(connection, settling, [movement], pipeline):
            connection.execute(text("DELETE FROM replay.unseen"))
            return True
        connection.rollback()
        return self._settle(connection, settling, [movement], pipeline)

    def _settle(
        self,
        connection: Connection,
        settling: Settling,
        movements: Sequence[int],
        pipeline: PastPipeline,
    ) -> bool:
        """Whether it came to what is booked."""
        booked = [row for row in settling.settlements if row.movement_id in movements]
        self._stand(connection, settling, booked)
        payouts = {row.payout_id for row in booked if row.payout_id is not None}
        connection.execute(text(_ALIVE), {"ids": [*movements, *payouts]})
        settle(pipeline.sharing(connection), movements=movements)
        references = {"references": [row.reference for row in booked]}
        found = {
            row.reference: (row.rule, row.allocations)
            for row in connection.execute(text(_BOOKED), references)
        }
        return found == {row.reference: (row.rule, row.allocations) for row in booked}

    def _stand(self, connection: Connection, settling: Settling, booked: Sequence[Row[Any]]) -> None:
        self.scratch.set_clock(connection, settling.booked_at)
        stand(connection, booked)

    def _overlook(self, connection: Connection, settling: Settling, movement: int) -> None:
        """As if what was posted just before, and is not paid by this movement, were not posted yet."""
        paid = {
            int(document)
            for row in settling.settlements
            if row.movement_id == movement
            for document in row.allocations or ()
        }
        at = settling.when.at
        just_before = {"since": at - _LONGEST_TRANSACTION, "until": at, "paid": sorted(paid)}
        connection.execute(text(_OVERLOOK), just_before)


def _wish(word: Word) -> by_hand.Wish:
    said = cast("Mapping[str, str | None]", word.details["documents"])
    return by_hand.Wish(
        {number: None if amount is None else Decimal(amount) for number, amount in said.items()},
        word.details["customer"],
        word.details["payout"],
    )


_COME = """
    INSERT INTO payments.movements (
        id, source, account, external_id, kind, content_hash, amount_minor, fee_minor, currency,
        settled_minor, settled_currency, occurred_at, value_date, payer, hints, links, payout, body,
        received_at, state
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        id, source, account, external_id, kind, content_hash, amount_minor, fee_minor, currency,
        settled_minor, settled_currency, occurred_at, value_date, payer, hints, links, payout, body,
        received_at, 'open'
    FROM replay.movements
    WHERE received_at > :after AND received_at <= :until
"""
# One that is settled and has been removed by its source stays settled until a person takes that back.
_WITHDRAWN = """
    UPDATE payments.movements AS movement
    SET
        withdrawn_at = known.withdrawn_at,
        state = CASE movement.state WHEN 'settled' THEN 'waiting' ELSE 'withdrawn' END
    FROM replay.movements AS known
    WHERE known.withdrawn_at > :after AND known.withdrawn_at <= :until AND movement.id = known.id
"""
_IGNORED = """
    UPDATE payments.movements AS movement SET state = 'ignored'
    FROM replay.movements AS known
    WHERE known.decided_at > :after AND known.decided_at <= :until AND known.state = 'ignored'
        AND movement.id = known.id AND movement.state IN ('open', 'waiting')
"""
# What was settled then was there then, and nobody had said anything else.
_ALIVE = """
    UPDATE payments.movements SET state = 'open', withdrawn_at = NULL, decided_by = NULL
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state <> 'settled'
"""
_WAITING = "SELECT reason FROM payments.movements WHERE id = :id AND state = 'waiting'"
_BOOKED = """
    SELECT
        settlement.reference, settlement.rule,
        (
            SELECT jsonb_object_agg(allocation.document_id, allocation.amount_minor)
            FROM payments.allocations AS allocation
            WHERE allocation.settlement_id = settlement.id
        ) AS allocations
    FROM payments.settlements AS settlement
    WHERE settlement.reference = ANY(CAST(:references AS text[]))
"""
_OVERLOOK = """
    INSERT INTO replay.unseen (document_id)
    SELECT intent.document_id
    FROM ledger.documents AS booked
    INNER JOIN ledger.journal_entries AS entry ON entry.id = booked.entry_id
    INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
    WHERE entry.posted_at > :since AND entry.posted_at <= :until
        AND NOT intent.document_id = ANY(CAST(:paid AS bigint[]))
"""
