"""Timelines: which terms are in force for a charge on which days.

Belongs here: stretches of service under one set of terms, from versions, renewals, pauses and phases. Does
not belong here: billing periods (`slots`), prices (`rates`), what was invoiced before (`corrections`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.terms import Charge, ContractTerms, Phase
from integration_pipeline.billing.terms.phases import phase_stretches
from integration_pipeline.billing.versions import TermsVersion


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days `[start, end)` on which `charge` is served under `terms`; `renewals` terms went before this one.

    For a one-time charge without a service period, `end` is the day after its only day.
    """

    start: date
    end: date
    terms: ContractTerms
    charge: Charge
    renewals: int = 0


Timeline = dict[str, tuple[Stretch, ...]]


def timeline_of(version: TermsVersion, horizon: date | None) -> Timeline:
    """Stretches by charge as `version` alone has them, in the order of its charges.

    Raises `ValueError` if a contract goes on for good and `horizon` is None. Renewals that begin on the
    horizon or later are left out; an evergreen stretch has no end but the last of all dates.
    """
    terms = version.terms
    pauses = terms.pauses
    timeline: Timeline = {}
    for charge in terms.charges:
        stretches: Iterable[Stretch] = _stretches(terms, charge, horizon)
        if version.ends is not None:
            stretches = _cut(stretches, date.min, version.ends)
        for pause in pauses:
            if charge.recurs and (not pause.charges or charge.charge_id in pause.charges):
                stretches = _without(stretches, pause.start, pause.end or date.max)
        timeline[charge.charge_id] = tuple(stretches)
    return timeline


def amended(before: Timeline, after: Timeline, effective: date) -> Timeline:
    """`before` up to `effective`, `after` from then on; what goes on unchanged stays in one piece."""
    merged: Timeline = {}
    for charge_id in [*before, *(name for name in after if name not in before)]:
        kept = _cut(before.get(charge_id, ()), date.min, effective)
        coming = _cut(after.get(charge_id, ()), effective, date.max)
        merged[charge_id] = tuple(_joined([*kept, *coming]))
    return merged


def phases_of(stretch: Stretch) -> Iterator[tuple[date, date, Phase | None]]:
    """(from, to, phase) that cover the stretch; phases count from the start of the charge."""
    charge = stretch.charge
    if not charge.phases:
        yield stretch.start, stretch.end, None
        return
    for start, end, phase in phase_stretches(charge.phases, charge.start or stretch.terms.start, stretch.end):
        if end > stretch.start:
            yield max(start, stretch.start), end, phase


def _stretches(terms: ContractTerms, charge: Charge, horizon: date | None) -> Iterator[Stretch]:
    start = charge.start or terms.start
    if not charge.recurs:
        # Its day is what an amendment can come before or after; its service period is the line's business.
        yield Stretch(start, start + timedelta(days=1), terms, charge)
        return
    end = charge.end or terms.contract_end
    if end is None and horizon is None:
        raise ValueError(f"contract {terms.contract_id} has no end; state until when it is to be planned")
    if end is None or start < end:
        yield Stretch(start, end or date.max, terms, charge)
    if end is not None and charge.end is None and terms.renewal is not None:
        yield from _renewals(terms, charge, end, horizon)


def _renewals(
    terms: ContractTerms, charge: Charge, first_end: date, horizon: date | None
) -> Iterator[Stretch]:
    renewal = terms.renewal
    if renewal is None:
        return
    count = 0
    opened = first_end
    while renewal.times is None or count < renewal.times:
        if horizon is None and renewal.times is None:
            raise ValueError(f"contract {terms.contract_id} renews for good; state until when to plan it")
        if horizon is not None and opened >= horizon:
            return
        count += 1
        closed = add_months(first_end, renewal.term_months * count, terms.start.day)
        if closed > (charge.start or terms.start):
            yield Stretch(max(opened, charge.start or terms.start), closed, terms, charge, count)
        opened = closed


def _cut(stretches: Iterable[Stretch], start: date, end: date) -> Iterator[Stretch]:
    for stretch in stretches:
        if stretch.start >= start and stretch.end <= end:
            yield stretch
        elif stretch.start < end and stretch.end > start:
            yield replace(stretch, start=max(stretch.start, start), end=min(stretch.end, end))


def _without(stretches: Iterable[Stretch], start: date, end: date) -> Iterator[Stretch]:
    for stretch in stretches:
        if stretch.start < start:
            yield from _cut([stretch], date.min, start)
        if stretch.end > end:
            yield from _cut([stretch], end, date.max)


def _joined(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Adjacent stretches of the same charge as one: an amendment that changes nothing leaves no trace."""
    pending: Stretch | None = None
    for stretch in stretches:
        if pending is None:
            pending = stretch
        elif pending.end == stretch.start and _same(pending, stretch):
            pending = replace(pending, end=stretch.end)
        else:
            yield pending
            pending = stretch
    if pending is not None:
        yield pending


def _same(left: Stretch, right: Stretch) -> bool:
    return (
        left.charge == right.charge
        and left.renewals == right.renewals
        and left.terms.start == right.terms.start
        and left.terms.anchor == right.terms.anchor
        and left.terms.stub == right.terms.stub
    )
