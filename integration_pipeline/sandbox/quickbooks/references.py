"""References between records: that they exist, may be used, and carry the name of what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record, record_id
from integration_pipeline.sandbox.quickbooks.errors import business, invalid_reference, made_inactive
from integration_pipeline.sandbox.quickbooks.fields import reference


def referred(books: Books, entity: str, body: Mapping[str, Any], name: str) -> Record | None:
    """The record a field refers to; None where the field is not given.

    Raises 2500 for a record that does not exist and 610 for one that was made inactive.
    """
    value = reference(body, name)
    if value is None:
        return None
    found = books.find(entity, record_id(value))
    if found is None:
        raise invalid_reference(entity, value, name)
    if found.body.get("Active") is False:
        raise made_inactive(name)
    return found


def pointing_to(record: Record) -> JsonObject:
    """A reference with the record's name, as QuickBooks writes one."""
    return {"value": str(record.id), "name": record.body.get("DisplayName") or record.body.get("Name", "")}


def currency_of(books: Books, body: Mapping[str, Any], fixed: str | None = None) -> str:
    """The currency a field CurrencyRef names, or `fixed`, or the home currency.

    Raises 6000 for one the company cannot use and for another than the fixed one.
    """
    home = books.company.home_currency
    code = reference(body, "CurrencyRef") or fixed or home
    if code != home and not books.company.multicurrency:
        raise business("Multi currency should be enabled to perform this operation", "CurrencyRef")
    if code != home and code not in books.company.exchange_rates:
        raise invalid_reference("Currency", code, "CurrencyRef")
    if fixed is not None and code != fixed:
        raise business(f"The currency {code} is not the customer's currency {fixed}", "CurrencyRef")
    return code


def currency_reference(code: str) -> JsonObject:
    return {"value": code, "name": _CURRENCIES.get(code, code)}


_CURRENCIES = {
    "AUD": "Australian Dollar",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "JPY": "Japanese Yen",
    "USD": "United States Dollar",
}
