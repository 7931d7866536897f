"""Incremental reads in the order of `SystemModstamp`, page after page by what was seen last.

Stamps are whole seconds, so many records share one; a query's own cursor lasts two days and an org has few of
them. So each page is a new query from the last stamp and id on. What is written meanwhile comes at the end.

Belongs here: the order of reading, what proves it. Does not belong here: what is read of a record (`soql`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.crm.salesforce.answers import read_record
from integration_pipeline.crm.salesforce.api import SalesforceApi
from integration_pipeline.crm.salesforce.soql import selected, written_from


class StampedRecords:
    """Records of one kind: those in the recycle bin if `deleted`, the others if not."""

    def __init__(
        self,
        api: SalesforceApi,
        kind: ObjectType,
        properties: Sequence[str],
        page_size: int,
        *,
        deleted: bool = False,
    ) -> None:
        self._api = api
        self._kind = kind
        self._properties = properties
        self._page_size = page_size
        self._deleted = deleted
        self._select = selected(kind, properties, children=not deleted)

    def since(self, start: datetime) -> Iterator[list[CrmRecord]]:
        """Pages of records stamped at `start` or later.

        Raises `Malformed` if the answers are not in order, since then something would be missed.
        """
        moment, after = start, None
        while True:
            count, last = 0, (moment, after)
            for page in self._api.pages(
                self._query(moment, after), operation=self._operation, deleted=self._deleted
            ):
                records = [read_record(each, self._kind, self._properties).record for each in page.records]
                for place, record in enumerate(records):
                    if record.modified_at < moment.replace(microsecond=0) or record.external_id == after:
                        stamp = page.records[place].field("SystemModstamp")
                        raise stamp.wrong(f"a stamp from {moment.isoformat()} on, in ascending order")
                    moment, after = record.modified_at, record.external_id
                count += len(records)
                if count >= self._page_size and (moment, after) == last:
                    raise page.answer.field("records").wrong(f"records behind {after}")
                if records:
                    yield records
            if count < self._page_size:
                return

    @property
    def _operation(self) -> str:
        return f"{self._kind}.{'deleted' if self._deleted else 'changed'}"

    def _query(self, moment: datetime, after: str | None) -> str:
        wanted = f"{written_from(moment, after)}{' AND IsDeleted = true' if self._deleted else ''}"
        return f"{self._select} WHERE {wanted} ORDER BY SystemModstamp ASC, Id ASC LIMIT {self._page_size}"
