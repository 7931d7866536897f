"""Which traces of work on a deal belong to one act, and which acts need no repeating.

Belongs here: what follows from moments alone. Does not belong here: reading traces from rows (`acts`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from integration_pipeline.rebuild.order import Phase
from integration_pipeline.rebuild.work import PastAct

AFTERWARDS = timedelta(microseconds=1)
"""The smallest step of PostgreSQL's clock."""
# Traces of one planning of one deal: what lies further apart is looked at as two plannings.
_ONE_PLANNING = timedelta(seconds=2)
_GATES = (Phase.RAW_GATE, Phase.DEAL_GATE, Phase.DOCUMENT_GATE)


def without_repeated_gates(acts: Iterable[PastAct]) -> Iterator[PastAct]:
    """A deal's acts, but of a gate's verdicts in a row only the first: it judged all that was there.

    Verdicts that look at other deals as well are all kept.
    """
    last: Phase | None = None
    for act in sorted(acts, key=lambda each: (each.moment, each.phase)):
        if act.phase not in _GATES or act.phase is not last or len(act.touches) > 1:
            yield act
        last = act.phase


@dataclass(frozen=True, slots=True)
class Claim:
    """From when to when a poster had a document in hand."""

    claimed: datetime
    posted: datetime


def after_claims(acts: Sequence[PastAct], claims: Sequence[Claim]) -> list[PastAct]:
    """What was done with a deal while a document of it was being posted comes after the posting.

    What is claimed is posted whatever happens to its deal meanwhile; claiming and posting are repeated as
    one.
    """
    posted = {act.moment: moment for act in acts if (moment := _posted_meanwhile(act.moment, claims))}
    moved: dict[datetime, datetime] = {}
    taken: Counter[datetime] = Counter()
    for moment in sorted(posted):
        # Microseconds apart, so that their order stays.
        taken[posted[moment]] += 1
        moved[moment] = posted[moment] + AFTERWARDS * taken[posted[moment]]
    return [replace(act, moment=moved.get(act.moment, act.moment)) for act in acts]


def _posted_meanwhile(moment: datetime, claims: Sequence[Claim]) -> datetime | None:
    return next((each.posted for each in claims if each.claimed < moment < each.posted), None)


@dataclass(frozen=True, slots=True)
class Trace:
    """A moment at which a deal was being planned. `deal_id` and `rules` where the trace names them."""

    moment: datetime
    deal_id: int | None
    rules: str | None
    at_least: date | None


def plannings(traces: Iterable[Trace], breaks: Sequence[datetime]) -> Iterator[Sequence[Trace]]:
    """A deal's traces, those of one planning together."""
    planning: list[Trace] = []
    for trace in sorted(traces, key=lambda each: each.moment):
        if planning:
            before = planning[-1]
            goes_on = trace.moment - before.moment <= _ONE_PLANNING
            goes_on &= bisect_left(breaks, before.moment) == bisect_left(breaks, trace.moment)
            goes_on &= None in (before.rules, trace.rules) or before.rules == trace.rules
            if not goes_on:
                yield planning
                planning = []
        planning.append(trace)
    if planning:
        yield planning
