"""What follows from what on an opportunity: its stage says whether it is closed, its products its worth.

Rules that every object has are `writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from integration_pipeline.sandbox.salesforce.errors import invalid_value
from integration_pipeline.sandbox.salesforce.records.changes import Action, Change
from integration_pipeline.sandbox.salesforce.records.store import Record, Store, Stored

_CENT = Decimal("0.01")
_PRICED = ("Quantity", "UnitPrice", "TotalPrice", "Discount")


class Opportunities:
    """`write` keeps a change that follows from another."""

    def __init__(self, store: Store, write: Callable[[Change], None]) -> None:
        self._store = store
        self._write = write

    def completed(self, record: Record, given: Mapping[str, Stored], before: Record | None) -> Record:
        """A record about to be written, with the fields that nobody writes himself."""
        match record.type:
            case "Opportunity":
                return self._opportunity(record, given, before)
            case "OpportunityLineItem":
                return self._line_item(record, given, before)
            case _:
                return record

    def follow(self, record: Record) -> None:
        """Change the opportunity whose product was written or deleted."""
        if record.type != "OpportunityLineItem":
            return
        opportunity = self._store.get(record.text("OpportunityId") or "")
        if opportunity is None or opportunity.deleted:
            return
        items = self._store.holding("OpportunityLineItem", "OpportunityId", opportunity.id)
        changes: dict[str, Stored] = {"HasOpportunityLineItem": bool(items)}
        if items:
            total = sum((item.number("TotalPrice") or Decimal(0) for item in items), Decimal(0))
            changes["Amount"] = _text(total)
        if opportunity.text("Pricebook2Id") is None and not record.deleted:
            entry = self._store.get(record.text("PricebookEntryId") or "")
            changes["Pricebook2Id"] = None if entry is None else entry.text("Pricebook2Id")
        changed = tuple(name for name, value in changes.items() if opportunity.body.get(name) != value)
        if not changed:
            return
        after = replace(opportunity, modified_ms=record.stamp_ms, stamp_ms=record.stamp_ms).having(changes)
        self._write(Change(Action.UPDATE, _expected(after), changed))

    def _opportunity(self, record: Record, given: Mapping[str, Stored], before: Record | None) -> Record:
        stage = next(
            iter(self._store.holding("OpportunityStage", "ApiName", record.text("StageName") or "")), None
        )
        changes: dict[str, Stored] = {
            "IsClosed": stage is not None and stage.body.get("IsClosed") is True,
            "IsWon": stage is not None and stage.body.get("IsWon") is True,
            "HasOpportunityLineItem": record.body.get("HasOpportunityLineItem") or False,
        }
        if stage is not None and "StageName" in given and "Probability" not in given:
            changes["Probability"] = stage.text("DefaultProbability")
        if before is not None and before.body.get("HasOpportunityLineItem"):
            # Its products say what it is worth. A request that does is not refused either.
            changes["Amount"] = before.text("Amount")
        return _expected(record.having(changes))

    def _line_item(self, record: Record, given: Mapping[str, Stored], before: Record | None) -> Record:
        if before is None:
            record = self._of_price_book(record)
        if before is not None and not any(name in given for name in _PRICED):
            return record
        quantity = record.number("Quantity") or Decimal(0)
        discount = record.number("Discount") or Decimal(0)
        if given.get("UnitPrice") is not None and given.get("TotalPrice") is not None:
            raise invalid_value(
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: unknown (Only one of unit price or total price may be specified)",
            )
        kept = 1 - discount / 100
        if given.get("TotalPrice") is not None:
            total = record.number("TotalPrice") or Decimal(0)
            if quantity and kept:
                record = record.having({"UnitPrice": _text(_cents(total / quantity / kept))})
            return record
        unit = record.number("UnitPrice")
        if unit is None:
            unit = record.number("ListPrice") or Decimal(0)
        return record.having({"UnitPrice": _text(unit), "TotalPrice": _text(_cents(quantity * unit * kept))})

    def _of_price_book(self, record: Record) -> Record:
        """A new line item with its price book entry, product and list price."""
        opportunity = self._store.get(record.text("OpportunityId") or "")
        assert opportunity is not None  # noqa: S101 - a required reference, checked before
        book = opportunity.text("Pricebook2Id")
        entry = self._store.get(record.text("PricebookEntryId") or "")
        if entry is None:
            entries = self._store.holding("PricebookEntry", "Product2Id", record.text("Product2Id") or "")
            entry = next((each for each in entries if book in (None, each.text("Pricebook2Id"))), None)
        if entry is None or book not in (None, entry.text("Pricebook2Id")):
            raise invalid_value(
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: PricebookEntryId (pricebook entry is in a different pricebook "
                "than the one assigned to the opportunity, or opportunity has no pricebook assigned)",
                "PricebookEntryId",
            )
        if entry.text("CurrencyIsoCode") != opportunity.text("CurrencyIsoCode"):
            raise invalid_value(
                "FIELD_INTEGRITY_EXCEPTION",
                "field integrity exception: PricebookEntryId (The pricebook entry currency code does not "
                "match the opportunity currency code)",
                "PricebookEntryId",
            )
        return record.having(
            {
                "PricebookEntryId": entry.id,
                "Product2Id": entry.text("Product2Id"),
                "ProductCode": entry.text("ProductCode"),
                "Name": f"{opportunity.text('Name')} {entry.text('Name')}",
                "ListPrice": entry.text("UnitPrice"),
                "CurrencyIsoCode": opportunity.text("CurrencyIsoCode"),
            }
        )


def _expected(record: Record) -> Record:
    amount, probability = record.number("Amount"), record.number("Probability")
    if amount is None or probability is None:
        return record
    return record.having({"ExpectedRevenue": _text(_cents(amount * probability / 100))})


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}" if number else "0"
