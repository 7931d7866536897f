"""A CRM in memory: records that are changed as people change them, read as the pipeline reads a vendor.

The time of a change is a counter, a minute apart, so that a test never depends on a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType, Wanted

COMPANY, CONTACT, DEAL, LINE_ITEM = (
    ObjectType.COMPANY,
    ObjectType.CONTACT,
    ObjectType.DEAL,
    ObjectType.LINE_ITEM,
)
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_WON_DEAL: Mapping[str, str | None] = {
    "dealname": "Acme licences",
    "dealstage": "closedwon",
    "closedate": "2026-03-10T12:00:00Z",
    "deal_currency_code": "USD",
    "amount": "1200.00",
    "billing_entity": "us",
}
_SEATS: Mapping[str, str | None] = {"name": "Seats", "quantity": "10", "price": "10.00"}


class Portal:
    """An account with some records; `fetched`, `rounds` and `asked` keep what the pipeline wanted to know."""

    name = "hubspot"
    load = 0.0

    def __init__(self) -> None:
        self.records: dict[tuple[ObjectType, str], CrmRecord] = {}
        self.fetched: list[tuple[ObjectType, tuple[str, ...]]] = []
        self.asked: list[tuple[ObjectType, datetime | None]] = []
        self.rounds: list[list[tuple[ObjectType, tuple[str, ...]]]] = []
        self._now = _BEGINNING

    def company(self, external_id: str, **properties: str | None) -> str:
        return self._save(COMPANY, external_id, {"name": f"Company {external_id}", **properties}, {})

    def contact(self, external_id: str, company: str | None = None, **properties: str | None) -> str:
        return self._save(CONTACT, external_id, properties, {COMPANY: [company] if company else []})

    def line_item(self, external_id: str, deal: str | None = None, **properties: str | None) -> str:
        """Seats for 10 x 10.00 once; with a deal, linked both ways, of which the deal's time says nothing."""
        self._save(LINE_ITEM, external_id, {**_SEATS, **properties}, {DEAL: [deal] if deal else []})
        if deal is not None and (DEAL, deal) in self.records:
            known = self.records[DEAL, deal].associations.get(LINE_ITEM, ())
            self.link(DEAL, deal, LINE_ITEM, *(link.external_id for link in known), external_id)
        return external_id

    def deal(
        self,
        external_id: str,
        company: str | None = "7",
        *,
        contacts: Sequence[str] = (),
        lines: Sequence[str] = (),
        **properties: str | None,
    ) -> str:
        """A won deal over 1,200 dollars of company 7, which is made if need be."""
        if company is not None and (COMPANY, company) not in self.records:
            self.company(company)
        links = {COMPANY: [company] if company else [], CONTACT: list(contacts), LINE_ITEM: list(lines)}
        return self._save(DEAL, external_id, {**_WON_DEAL, **properties}, links)

    def subscription(self, external_id: str, price: str = "100.00", **properties: str | None) -> str:
        """A won deal with one monthly line item for the first half of 2026."""
        self.line_item(f"{external_id}1", quantity="1", price=price, recurringbillingfrequency="monthly")
        terms = {"contract_start_date": "2026-01-01", "contract_term_months": "6", "amount": None}
        self.deal(external_id, lines=[f"{external_id}1"])
        self.change(DEAL, external_id, **{**terms, **properties})
        return external_id

    def change(self, kind: ObjectType, external_id: str, **properties: str | None) -> None:
        record = self.records[kind, external_id]
        changed = {**record.properties, **properties}
        self.records[kind, external_id] = replace(record, properties=changed, modified_at=self.tick())

    def archive(self, kind: ObjectType, external_id: str) -> None:
        record = self.records[kind, external_id]
        self.records[kind, external_id] = replace(
            record, archived=True, associations={}, modified_at=self.tick()
        )

    def link(self, kind: ObjectType, external_id: str, target: ObjectType, *ids: str) -> None:
        """Replace links to one type, which leaves the modification time alone, as at the vendor."""
        record = self.records[kind, external_id]
        links = {**record.associations, target: tuple(Association(each) for each in ids)}
        self.records[kind, external_id] = replace(record, associations=links)

    def tick(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now

    def changed_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        self.asked.append((object_type, since))
        yield from self._pages(object_type, since, properties, archived=False)

    def archived_since(
        self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
    ) -> Iterator[list[CrmRecord]]:
        yield from self._pages(object_type, since, properties, archived=True)

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        self.fetched.append((object_type, tuple(ids)))
        known = [self.records[object_type, each] for each in ids if (object_type, each) in self.records]
        return [_with(record, properties) for record in known]

    def fetch_together(self, wanted: Sequence[Wanted]) -> list[CrmRecord]:
        self.rounds.append([(each.object_type, tuple(each.ids)) for each in wanted])
        return [
            record if each.with_links else replace(record, associations={})
            for each in wanted
            for record in self.fetch(each.object_type, each.ids, each.properties)
        ]

    def _pages(
        self, kind: ObjectType, since: datetime | None, properties: Sequence[str], *, archived: bool
    ) -> Iterator[list[CrmRecord]]:
        for (each, _), record in sorted(self.records.items(), key=lambda item: item[1].modified_at):
            if (
                each is kind
                and record.archived is archived
                and (since is None or record.modified_at >= since)
            ):
                yield [_with(record, properties)]

    def _save(
        self,
        kind: ObjectType,
        external_id: str,
        properties: Mapping[str, str | None],
        links: Mapping[ObjectType, Sequence[str]],
    ) -> str:
        self.records[kind, external_id] = CrmRecord(
            source=self.name,
            object_type=kind,
            external_id=external_id,
            modified_at=self.tick(),
            archived=False,
            properties=properties,
            associations={
                target: tuple(Association(each) for each in ids) for target, ids in links.items() if ids
            },
        )
        return external_id


def _with(record: CrmRecord, properties: Sequence[str]) -> CrmRecord:
    return replace(record, properties={name: record.properties.get(name) for name in properties})
