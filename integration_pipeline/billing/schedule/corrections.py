"""Corrections: what an amendment adds to and takes back from slots that were invoiced before it.

The principle: each version of the contract says what every slot should bill in the end. Whatever earlier
documents billed for a slot is compared with that, and the difference becomes credits for parts no longer
served and charges for parts now served, on the day the amendment is booked (or takes effect, if that is
later). So a backdated amendment ends in the same sums as one that was known from the start.

Does not belong here: what a slot should bill (`slots`), tax and document totals (`documents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from integration_pipeline.billing.invoices import LineKind
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import AmountSplit, Policies
from integration_pipeline.billing.schedule.amounts import Part, part_of
from integration_pipeline.billing.schedule.slots import Slot, SlotKey
from integration_pipeline.billing.schedule.usage_rates import Adjustment


class Entry(NamedTuple):
    """One line to be: `part` of `slot` charged, a credit over `unused` of it, or a true-up of `minor`."""

    issue_date: date
    slot: Slot
    kind: LineKind
    minor: int
    part: Part | None = None
    unused: Period | None = None
    reason: str | None = None
    adjustment: Adjustment | None = None
    trued_up: int = 0
    """What true-ups of the slot billed before this one."""

    @property
    def bound(self) -> str:
        """Which bound a true-up goes by: a minimum lifts, a maximum cuts; one that is undone, as it was."""
        return "minimum" if (self.trued_up + self.minor or self.trued_up) > 0 else "maximum"


@dataclass(slots=True)
class _Billed:
    """What documents up to `issue_date` billed for a slot."""

    issue_date: date
    slot: Slot


@dataclass(slots=True)
class Booking:
    """Walks through the versions in the order in which they were booked, and keeps what was billed."""

    policies: Policies
    entries: list[Entry] = field(default_factory=list[Entry])
    _billed: dict[SlotKey, list[_Billed]] = field(default_factory=dict[SlotKey, list[_Billed]])

    def book(self, slots: Sequence[Slot], booked: date, reason: str | None) -> None:
        """Documents from `booked` on follow `slots`; what is dated before it was issued and stays."""
        self.entries = [entry for entry in self.entries if entry.issue_date < booked]
        wanted = {slot.key: slot for slot in slots}
        before = self._issued_before(booked)
        for key, billed in before.items():
            target = wanted.get(key) or _emptied(billed)
            changed = _first_change(billed, target)
            if changed is not None:
                day = max(booked, changed)
                self._add(day, target, self._corrections(billed, target, day, reason))
        for slot in slots:
            if slot.key not in before:
                day = max(slot.issue_date, booked)
                self._add(day, slot, _first_entries(slot, day))

    def _issued_before(self, booked: date) -> dict[SlotKey, Slot]:
        issued: dict[SlotKey, Slot] = {}
        for key, history in list(self._billed.items()):
            history[:] = [billed for billed in history if billed.issue_date < booked]
            if history:
                issued[key] = history[-1].slot
            else:
                del self._billed[key]
        return issued

    def _add(self, day: date, slot: Slot, entries: Iterable[Entry]) -> None:
        self.entries.extend(entries)
        self._billed.setdefault(slot.key, []).append(_Billed(day, slot))

    def _corrections(self, billed: Slot, target: Slot, day: date, reason: str | None) -> Iterator[Entry]:
        kept: set[int] = set()
        for part in billed.parts:
            stays = [
                (index, new)
                for index, new in enumerate(target.parts)
                if new.rate.same_as(part.rate)
                and new.period.start >= part.period.start
                and new.period.end <= part.period.end
            ]
            kept.update(index for index, _ in stays)
            yield from self._credits(billed, part, [new for _, new in stays], day, reason)
        for index, new in enumerate(target.parts):
            if index not in kept and new.minor:
                yield Entry(day, target, LineKind.CHARGE, new.minor, new, reason=reason)
        if target.true_up != billed.true_up:
            slot = target if target.parts else billed
            moved = target.true_up - billed.true_up
            yield Entry(day, slot, LineKind.TRUE_UP, moved, reason=reason, trued_up=billed.true_up)

    def _credits(
        self, slot: Slot, part: Part, stays: Sequence[Part], day: date, reason: str | None
    ) -> Iterator[Entry]:
        """Credits for the days of `part` that none of `stays` covers."""
        if any(new.period == part.period and new.minor == part.minor for new in stays):
            return
        holes = list(_holes(part.period, [new.period for new in stays]))
        due = part.minor - sum(new.minor for new in stays)
        if not holes:
            # The same days, and rounding moved: only a split policy that looks at all parts does that.
            if due:
                yield Entry(day, slot, LineKind.ROUNDING, -due, part, part.period, reason)
            return
        if slot.full is None or slot.charge.metric is not None:
            if due:
                yield Entry(day, slot, LineKind.CREDIT, -due, part, None, reason)
            return
        alone = [part_of(part, hole, slot.full, self.policies) for hole in holes]
        if self.policies.split is AmountSplit.CUMULATIVE:
            # What stays billed is rounded as if it had been billed so from the start; the credit is the rest.
            alone[-1] = due - sum(alone[:-1])
        left = part.minor
        for hole, minor in zip(holes, alone, strict=True):
            credit = min(minor, left) if part.minor >= 0 else max(minor, left)
            left -= credit
            if credit:
                yield Entry(day, slot, LineKind.CREDIT, -credit, part, hole, reason)


def _first_entries(slot: Slot, day: date) -> list[Entry]:
    entries = [Entry(day, slot, LineKind.CHARGE, part.minor, part) for part in slot.parts if part.minor]
    if slot.true_up:
        entries.append(Entry(day, slot, LineKind.TRUE_UP, slot.true_up))
    entries.extend(
        Entry(day, slot, LineKind.ADJUSTMENT, adjustment.minor, adjustment=adjustment)
        for adjustment in slot.adjustments
    )
    return entries


def _emptied(slot: Slot) -> Slot:
    return slot._replace(parts=(), true_up=0, adjustments=())


def _first_change(billed: Slot, target: Slot) -> date | None:
    """The first day on which the two differ; None if they bill the same."""
    for old, new in zip(billed.parts, target.parts, strict=False):
        if old.period.start != new.period.start:
            return min(old.period.start, new.period.start)
        if not old.rate.same_as(new.rate):
            return old.period.start
        if old.period.end != new.period.end:
            return min(old.period.end, new.period.end)
        if old.minor != new.minor:
            return old.period.start
    if len(billed.parts) != len(target.parts):
        longer = max(billed.parts, target.parts, key=len)
        return longer[min(len(billed.parts), len(target.parts))].period.start
    if billed.true_up != target.true_up:
        return target.issue_date
    return None


def _holes(whole: Period, covered: Sequence[Period]) -> Iterator[Period]:
    reached = whole.start
    for period in sorted(covered, key=lambda period: period.start):
        if period.start > reached:
            yield Period(reached, period.start)
        reached = max(reached, period.end)
    if reached < whole.end:
        yield Period(reached, whole.end)


def entries_of(
    plans: Sequence[tuple[Sequence[Slot], date, str | None]], policies: Policies
) -> Mapping[date, list[Entry]]:
    """Lines to be, by issue date, in the order of charges; `plans` are (slots, booked, reason)."""
    by_date: dict[date, list[Entry]] = {}
    if len(plans) == 1:
        # Nothing was billed before, so nothing is to be compared: most contracts are never amended.
        for slot in plans[0][0]:
            if entries := _first_entries(slot, slot.issue_date):
                by_date.setdefault(slot.issue_date, []).extend(entries)
        return by_date
    booking = Booking(policies)
    for slots, booked, reason in plans:
        booking.book(slots, booked, reason)
    for entry in booking.entries:
        by_date.setdefault(entry.issue_date, []).append(entry)
    return by_date
