"""Deals for the tests of the mapping: a few properties, mapped as the demo company does."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.mapping.apply import MappedDeal, map_deal
from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.settings import DEFAULT_MAPPING, MAPPINGS

ZONES = {"us": ZoneInfo("America/New_York"), "eu": ZoneInfo("Europe/Berlin"), "jp": ZoneInfo("Asia/Tokyo")}


@cache
def demo() -> Mapping:
    return read_mapping(DEFAULT_MAPPING)


@cache
def public() -> Mapping:
    return read_mapping(MAPPINGS / "hubspot_sales_opportunities.yaml")


def record(kind: ObjectType, external_id: str, properties: dict[str, str | None], **more: bool) -> CrmRecord:
    return CrmRecord(
        source="hubspot",
        object_type=kind,
        external_id=external_id,
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        archived=more.get("archived", False),
        properties=properties,
    )


WON: dict[str, str | None] = {
    "dealname": "Acme licences",
    "dealstage": "closedwon",
    "closedate": "2026-03-10T12:00:00Z",
    "deal_currency_code": "USD",
    "amount": "1200.00",
}


def mapped(*lines: dict[str, str | None], customer: str | None = "5", **deal: str | None) -> MappedDeal:
    """A won deal of customer 5 with these line items, whose ids are 1, 2, ..."""
    items = [record(ObjectType.LINE_ITEM, str(n), line) for n, line in enumerate(lines, start=1)]
    return map_deal(demo(), record(ObjectType.DEAL, "77", {**WON, **deal}), items, customer, ZONES.get)


def seats(**changes: str | None) -> dict[str, str | None]:
    return {"name": "Seats", "quantity": "10", "price": "12.50", **changes}


def terms(deal: MappedDeal) -> ContractTerms:
    assert deal.problems == ()
    assert deal.terms is not None
    return deal.terms


def problems(deal: MappedDeal) -> list[tuple[str, str, str, str | None]]:
    assert deal.terms is None
    return [(each.object_type, each.record_id, each.field, each.value) for each in deal.problems]
