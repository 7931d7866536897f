"""Settle: movements of money that are open are set against what they pay, as far as that is beyond doubt.

Belongs here: batches, locks, what becomes of a movement. Does not belong here: the rules
(`payments.matching`), booking (`settlements`), what a person decides (`payments_by_hand`).

Decided twice: once to see whose documents it is about, and again, with balances read anew, when nobody else
can settle these customers' documents.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from integration_pipeline.accounting.postgres_ledger.settlements import require_accounts
from integration_pipeline.payments.matching.decide import decide, overdue
from integration_pipeline.payments.matching.decisions import (
    Arrived,
    Candidate,
    Charged,
    Decision,
    Matched,
    NotOurs,
    NotYet,
    Waits,
)
from integration_pipeline.payments.matching.facts import Conventions, Facts, Kept, OpenDocument
from integration_pipeline.payments.matching.parts import Part, parts_of
from integration_pipeline.payments.matching.suggestions import (
    Shelf,
    normal_names,
    similar_customers,
    with_suggestions,
)
from integration_pipeline.payments.movements import MovementKind
from integration_pipeline.payments.store.documents import read_customer_names, read_similar
from integration_pipeline.payments.store.facts import read_facts, read_series
from integration_pipeline.payments.store.movements import read_movements
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.refusals import said_by
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.settlements import (
    Booking,
    book,
    conventions_of,
    lock_customers,
    lock_movements,
)

_CHUNK = 200


def settle(
    pipeline: Pipeline, scope: Scope | None = None, *, movements: Collection[int] | None = None
) -> StageReport:
    """Settle every open movement that certainly pays what it pays; the others wait, with proposals.

    What waits is looked at again each time: an invoice may have come that it pays. What a person has decided
    about is left alone. A movement is not of a deal: a run over some deals leaves all to the next run over
    everything. `movements` are numbers of `payments.movements`: only these. Safe to repeat, and at the same
    time.

    Counts: `settled`, `waiting`, `not_yet` (what it belongs to has still to come, and not for longer than the
    rule set's `payout_days`: then it waits for a person, too), `ignored`, `left` (another run has it). Money:
    `applied` to documents, `unapplied` (customers' credit), `fees`; less what went back.

    Raises `AccountsMissing` for a rule set without the accounts that payments need.
    """
    with reporting("settle") as report:
        if scope is not None and scope != Scope.everything():
            return report
        require_accounts(pipeline.rules.accounts)
        with pipeline.session() as connection:
            wanted = None if movements is None else sorted(movements)
            pending, settled = _pass(connection, pipeline, wanted, report)
            # What was waited for may have been settled after what waits for it.
            while settled and pending:
                pending, settled = _pass(connection, pipeline, list(pending), report)
            for is_overdue in pending.values():
                report.counts["waiting" if is_overdue else "not_yet"] += 1
    return report


def _pass(
    connection: Connection, pipeline: Pipeline, wanted: Sequence[int] | None, report: StageReport
) -> tuple[dict[int, bool], int]:
    """One look at every open movement; those that wait for another one and whether that should have come by
    now, and how many were settled.
    """
    pending: dict[int, bool] = {}
    before = report.counts["settled"]
    last = 0
    found = _CHUNK
    while found == _CHUNK:
        ids = connection.execute(_NEXT, {"after": last, "wanted": wanted, "limit": _CHUNK}).scalars().all()
        found = len(ids)
        if ids:
            pending |= _Chunk(connection, pipeline, report).settle(ids)
            last = ids[-1]
        if pipeline.shared is None:
            connection.commit()
    return pending, report.counts["settled"] - before


class _Chunk:
    """A batch of movements in one transaction."""

    def __init__(self, connection: Connection, pipeline: Pipeline, report: StageReport) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._report = report
        self._conventions: Conventions = conventions_of(pipeline.rules)
        self._numbers = read_series(connection)

    def settle(self, ids: Sequence[int]) -> dict[int, bool]:
        """Decide and book; answers those that wait for another movement, and whether for too long."""
        first = self._decide(ids)
        customers = {each for decision in first.decisions.values() for each in first.customers(decision)}
        payouts = {each.payout.id for each in first.decisions.values() if isinstance(each, Arrived)}
        held = lock_movements(self._connection, {*ids, *payouts})
        self._report.counts["left"] += len(set(ids) - held)
        lock_customers(self._connection, customers)
        again = self._decide([each for each in ids if each in held])
        bookings: list[Booking] = []
        pending: dict[int, Waits | None] = {}
        waiting: dict[int, Waits] = {}
        for movement_id, decision in again.decisions.items():
            kept = again.kept[movement_id]
            match decision:
                case Matched() | Charged() | Arrived():
                    arrives = isinstance(decision, Arrived)
                    if again.customers(decision) <= customers and (not arrives or decision.payout.id in held):
                        bookings.append(Booking(kept, decision, again.parts[movement_id]))
                    else:
                        self._report.counts["left"] += 1
                case Waits():
                    waiting[movement_id] = decision
                case NotYet():
                    pending[movement_id] = overdue(decision, kept.movement, again.facts)
                case NotOurs():
                    pass
        waiting |= self._book(bookings, again.facts)
        arrived = {each.decision.payout.id for each in bookings if isinstance(each.decision, Arrived)}
        pending = {each: late for each, late in pending.items() if each not in arrived}
        waiting = self._with_suggestions(waiting, again)
        self._report.counts["waiting"] += len(waiting)
        self._keep(again, waiting | {each: late for each, late in pending.items() if late is not None})
        return {each: late is not None for each, late in pending.items()}

    def _decide(self, ids: Sequence[int]) -> _Decided:
        kept = read_movements(self._connection, ids)
        facts = read_facts(self._connection, list(kept.values()), self._conventions, self._numbers)
        facts.today = self._pipeline.today()
        return _Decided.of(kept, facts)

    def _book(self, bookings: Sequence[Booking], facts: Facts) -> dict[int, Waits]:
        """Book all; where the books refuse it, one by one: what they refuse waits for a person."""
        refused: dict[int, Waits] = {}
        done: list[Booking] = []
        try:
            with self._connection.begin_nested():
                book(self._connection, self._pipeline, bookings, facts)
            done = [*bookings]
        except (IntegrityError, ValueError):
            for booking in bookings:
                try:
                    with self._connection.begin_nested():
                        book(self._connection, self._pipeline, [booking], facts)
                    done.append(booking)
                except (IntegrityError, ValueError) as refusal:
                    refused[booking.kept.id] = Waits(f"the books refuse it: {said_by(refusal)}")
        for booking in done:
            self._report.counts["settled"] += 1
            for part in booking.parts:
                applied = sum(each.minor for each in part.allocations)
                self._report.money["applied", part.currency] += applied
                self._report.money["unapplied", part.currency] += part.unapplied_minor
                self._report.money["fees", part.currency] += part.fee_minor
        return refused

    def _with_suggestions(self, waiting: dict[int, Waits], decided: _Decided) -> dict[int, Waits]:
        """With what else may explain what waits, by amounts and names."""
        incoming = [each for each in waiting if decided.kept[each].movement.amount.minor > 0]
        if not incoming:
            return waiting
        names = normal_names(read_customer_names(self._connection))
        alike = {each: similar_customers(decided.kept[each].movement, names) for each in incoming}
        documents = read_similar(
            self._connection,
            [decided.kept[each].movement for each in incoming],
            {customer for found in alike.values() for customer in found},
            self._conventions,
        )
        shelf = Shelf(documents)
        return waiting | {
            each: with_suggestions(waiting[each], decided.kept[each], shelf, alike[each], self._conventions)
            for each in incoming
        }

    def _keep(self, decided: _Decided, waiting: dict[int, Waits]) -> None:
        """What is to be known of those that were not settled, written where it has changed."""
        rows: list[dict[str, Any]] = []
        for movement_id, decision in decided.decisions.items():
            row: dict[str, Any] = {"id": movement_id, "candidates": []}
            if movement_id in waiting:
                told = waiting[movement_id]
                row |= {"state": "waiting", "reason": told.why}
                row["candidates"] = [
                    _candidate_json(each, position) for position, each in enumerate(told.candidates, 1)
                ]
            elif isinstance(decision, NotYet):
                row |= {"state": "open", "reason": decision.why}
            elif isinstance(decision, NotOurs):
                self._report.counts["ignored"] += 1
                row |= {"state": "ignored", "reason": decision.why}
            else:
                continue
            rows.append(row)
        if rows:
            self._connection.execute(_KEEP, {"decided": json.dumps(rows)})


class _Decided:
    """Decisions about a batch, each aware of those before it."""

    def __init__(self, kept: dict[int, Kept], facts: Facts) -> None:
        self.kept = kept
        self.facts = facts
        self.decisions: dict[int, Decision] = {}
        self.parts: dict[int, tuple[Part, ...]] = {}

    @classmethod
    def of(cls, kept: dict[int, Kept], facts: Facts) -> _Decided:
        decided = cls(kept, facts)
        for each in kept.values():
            decided._decide(each)
        return decided

    def _decide(self, kept: Kept) -> None:
        decision = decide(kept, self.facts)
        if isinstance(decision, Matched | Charged | Arrived):
            try:
                self.parts[kept.id] = tuple(parts_of(kept, decision, self.facts))
            except ValueError as fault:
                decision = Waits(str(fault))
        if isinstance(decision, Matched):
            self.facts.set_against(decision.allocations)
            if kept.movement.kind is not MovementKind.PAYMENT or kept.movement.amount.minor < 0:
                self.facts.take_back(kept.movement)
        if isinstance(decision, Arrived):
            self.facts.take_payout(decision.payout.id, decision.line and decision.line.id)
        self.decisions[kept.id] = decision

    def customers(self, decision: Decision) -> set[int]:
        """Whose documents and credit a decision touches."""
        if not isinstance(decision, Matched):
            return set()
        documents: Iterable[OpenDocument] = (
            self.facts.documents[each.document_id] for each in decision.allocations
        )
        credited = {each.customer_id for each in decision.credit if each.customer_id is not None}
        return {each.customer_id for each in documents} | credited


def _candidate_json(candidate: Candidate, position: int) -> dict[str, Any]:
    """A proposal as it is kept."""
    return {
        "position": position,
        "rule": candidate.rule.value,
        "evidence": {
            "score": candidate.score,
            "words": list(candidate.evidence),
            "payout": candidate.payout_id,
        },
        "allocations": [
            {"document_id": each.document_id, "amount_minor": each.minor} for each in candidate.allocations
        ],
    }


# What a person has said something about is that person's.
_NEXT = text("""
    SELECT id FROM payments.movements
    WHERE state IN ('open', 'waiting') AND withdrawn_at IS NULL AND decided_by IS NULL AND id > :after
        AND (CAST(:wanted AS bigint[]) IS NULL OR id = ANY(CAST(:wanted AS bigint[])))
    ORDER BY id
    LIMIT :limit
""")
_KEEP = text("""
    WITH decided AS (
        SELECT * FROM jsonb_to_recordset(CAST(:decided AS jsonb)) AS given (
            id bigint, state text, reason text, candidates jsonb
        )
    ),

    proposed AS (
        SELECT decided.id AS movement_id, candidate.*
        FROM decided
        CROSS JOIN LATERAL jsonb_to_recordset(decided.candidates) AS candidate (
            position bigint, rule text, evidence jsonb, allocations jsonb
        )
    ),

    forgotten AS (
        DELETE FROM payments.candidates AS known
        USING decided
        WHERE known.movement_id = decided.id
            AND NOT EXISTS (
                SELECT FROM proposed
                WHERE proposed.movement_id = known.movement_id AND proposed.position = known.position
            )
    ),

    kept AS (
        INSERT INTO payments.candidates AS known (movement_id, position, rule, evidence, allocations)
        SELECT
            proposed.movement_id, proposed.position, proposed.rule, proposed.evidence,
            (
                SELECT coalesce(jsonb_agg(
                    part.value || jsonb_build_object('number', document.number) ORDER BY part.ordinality
                ), '[]')
                FROM jsonb_array_elements(proposed.allocations) WITH ORDINALITY AS part
                INNER JOIN ledger.document_balances AS document
                    ON document.document_id = CAST(part.value ->> 'document_id' AS bigint)
            )
        FROM proposed
        ON CONFLICT (movement_id, position) DO UPDATE SET
            rule = excluded.rule, evidence = excluded.evidence, allocations = excluded.allocations
        WHERE (known.rule, known.evidence, known.allocations)
            IS DISTINCT FROM (excluded.rule, excluded.evidence, excluded.allocations)
    )

    UPDATE payments.movements AS movement
    SET state = decided.state, reason = decided.reason, decided_at = clock_timestamp()
    FROM decided
    WHERE movement.id = decided.id
        -- A payout may have been settled with its bank line.
        AND movement.state IN ('open', 'waiting')
        AND (movement.state, movement.reason) IS DISTINCT FROM (decided.state, decided.reason)
""")
