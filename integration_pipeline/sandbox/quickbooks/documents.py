"""What all transactions share: their number, their date and closed books, currency, custom fields."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record
from integration_pipeline.sandbox.quickbooks.errors import (
    duplicate_number,
    invalid_number,
    period_closed,
    wrong_length,
)
from integration_pipeline.sandbox.quickbooks.fields import day, money, number, objects, text
from integration_pipeline.sandbox.quickbooks.references import currency_reference

LONGEST_NUMBER = 21
_LONGEST_FIELD = 31
_FIRST_NUMBER = 1_000


def document_number(
    books: Books, entity: str, given: Mapping[str, Any], before: Record | None, *, allow_duplicate: bool
) -> str | None:
    """The DocNumber: as asked, or the next one where the company numbers by itself.

    Raises 2050 for one longer than 21 characters and 6140 for one that another document of the kind has,
    unless the company or the request allows it.
    """
    asked = text(given, "DocNumber", LONGEST_NUMBER)
    automatic = asked == "AUTO_GENERATE" or given.get("AutoDocNumber") is True
    if asked is None and before is not None and not automatic:
        return before.body.get("DocNumber")
    if automatic or (asked is None and not books.company.custom_numbers):
        return _next_number(books, entity)
    if asked is None:
        return None
    if books.company.refuse_duplicate_numbers and not allow_duplicate:
        taken = books.numbered(entity, asked)
        if taken is not None and (before is None or taken != before.id):
            raise duplicate_number(asked, entity, taken)
    return asked


def _next_number(books: Books, entity: str) -> str:
    while True:
        number = str(_FIRST_NUMBER + books.next_number("documents"))
        if books.numbered(entity, number) is None:
            return number


def document_date(books: Books, given: Mapping[str, Any], before: Record | None) -> str:
    """The TxnDate, today unless given."""
    return day(given, "TxnDate") or (before.body["TxnDate"] if before is not None else books.today())


def check_open(books: Books, *dates: str | None) -> None:
    """Raises 6210 for a date up to which the books are closed."""
    closed = books.company.books_closed_to
    if closed is not None and any(each is not None and each <= closed.isoformat() for each in dates):
        raise period_closed()


def currency_fields(books: Books, given: Mapping[str, Any], code: str, total: Decimal) -> JsonObject:
    """CurrencyRef, and for a foreign currency ExchangeRate and the amount at home (to the cent)."""
    if code == books.company.home_currency:
        return {"CurrencyRef": currency_reference(code)}
    rate = number(given, "ExchangeRate")
    if rate is not None and rate <= 0:
        raise invalid_number("ExchangeRate", rate)
    # Client libraries send 1 where nobody said anything.
    if rate is None or rate == 1:
        rate = books.company.exchange_rates[code]
    return {
        "CurrencyRef": currency_reference(code),
        "ExchangeRate": rate,
        "HomeTotalAmt": money(total * rate),
    }


def custom_fields(books: Books, given: Mapping[str, Any]) -> JsonObject:
    """The company's custom fields with the values given for them; others are dropped without a word."""
    if not books.company.custom_fields:
        return {}
    values: dict[str, str] = {}
    for each in objects(given, "CustomField"):
        definition, value = each.get("DefinitionId"), each.get("StringValue")
        if isinstance(definition, str) and isinstance(value, str) and value:
            if len(value) > _LONGEST_FIELD:
                raise wrong_length("CustomField.StringValue", _LONGEST_FIELD, len(value))
            values[definition] = value
    return {
        "CustomField": [
            {
                "DefinitionId": str(place),
                "Name": name,
                "Type": "StringType",
                **({"StringValue": values[str(place)]} if str(place) in values else {}),
            }
            for place, name in enumerate(books.company.custom_fields, 1)
        ]
    }
