"""A deal with its line items, read through a mapping: contract terms, or the problems that prevent them.

Belongs here: which records make up a deal, building `ContractTerms`. Does not belong here: reading the terms
of one record (`reader`), deciding whether a deal may be billed (`quality`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.terms import ContractTerms, load_terms
from integration_pipeline.crm.records import CrmRecord
from integration_pipeline.mapping.document import CompanyTerms, ContactTerms
from integration_pipeline.mapping.document import Mapping as MappingDocument
from integration_pipeline.mapping.reader import MappingProblem, Reader
from integration_pipeline.mapping.transforms import Value

UTC_ZONE = ZoneInfo("UTC")
# What is larger than a suite would ever pass, and still fits the 64 bits of a column.
_LARGEST_AMOUNT_MINOR = 10**18


class DealState(StrEnum):
    """Where a deal stands for billing: only a won one is billed."""

    WON = "won"
    LOST = "lost"
    OPEN = "open"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class MappedDeal:
    """What the mapping makes of a deal. `terms` is None if it is not won or something stands in the way.

    `amount` is the CRM's own figure, or the price of one period of all line items where it has none.
    """

    state: DealState
    stage: str | None
    name: str
    close_date: date | None
    currency: str | None
    amount: Money | None
    owner: str | None
    charge_count: int
    terms: ContractTerms | None
    problems: tuple[MappingProblem, ...]


def map_deal(
    mapping: MappingDocument,
    deal: CrmRecord,
    line_items: Sequence[CrmRecord],
    customer: str | None,
    zone_of_entity: Callable[[str], ZoneInfo | None],
) -> MappedDeal:
    """Read one deal. Never raises for a bad value: it is listed in `problems`, with record and field.

    `customer` is the customer's reference, None if the deal has none; `zone_of_entity` gives an entity's
    time zone, None if there is no such entity.
    """
    problems: list[MappingProblem] = []
    reader = Reader(deal, UTC_ZONE, problems)
    entity = _text(reader.read("entity", mapping.deal.entity))
    zone = zone_of_entity(entity) if entity else None
    if entity and zone is None:
        reader.problem("entity", entity, "is not an entity of the rule set")
    reader.zone = zone or UTC_ZONE
    for name in type(mapping.deal).model_fields:
        if name != "entity":
            reader.read(name, getattr(mapping.deal, name))
    state = DealState.ARCHIVED if deal.archived else DealState(_text(reader.terms.get("state")) or "open")
    charges = _charges(mapping, reader, line_items)
    currency = _text(reader.terms.get("currency"))
    amount = _deal_amount(reader, currency, charges, alone=not line_items)
    terms = None
    if state is DealState.WON and customer and not problems:
        terms = _contract_terms(reader, customer, charges)
    return MappedDeal(
        state=state,
        stage=_text(reader.terms.get("stage")),
        name=_text(reader.terms.get("name")) or f"deal {deal.external_id}",
        close_date=_date(reader.terms.get("close_date")),
        currency=currency,
        amount=amount,
        owner=_text(reader.terms.get("owner")),
        charge_count=len(charges),
        terms=terms,
        problems=tuple(problems),
    )


def read_fields(document: CompanyTerms | ContactTerms, record: CrmRecord) -> dict[str, str | None]:
    """The terms of a company or contact as text; what cannot be read counts as absent."""
    reader = Reader(record, UTC_ZONE, [])
    names: list[str] = list(type(document).model_fields)
    return {name: _text(reader.read(name, getattr(document, name))) for name in names}


def _charges(mapping: MappingDocument, deal: Reader, line_items: Sequence[CrmRecord]) -> list[dict[str, Any]]:
    if not line_items:
        return _charge_over_amount(mapping, deal)
    charges: list[dict[str, Any]] = []
    for item in sorted(line_items, key=lambda item: (len(item.external_id), item.external_id)):
        reader = Reader(item, deal.zone, deal.problems, _text(deal.terms.get("currency")))
        for name in type(mapping.line_item).model_fields:
            reader.read(name, getattr(mapping.line_item, name))
        for name in ("quantity", "unit_price"):
            if name not in reader.terms and not _already_reported(deal.problems, item, name, mapping):
                reader.problem(name, None, "is empty: give the line item a quantity and a price")
        charges.append(
            {
                "charge_id": f"line-{item.external_id}",
                "timing": deal.terms.get("timing", "advance"),
                **reader.terms,
                "sources": {
                    **reader.sources,
                    **({"timing": deal.sources["timing"]} if "timing" in deal.sources else {}),
                },
            }
        )
    return charges


def _already_reported(
    problems: Sequence[MappingProblem], item: CrmRecord, name: str, mapping: MappingDocument
) -> bool:
    fields = {candidate.field for candidate in getattr(mapping.line_item, name)}
    return any(problem.record_id == item.external_id and problem.field in fields for problem in problems)


def _charge_over_amount(mapping: MappingDocument, deal: Reader) -> list[dict[str, Any]]:
    if not isinstance(deal.terms.get("amount"), Decimal):
        return []
    reader = Reader(deal.record, deal.zone, deal.problems)
    description = reader.read("description", mapping.without_line_items.description)
    return [
        {
            "charge_id": "amount",
            "description": description or f"Deal {deal.record.external_id}",
            "quantity": Decimal(1),
            "unit_price": deal.terms["amount"],
            "frequency": "one_time",
            "sources": {"unit_price": deal.sources["amount"]} if "amount" in deal.sources else {},
        }
    ]


def _deal_amount(
    deal: Reader, currency: str | None, charges: Sequence[Mapping[str, Any]], *, alone: bool
) -> Money | None:
    if currency is None:
        return None
    stated = deal.terms.get("amount")
    source = deal.sources.get("amount", {})
    named, shown = source.get("field") or "amount", source.get("value")
    if isinstance(stated, Decimal):
        exact = Fraction(stated)
    elif charges and all(isinstance(charge.get("unit_price"), Decimal) for charge in charges):
        exact = sum((_period_price(charge) for charge in charges), Fraction(0))
    else:
        return None
    minor = exact * 10 ** minor_unit_exponent(currency)
    if abs(minor) > _LARGEST_AMOUNT_MINOR:
        deal.problem(named, shown, f"comes to more than {Money(_LARGEST_AMOUNT_MINOR, currency).format()}")
        return None
    if minor.denominator != 1 and isinstance(stated, Decimal) and alone:
        deal.problem(named, shown, f"has more decimals than {currency} has")
    return Money(round(minor), currency)


def _period_price(charge: Mapping[str, Any]) -> Fraction:
    quantity, price = charge.get("quantity"), charge["unit_price"]
    discount = charge.get("discount_percent", Decimal(0))
    if not isinstance(quantity, Decimal) or not isinstance(discount, Decimal):
        return Fraction(0)
    return Fraction(quantity) * Fraction(price) * (1 - Fraction(discount) / 100)


def _contract_terms(
    deal: Reader, customer: str, charges: Sequence[Mapping[str, Any]]
) -> ContractTerms | None:
    terms, sources = deal.terms, deal.sources
    recurring = any(charge.get("frequency") != "one_time" for charge in charges)
    document: dict[str, Any] = {
        "contract_id": f"{deal.record.source}:{deal.record.external_id}",
        "customer": customer,
        "entity": terms.get("entity"),
        "currency": terms.get("currency"),
        "start": terms.get("start"),
        "term_months": terms.get("term_months") if recurring else None,
        "payment_terms": {"net_days": terms.get("payment_days")},
        "purchase_order": terms.get("purchase_order"),
        "charges": charges,
        "sources": {
            name: sources[origin]
            for name, origin in {
                "entity": "entity",
                "currency": "currency",
                "start": "start",
                "term_months": "term_months",
                "payment_terms": "payment_days",
                "purchase_order": "purchase_order",
            }.items()
            if origin in sources
        },
    }
    if document["entity"] is None:
        deal.problem("entity", None, "is empty: say in the mapping which entity bills such a deal")
        return None
    if document["start"] is None and "close_date" in terms:
        deal.problem("start", None, "is empty: say in the mapping where the start of such a deal is")
    if document["currency"] is None or document["start"] is None or not charges:
        # The gate's own rules report these, with the field and the next step.
        return None
    try:
        return load_terms(document)
    except InvalidTerms as error:
        for path, message in error.problems:
            deal.problem(path, None, message)
        return None


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)


def _date(value: Value | None) -> date | None:
    return value if isinstance(value, date) else None
