"""On which civil day something was done: by the clock, or by the fixed day of a rehearsal.

A deal version keeps the civil day on which it was recorded. Where that is what the clock said at its moment,
the clock counts, in each entity's time zone; otherwise the pipeline ran as of that day, and so did what
followed.

Belongs here: that inference, and a pipeline with such a day. Does not belong here: what is done on the day.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime

from integration_pipeline.pipeline.context import Pipeline

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was done; `as_of` is the fixed day it was done by, None for the clock's."""

    at: datetime
    as_of: date | None


@dataclass(frozen=True, slots=True)
class PastPipeline(Pipeline):
    """A pipeline for which it is `now`: its civil days are those of that moment, unless `as_of` fixes one."""

    now: datetime = _BEGINNING

    def at(self, when: Moment) -> PastPipeline:
        """The same pipeline at another moment."""
        past = copy(self)
        object.__setattr__(past, "now", when.at)
        object.__setattr__(past, "as_of", when.as_of)
        return past

    def today(self, entity: str | None = None) -> date:
        """The civil day at that moment, in the entity's time zone (UTC without an entity)."""
        if self.as_of is not None:
            return self.as_of
        known = self.rules.entities.get(entity or "")
        return self.now.astimezone(known.zone if known else UTC).date()


class Calendar:
    """Days by moment; `recorded` holds those that are known: (moment, fixed day or None for the clock)."""

    def __init__(self, recorded: Iterable[tuple[datetime, date | None]]) -> None:
        known = sorted(recorded, key=lambda each: each[0])
        self._moments = [moment for moment, _ in known]
        self._days = [day for _, day in known]

    def day(self, moment: datetime, at_least: date | None = None) -> Moment:
        """The day of something done at `moment`. `at_least` is the latest day it is known to have waited for.

        What waited for a later day than is known of the moment was done by that day, in a rehearsal.
        """
        fixed = self._days[max(0, bisect_right(self._moments, moment) - 1)] if self._days else None
        if fixed is not None:
            return Moment(moment, max(fixed, at_least or fixed))
        # Where it is tomorrow first, days are up to 14 hours ahead of UTC.
        if at_least is not None and (at_least - moment.astimezone(UTC).date()).days > 1:
            return Moment(moment, at_least)
        return Moment(moment, None)
