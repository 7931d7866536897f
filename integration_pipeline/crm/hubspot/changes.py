"""Incremental reads through HubSpot's search, page after page by what was seen last.

Search gives 10,000 results at most, and its `after` is an offset: a record modified while we page moves to
the end, everything behind it moves up by one, and the record at the page boundary is never seen. So `after`
is not used at all. Each page is a new search from the last modification time on, which neither limit nor
shift can touch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from integration_pipeline.crm.hubspot.answers import Page
from integration_pipeline.crm.hubspot.api import HubSpotApi, SearchFilter
from integration_pipeline.crm.hubspot.config import modified_property
from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.transport.failures import VendorFailure, malformed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_Version: TypeAlias = tuple[int, str]


class ModifiedRecords:
    """Records of one object type in ascending order of modification."""

    def __init__(self, api: HubSpotApi, kind: ObjectType, properties: Sequence[str]) -> None:
        self._api = api
        self._kind = kind
        self._properties = properties
        self._modified = modified_property(kind)

    def since(self, start: datetime) -> Iterator[list[CrmRecord]]:
        """Pages of records modified at `start` or later, each version once.

        There is no upper bound: our clock is not HubSpot's, and what is modified meanwhile comes at the end.
        Raises `Malformed` if the answers are not in order, since then something would be missed.
        """
        moment = _milliseconds(start)
        seen: set[_Version] = set()
        while True:
            page = self._search([self._filter("GTE", moment)], self._modified)
            last = self._last_moment(page, moment)
            yield [record for record in page.records if _version(record) not in seen]
            if page.cursor is None or not page.records:
                return
            if last > moment:
                moment = last
                # These come again at the head of the next page.
                seen = {each for each in map(_version, page.records) if each[0] == moment}
                continue
            # A whole page of one millisecond, as bulk imports leave them: only ids tell its records apart.
            seen.update(map(_version, page.records))
            for more in self._within(moment):
                yield [record for record in more if _version(record) not in seen]
            moment += 1
            seen = set[_Version]()

    def _within(self, moment: int) -> Iterator[list[CrmRecord]]:
        """All records of one millisecond, ascending by id."""
        last = 0
        while True:
            same_time = [self._filter("GTE", moment), self._filter("LTE", moment)]
            after = SearchFilter("hs_object_id", "GT", str(last))
            page = self._search([*same_time, after], "hs_object_id")
            yield page.records
            if page.cursor is None or not page.records:
                return
            ids = [int(record.external_id) for record in page.records if record.external_id.isdecimal()]
            if len(ids) < len(page.records) or ids != sorted(ids) or ids[0] <= last:
                raise _disorder(page, f"ids above {last} in ascending order")
            last = ids[-1]

    def _search(self, filters: Sequence[SearchFilter], sort: str) -> Page:
        return self._api.search(self._kind, self._properties, filters, sort=sort)

    def _filter(self, operator: str, moment: int) -> SearchFilter:
        return SearchFilter(self._modified, operator, str(moment))

    def _last_moment(self, page: Page, start: int) -> int:
        times = [_milliseconds(record.modified_at) for record in page.records]
        if times and (times[0] < start or times != sorted(times)):
            since = (_EPOCH + start * _MILLISECOND).isoformat()
            raise _disorder(page, f"{self._modified} from {since} on in ascending order")
        return times[-1] if times else start


def _version(record: CrmRecord) -> _Version:
    return _milliseconds(record.modified_at), record.external_id


def _disorder(page: Page, expected: str) -> VendorFailure:
    return malformed(page.attempted, f"answered a search out of order, where {expected} was asked for")


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
