"""A deal with its line items, read through a mapping: contract terms, or the problems that prevent them.

Belongs here: which records make up a deal, what it is worth. Does not belong here: its charges (`charges`)
and terms (`contracts`), deciding whether a deal may be billed (`quality`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from zoneinfo import ZoneInfo

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.crm.records import CrmRecord
from integration_pipeline.mapping.charges import DraftCharge, read_charges
from integration_pipeline.mapping.contracts import contract_terms
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

    `amount` is the CRM's own figure, or the price of one period of all line items where it has none (and none
    of them is priced by usage). `amendment_effective` is the day from which these terms hold, where the CRM
    says that they amend what held before; None if they correct it.
    """

    state: DealState
    stage: str | None
    name: str
    close_date: date | None
    currency: str | None
    amount: Money | None
    owner: str | None
    amendment_effective: date | None
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
    for name in mapping.deal.reading_order():
        if name != "entity":
            reader.read(name, getattr(mapping.deal, name))
    state = DealState.ARCHIVED if deal.archived else DealState(_text(reader.terms.get("state")) or "open")
    charges = read_charges(mapping, reader, line_items)
    currency = _text(reader.terms.get("currency"))
    amount = _deal_amount(reader, currency, charges, alone=not line_items)
    terms = None
    if state is DealState.WON and customer and not problems:
        terms = contract_terms(reader, customer, charges)
    return MappedDeal(
        state=state,
        stage=_text(reader.terms.get("stage")),
        name=_text(reader.terms.get("name")) or f"deal {deal.external_id}",
        close_date=_date(reader.terms.get("close_date")),
        currency=currency,
        amount=amount,
        owner=_text(reader.terms.get("owner")),
        amendment_effective=_date(reader.terms.get("amendment_effective")),
        charge_count=len(charges),
        terms=terms,
        problems=tuple(problems),
    )


def read_fields(document: CompanyTerms | ContactTerms, record: CrmRecord) -> dict[str, str | None]:
    """The terms of a company or contact as text; what cannot be read counts as absent."""
    reader = Reader(record, UTC_ZONE, [])
    return {name: _text(reader.read(name, getattr(document, name))) for name in document.reading_order()}


def read_accounting_ids(document: CompanyTerms, company: CrmRecord) -> dict[str, dict[str, str]]:
    """By target what a company's record says its id there is: `{"field": ..., "value": ...}`.

    A value that cannot be read stays as it stands: it names nobody there, which a person is told.
    """
    stated: dict[str, dict[str, str]] = {}
    for target, candidates in document.accounting_ids.items():
        reader = Reader(company, UTC_ZONE, [])
        value = _text(reader.read(target, candidates))
        for problem in reader.problems:
            stated[target] = {"field": problem.field, "value": problem.value or ""}
        if value is not None:
            stated[target] = {"field": reader.sources[target]["field"] or "", "value": value}
    return stated


def _deal_amount(
    deal: Reader, currency: str | None, charges: Sequence[DraftCharge], *, alone: bool
) -> Money | None:
    if currency is None:
        return None
    stated = deal.terms.get("amount")
    source = deal.sources.get("amount", {})
    named, shown = source.get("field") or "amount", source.get("value")
    if isinstance(stated, Decimal):
        exact = Fraction(stated)
    elif charges and all(isinstance(charge.reader.terms.get("unit_price"), Decimal) for charge in charges):
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


def _period_price(charge: DraftCharge) -> Fraction:
    """At the line item's own price, without regard to tiers, ramps and promotions."""
    quantity, price = charge.terms.get("quantity"), charge.reader.terms["unit_price"]
    discount = charge.terms.get("discount_percent", Decimal(0))
    if (
        not isinstance(quantity, Decimal)
        or not isinstance(discount, Decimal)
        or not isinstance(price, Decimal)
    ):
        return Fraction(0)
    return Fraction(quantity) * Fraction(price) * (1 - Fraction(discount) / 100)


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)


def _date(value: Value | None) -> date | None:
    return value if isinstance(value, date) else None
