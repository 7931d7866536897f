"""When movements of money were settled, together with which others, and by whom.

A settlement was stored as soon as it was decided, and what was posted later was not known to whoever decided,
wherever its place in the chain is. What one transaction booked has one moment. What a person said is in the
audit log, next to what it booked.

Belongs here: acts read from settlements. Does not belong here: settling again (`resettle`), the rules of
matching (`payments`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeAlias

from sqlalchemy import Row

from integration_pipeline.rebuild.calendar import Calendar
from integration_pipeline.rebuild.facts import Facts
from integration_pipeline.rebuild.in_force import InForce
from integration_pipeline.rebuild.order import Act, Phase, Touch, reads
from integration_pipeline.rebuild.work import PastAct, Settling, Word

Booked: TypeAlias = Sequence[Row[Any]]
"""Settlements that were booked together, in their order."""

_BY_HAND = {"payments.match": ("person", "payout"), "payments.ignore": ("set_aside",)}


def settlings(facts: Facts, in_force: InForce, calendar: Calendar) -> Iterator[PastAct]:
    """Every settlement, and what took it back; and what counts as settled without one."""
    batches = _batches(facts)
    words = _words(facts, batches)
    for number, booked in enumerate(batches):
        yield _act(booked[0].created_at, booked, words.pop(number, None), in_force, calendar)
    for row in words.values():
        yield _act(row.at, (), row, in_force, calendar)
    for row in facts.unsettled:
        yield _act(row.decided_at, (), None, in_force, calendar, movement_id=row.id)


def _batches(facts: Facts) -> Sequence[Booked]:
    booked = sorted(facts.settlements, key=lambda row: (row.posted_at or row.created_at, row.id))
    together = groupby(booked, key=lambda row: row.posted_at or row.id)
    return [tuple(rows) for _, rows in together]


def _words(facts: Facts, batches: Sequence[Booked]) -> dict[int, Row[Any]]:
    """What a person said, by the number of the batch that came of it; by negative numbers if none did."""
    words: dict[int, Row[Any]] = {}
    for said in facts.said:
        fitting = (
            number
            for number, booked in enumerate(batches)
            if number not in words and booked[0].created_at < said.at and _may_be_of(said, booked)
        )
        words[max(fitting, default=-said.id)] = said
    return words


def _may_be_of(said: Row[Any], booked: Booked) -> bool:
    if said.action in _BY_HAND:
        return booked[0].reverses_id is None and any(
            row.movement_id == said.movement_id and row.rule in _BY_HAND[said.action] for row in booked
        )
    # It may name another version of the movement, or the payout that a bank line brought.
    whose = (said.source, said.kind, said.external_id)
    return booked[0].reverses_id is not None and any(
        (row.source, row.kind, row.external_id) == whose or row.payout_id == said.movement_id
        for row in booked
    )


def _act(
    moment: datetime,
    booked: Booked,
    said: Row[Any] | None,
    in_force: InForce,
    calendar: Calendar,
    *,
    movement_id: int | None = None,
) -> PastAct:
    # What is taken back is so on its own day if that is later than today, which tells nothing of today.
    days = [
        row.settled_on
        for row in booked
        if row.reversed_settled_on is not None and row.settled_on > row.reversed_settled_on
    ]
    word = None
    movements = [row.movement_id for row in booked]
    if said is not None:
        word = Word(said.movement_id, said.action, said.actor, said.details)
        movements = [said.movement_id]
    if movement_id is not None:
        movements = [movement_id]
    work = Settling(
        when=calendar.day(moment, max(days, default=None)),
        in_force=in_force.settling(moment),
        movements=tuple(dict.fromkeys(movements)),
        settlements=booked,
        word=word,
    )
    return Act(moment, Phase.SETTLE, tuple(_touches(booked)), work)


def _touches(booked: Booked) -> set[Touch]:
    """The books as they stand, the customers who paid, and whoever else has the payer's address."""
    touches = {Touch(("chain",), "settles", in_turn=True)}
    for row in booked:
        if row.customer_id is not None:
            touches.add(reads("customer", str(row.customer_id)))
        address = (row.payer_email or "").strip().lower()
        touches |= {reads("addressed as", known) for known in (address, address.partition("@")[2]) if known}
    return touches
