"""A transaction as Plaid writes it, from what a bank knows of one.

Belongs here: the shape of a line. Does not belong here: when lines come and go (`bank`).
"""

from __future__ import annotations

from datetime import date as Day  # noqa: N812 - `date` and `datetime` are names of fields
from datetime import datetime as Moment  # noqa: N812
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Body = dict[str, Any]

_Amount = Annotated[Decimal, Field(gt=Decimal("-1e12"), lt=Decimal("1e12"), decimal_places=8)]


class Line(BaseModel):
    """What a bank says of a movement. `amount` has Plaid's sign: positive is money out of the account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: _Amount
    date: Day
    name: str
    currency: str | None = None
    unofficial_currency: str | None = None
    pending: bool = False
    authorized_date: Day | None = None
    datetime: Moment | None = None
    original_description: str | None = None
    merchant_name: str | None = None
    counterparty: str | None = None
    check_number: str | None = None
    reference_number: str | None = None
    payer: str | None = None
    payee: str | None = None
    by_order_of: str | None = None
    reason: str | None = None
    payment_method: str | None = None
    transaction_code: str | None = None


def transaction(line: Line, identifier: str, account_id: str, currency: str, pending_id: str | None) -> Body:
    """The JSON of a line: amounts are numbers with exactly the digits the bank gave."""
    unofficial = line.unofficial_currency
    return {
        "account_id": account_id,
        "account_owner": None,
        "amount": line.amount,
        "authorized_date": line.authorized_date and line.authorized_date.isoformat(),
        "authorized_datetime": None,
        "category": None,
        "category_id": None,
        "check_number": line.check_number,
        "counterparties": _counterparties(line),
        "date": line.date.isoformat(),
        "datetime": line.datetime and line.datetime.isoformat().replace("+00:00", "Z"),
        "iso_currency_code": None if unofficial else line.currency or currency,
        "location": dict.fromkeys(
            ("address", "city", "country", "lat", "lon", "postal_code", "region", "store_number")
        ),
        "logo_url": None,
        "merchant_entity_id": None,
        "merchant_name": line.merchant_name,
        "name": line.name,
        "original_description": line.original_description,
        "payment_channel": "other",
        "payment_meta": {
            "by_order_of": line.by_order_of,
            "payee": line.payee,
            "payer": line.payer,
            "payment_method": line.payment_method,
            "payment_processor": None,
            "ppd_id": None,
            "reason": line.reason,
            "reference_number": line.reference_number,
        },
        "pending": line.pending,
        "pending_transaction_id": pending_id,
        "personal_finance_category": None,
        "personal_finance_category_icon_url": "https://plaid-category-icons.plaid.com/PFC_OTHER.png",
        "transaction_code": line.transaction_code,
        "transaction_id": identifier,
        "transaction_type": "special",
        "unofficial_currency_code": unofficial,
        "website": None,
    }


def _counterparties(line: Line) -> list[Body]:
    if line.counterparty is None:
        return []
    return [
        {
            "confidence_level": "HIGH",
            "entity_id": None,
            "logo_url": None,
            "name": line.counterparty,
            "type": "merchant",
            "website": None,
        }
    ]
