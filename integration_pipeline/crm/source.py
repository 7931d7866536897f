"""What every CRM connector offers to whoever reads with it.

Belongs here: the protocol. Does not belong here: the records' shape (`records`), a vendor's way to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from integration_pipeline.crm.records import CrmRecord, ObjectType, Wanted


class Source(Protocol):
    """One account of one CRM. All methods raise the transport's failures."""

    name: str

    @property
    def load(self) -> float:
        """How much of what the CRM grants is used just now, from 0 to 1: then the next call waits."""
        ...

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]: ...

    def archived_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]: ...

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]: ...

    def fetch_together(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        """Like `fetch`, for several types in one round of calls."""
        ...
