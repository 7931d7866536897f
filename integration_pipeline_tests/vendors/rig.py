"""What the standard tests need of a vendor: a sandbox to break, a connector to it, a read and a write.

A vendor gets these tests by a rig beside its own tests, and a module that names the suites of `standard` it
passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from integration_pipeline.transport.clock import MonotonicClock
from integration_pipeline.transport.metrics import Totals

C = TypeVar("C")

Fault = dict[str, object]
"""One fault of the sandbox's rules: `{"kind": "error", "status": 503}`."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as the connector read it."""

    external_id: str
    modified_at: datetime


class WoundClock(MonotonicClock):
    """Time passes only by sleeping in it."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


class Rig(Protocol[C]):
    """A running sandbox of one vendor and the connector under test. `C` is the connector's type.

    `secrets`: what must never be told. `renews`: whether the connector gets a new token when one is refused;
    with a static one it cannot.
    """

    @property
    def secrets(self) -> Sequence[str]: ...

    @property
    def renews(self) -> bool: ...

    def reset(self) -> None:
        """An empty account without faults and without limits worth mentioning."""
        ...

    def connect(self, clock: WoundClock) -> AbstractContextManager[C]:
        """A connector with its own retry policy, waiting by this clock, and a fresh metrics registry."""
        ...

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        """From now on the calls of `read_one` and `write` meet this fault, `times` times or always."""
        ...

    def totals(self, connector: C) -> Totals:
        """The connector's calls so far."""
        ...

    def create(self, count: int) -> list[str]:
        """So many records at the vendor, made by somebody else; their ids."""
        ...

    def read_one(self, connector: C, external_id: str) -> str:
        """Read this record in one call; its id, as answered."""
        ...


class PagingRig(Rig[C], Protocol[C]):
    """One whose connector reads changes, page by page. `more_than_a_page`: so many records need three."""

    @property
    def more_than_a_page(self) -> int: ...

    def change(self, external_id: str) -> None:
        """Somebody edits a record at the vendor."""
        ...

    def changes(self, connector: C, since: datetime | None) -> list[Seen]:
        """All the connector reads that changed since then, overlap included; everything for None."""
        ...


class WritingRig(Rig[C], Protocol[C]):
    """One whose connector creates documents.

    `repeats_writes`: whether the vendor recognises a repetition, so that the connector may send a write again
    by itself.
    """

    @property
    def repeats_writes(self) -> bool: ...

    def write(self, connector: C, reference: str) -> None:
        """Create one document that carries this reference."""
        ...

    def write_refused(self, connector: C) -> None:
        """Try to create a document the vendor refuses for what is in it."""
        ...

    def written(self, reference: str) -> int:
        """How many documents at the vendor carry this reference, asked without the connector."""
        ...
