"""What a new company has: a chart of accounts, an item, tax codes. And what a test or demo adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.writes import ENTITIES, Manner, save

_ACCOUNTS = (
    ("Services", "Income"),
    ("Accounts Receivable (A/R)", "Accounts Receivable"),
    ("Undeposited Funds", "Other Current Asset"),
    ("Checking", "Bank"),
    ("Sales Tax Payable", "Other Current Liability"),
    ("Bank Charges", "Expense"),
    ("Deferred Revenue", "Other Current Liability"),
)
_GLOBAL_TAXES = (("20.0% S", Decimal(20)), ("5.0% R", Decimal(5)), ("0.0% Z", Decimal(0)))


def furnish(books: Books) -> None:
    """A new company's own records: accounts from 1, the item Services with Id 1, the codes of its tax."""
    with books.changing():
        for name, kind in _ACCOUNTS:
            save(books, "Account", {"Name": name, "AccountType": kind}, Manner())
        save(books, "Item", {"Name": "Services", "IncomeAccountRef": {"value": "1"}}, Manner())
        if books.company.tax == "us":
            add_tax_code(books, "California", (("California", Decimal("8.00")), ("Tucson", Decimal("0.25"))))
        elif books.company.tax == "global":
            for name, percent in _GLOBAL_TAXES:
                add_tax_code(books, name, ((name, percent),))


def add_tax_code(books: Books, name: str, rates: Sequence[tuple[str, Decimal]]) -> int:
    """A TaxCode of these rates, percent, and the TaxRates themselves; the API cannot create either."""
    details: list[JsonObject] = []
    with books.changing():
        for order, (rate_name, percent) in enumerate(rates):
            rate = books.add(
                "TaxRate",
                {"Name": rate_name, "Active": True, "RateValue": percent, "SpecialTaxType": "NONE"},
            )
            details.append(
                {
                    "TaxRateRef": {"value": str(rate.id), "name": rate_name},
                    "TaxTypeApplicable": "TaxOnAmount",
                    "TaxOrder": Decimal(order),
                }
            )
        code = books.add(
            "TaxCode",
            {
                "Name": name,
                "Description": name,
                "Active": True,
                "Hidden": False,
                "Taxable": True,
                "TaxGroup": True,
                "SalesTaxRateList": {"TaxRateDetail": details},
                "PurchaseTaxRateList": {"TaxRateDetail": []},
            },
        )
    return code.id


def seed(books: Books, given: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[int]]:
    """Create records by entity, bodies as the API takes them; their ids in the order given.

    A TaxCode is `{"Name", "rates": [{"Name", "RateValue"}]}`. Raises ValueError for an entity there is not.
    """
    ids: dict[str, list[int]] = {}
    with books.changing():
        for entity, bodies in given.items():
            if entity not in ENTITIES:
                raise ValueError(f"{entity} is none of {', '.join(ENTITIES)}")
            for body in bodies:
                if entity == "TaxCode":
                    rates = [(rate["Name"], Decimal(str(rate["RateValue"]))) for rate in body["rates"]]
                    identifier = add_tax_code(books, body["Name"], rates)
                else:
                    identifier = save(books, entity, body, Manner(by_person=True)).id
                ids.setdefault(entity, []).append(identifier)
    return ids
