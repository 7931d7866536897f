"""A CRM in memory that fails now and then, in each of the ways a reader tells apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.transport.failures import (
    Attempted,
    Malformed,
    Throttled,
    Transient,
    Unauthorized,
    VendorFailure,
)
from integration_pipeline_tests.pipeline.portal import Portal


class MoodyPortal(Portal):
    """Fails one call for each trouble in store."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[VendorFailure] = []

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        self._suffer()
        return super().fetch(object_type, ids, properties)

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        self._suffer()
        yield from super().changed_since(object_type, since, properties)

    def _suffer(self) -> None:
        with suppress(IndexError):
            raise self.troubles.pop()


CALL = Attempted("hubspot", "POST", "/crm/v3/objects/deals/batch/read", is_write=False)
TROUBLES: dict[str, Callable[[], VendorFailure]] = {
    "outage": lambda: Transient(CALL, "could not be reached", "Try again."),
    "too many calls": lambda: Throttled(CALL, "refused for its rate", "Wait."),
    "token revoked": lambda: Unauthorized(CALL, "refused the token", "Renew it."),
    "garbage": lambda: Malformed(CALL, "answered with HTML", "Report it."),
}
