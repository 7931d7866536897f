"""Customers as QuickBooks takes them, and the names they get there.

A display name is unique among customers, vendors and employees. One that a vendor, an employee or another
customer of ours has is told apart by rule; one that a customer has whom others entered is left to a person,
for it may be the same company.
"""

from __future__ import annotations

import re

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.notes import note
from integration_pipeline.accounting.target import OutgoingCustomer
from integration_pipeline.transport.json_types import JsonObject

_LONGEST_NAME = 500
_LONGEST_COMPANY = 100
_LONGEST_ADDRESS = 100
_LONGEST_TAX_ID = 20
_UNUSABLE = re.compile(r"\s*[:\t\r\n]+\s*")
# The vendor's rule: an at sign and a dot.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def names_of(customer: OutgoingCustomer) -> tuple[str, str, str]:
    """The display names to try, in order: `Acme`, `Acme (Customer)`, `Acme (Customer C123)`."""
    endings = ("", " (Customer)", f" (Customer {customer.reference})")
    name = " ".join(_UNUSABLE.sub(" - ", customer.name).split()) or customer.reference
    first, second, third = (name[: _LONGEST_NAME - len(ending)].rstrip() + ending for ending in endings)
    return first, second, third


def customer_body(customer: OutgoingCustomer, name: str, config: QuickBooksConfig) -> JsonObject:
    """A Customer of this display name. An unusable e-mail address is left out: it would refuse the whole.

    The tax id has a field outside the US; it can be written, but is masked when read.
    """
    optional: dict[str, JsonObject | str] = {}
    if customer.email and len(customer.email) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(customer.email):
        optional["PrimaryEmailAddr"] = {"Address": customer.email}
    if customer.domain:
        optional["WebAddr"] = {"URI": f"https://{customer.domain}"}
    if customer.country:
        optional["BillAddr"] = {"Country": customer.country}
    if customer.tax_id and config.sales_tax == "by_line" and len(customer.tax_id) <= _LONGEST_TAX_ID:
        optional["PrimaryTaxIdentifier"] = customer.tax_id
    return {
        "DisplayName": name,
        "CompanyName": names_of(customer)[0][:_LONGEST_COMPANY],
        "CurrencyRef": {"value": customer.currency},
        "Notes": note(customer.reference, ["created by the billing pipeline; keep this line"]),
        **optional,
    }
