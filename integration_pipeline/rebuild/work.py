"""What an act of the past has to do, for whoever repeats it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Row

from integration_pipeline.rebuild.calendar import Moment
from integration_pipeline.rebuild.in_force import Versions
from integration_pipeline.rebuild.order import Act


@dataclass(frozen=True, slots=True)
class Landing:
    """A raw version becomes its record's newest one; a company's or contact's is then given its customer."""

    record_id: int
    in_force: Versions


@dataclass(frozen=True, slots=True)
class DealVersion:
    """What a deal came to when it was read, and the name of its customer that was seen then.

    `is_new` says whether that reading made the version, or found nothing new.
    """

    version: int
    content_hash: str
    customer_id: int | None
    company_name: str | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class DealWork:
    """A stage on one deal; `result` is recorded of the stage that reads it."""

    deal_key: str
    when: Moment
    in_force: Versions
    result: DealVersion | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A person released a quarantined row."""

    subject_kind: str
    subject_id: int
    rule: str
    reason: str
    by: str

    def __str__(self) -> str:
        return f"the release of {self.rule} of {self.subject_kind} {self.subject_id} by {self.by}"


@dataclass(frozen=True, slots=True)
class Usage:
    """A usage event was recorded."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Postings:
    """Documents that were posted together, in the order of their numbers."""

    when: Moment
    in_force: Versions
    documents: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Release:
    """Months of an entity were released; `sequence` is the first entry's, which follows `hash_before`."""

    when: Moment
    in_force: Versions
    entity: str
    sequence: int
    hash_before: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said about a movement of money, as the audit log keeps it."""

    movement_id: int
    action: str
    by: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Settling:
    """Movements of money were settled together, by the rules or as a person said.

    `movements` are their numbers, `settlements` what came of it, in the order of booking.
    """

    when: Moment
    in_force: Versions
    movements: Sequence[int]
    settlements: Sequence[Row[Any]]
    word: Word | None = None

    @property
    def booked_at(self) -> datetime:
        """The moment of the entries."""
        return next((row.posted_at for row in self.settlements if row.posted_at), self.when.at)


Work: TypeAlias = Landing | DealWork | Decision | Usage | Postings | Release | Settling
PastAct: TypeAlias = Act[Work]
