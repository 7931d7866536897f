"""Line items, read, become charges of contract terms.

Belongs here: one line item's price, quantity, tax. Does not belong here: what differs in its first months
(`first_months`), what holds for the whole contract (`contracts`), reading one record (`reader`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from integration_pipeline.crm.records import CrmRecord
from integration_pipeline.mapping.document import Candidates, ChargeTerms
from integration_pipeline.mapping.document import Mapping as MappingDocument
from integration_pipeline.mapping.draft_charge import DraftCharge
from integration_pipeline.mapping.first_months import put_first_months
from integration_pipeline.mapping.reader import Reader, Source
from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.taxes import RateList
from integration_pipeline.mapping.written.tiers import TierList, price_of_tiers

_AS_READ = ("description", "quantity", "unit_price", "discount_percent", "frequency", "product_code")


def read_charges(
    mapping: MappingDocument, deal: Reader, line_items: Sequence[CrmRecord]
) -> list[DraftCharge]:
    """A charge for each line item, in the order of their ids, or one over the deal's amount."""
    if not line_items:
        charges = _charge_over_amount(mapping, deal)
    else:
        in_order = sorted(line_items, key=lambda item: (len(item.external_id), item.external_id))
        charges = [_charge(mapping.line_item, deal, item) for item in in_order]
    put_first_months(deal, charges)
    return charges


def _charge(document: ChargeTerms, deal: Reader, item: CrmRecord) -> DraftCharge:
    reader = Reader(item, deal.zone, deal.problems, _text(deal.terms.get("currency")))
    for name in document.reading_order():
        reader.read(name, getattr(document, name))
    charge = DraftCharge(reader, {"charge_id": f"line-{item.external_id}"})
    for name in _AS_READ:
        if name in reader.terms:
            charge.put(name, reader.terms[name], reader.sources.get(name))
    _put_price(charge)
    metered = _put_metric(charge)
    if not metered:
        charge.put("timing", deal.terms.get("timing", "advance"), deal.sources.get("timing"))
    if "minimum" in reader.terms:
        charge.put("minimum", reader.terms["minimum"], reader.sources.get("minimum"))
    needed = [*([] if metered else ["quantity"]), *([] if "price" in charge.terms else ["unit_price"])]
    for name in needed:
        if name not in reader.terms and not _already_reported(reader, getattr(document, name)):
            reader.problem(name, None, "is empty: give the line item a quantity and a price")
    if (tax := tax_terms(reader)) is not None:
        charge.put("tax", *tax)
    return charge


def _charge_over_amount(mapping: MappingDocument, deal: Reader) -> list[DraftCharge]:
    if not isinstance(deal.terms.get("amount"), Decimal):
        return []
    reader = Reader(deal.record, deal.zone, deal.problems)
    description = reader.read("description", mapping.without_line_items.description)
    charge = DraftCharge(
        reader,
        {
            "charge_id": "amount",
            "description": description or f"Deal {deal.record.external_id}",
            "quantity": Decimal(1),
            "frequency": "one_time",
        },
    )
    charge.put("unit_price", deal.terms["amount"], deal.sources.get("amount"))
    return [charge]


def _already_reported(reader: Reader, candidates: Candidates) -> bool:
    fields = {candidate.field for candidate in candidates}
    return any(
        problem.record_id == reader.record.external_id and problem.field in fields
        for problem in reader.problems
    )


def _put_price(charge: DraftCharge) -> None:
    """Price tiers instead of the unit price, where the line item has them."""
    reader = charge.reader
    tiers, model = reader.terms.get("price_tiers"), _text(reader.terms.get("tier_model"))
    if not isinstance(tiers, TierList):
        if "tier_model" in reader.sources and not any(
            problem.record_id == reader.record.external_id for problem in reader.problems
        ):
            reader.problem_of("tier_model", "has no price tiers: write them, or clear it")
        return
    try:
        price = price_of_tiers(tiers, model)
        quantity = reader.terms.get("quantity")
        if "usage_metric" not in reader.terms and isinstance(quantity, Decimal):
            _refuse_beyond(tiers, model, quantity)
    except Unreadable as reason:
        reader.problem_of("price_tiers", str(reason))
        return
    charge.terms.pop("unit_price", None)
    charge.sources.pop("unit_price", None)
    charge.put("price", price, reader.sources.get("price_tiers"))


def _refuse_beyond(tiers: TierList, model: str | None, quantity: Decimal) -> None:
    last = tiers.last_unit
    if model != "package" and last is not None and quantity > last:
        raise Unreadable(f"end at {last}, but the quantity is {quantity}: add a tier from {last + 1} on")


def _put_metric(charge: DraftCharge) -> bool:
    """What is counted instead of a quantity, where the line item is billed by usage."""
    reader = charge.reader
    if "usage_metric" not in reader.terms:
        return False
    metric = {
        "metric": reader.terms["usage_metric"],
        **{
            name: reader.terms[term]
            for name, term in (("aggregation", "usage_aggregation"), ("property", "usage_property"))
            if term in reader.terms
        },
    }
    charge.terms.pop("quantity", None)
    charge.sources.pop("quantity", None)
    charge.put("metric", metric, reader.sources.get("usage_metric"))
    return True


def tax_terms(reader: Reader) -> tuple[dict[str, Any], Source | None] | None:
    """The tax of a record as contract terms write it, with its source; None if it states none."""
    treatment, rates = reader.terms.get("tax_treatment"), reader.terms.get("tax_rates")
    if treatment is None and rates is None:
        return None
    tax: dict[str, Any] = {"treatment": treatment or "exclusive"}
    if isinstance(rates, RateList):
        tax["rates"] = [
            {"name": rate.name, "percent": rate.percent, "on": list(rate.on)} for rate in rates.rates
        ]
    if "tax_reason" in reader.terms:
        tax["reason"] = reader.terms["tax_reason"]
    return tax, reader.sources.get("tax_rates") or reader.sources.get("tax_treatment")


def _text(value: object) -> str | None:
    return None if value is None else str(value)
