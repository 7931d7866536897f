"""Records that documents refer to: customers, vendors, items, accounts; their defaults and unique names."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks.books import Books, Record
from integration_pipeline.sandbox.quickbooks.errors import Fault, duplicate_name, invalid_text, required
from integration_pipeline.sandbox.quickbooks.fields import choice, nested, number, text
from integration_pipeline.sandbox.quickbooks.references import (
    currency_of,
    currency_reference,
    pointing_to,
    referred,
)

_PEOPLE = ("Customer", "Vendor", "Employee")
_PARTS_OF_A_NAME = ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")
_ITEM_TYPES = ("Service", "NonInventory", "Inventory", "Category", "Group")
_DELETED = " (deleted)"

# What an account type counts as, as QuickBooks derives it.
_CLASSIFICATIONS = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Expense": "Expense",
    "Other Expense": "Expense",
    "Cost of Goods Sold": "Expense",
}


def person(books: Books, entity: str, given: JsonObject, before: Record | None) -> JsonObject:
    """A Customer, Vendor or Employee. Its DisplayName is unique among all three (6240)."""
    body = {name: value for name, value in given.items() if name not in ("Balance", "BalanceWithJobs")}
    parts = [text(given, name, 100) for name in _PARTS_OF_A_NAME]
    name = text(given, "DisplayName", 500) or " ".join(filter(None, parts)) or text(given, "CompanyName", 100)
    if name is None:
        raise required("DisplayName")
    name = _usable_name("DisplayName", name)
    _check_email(given)
    active = given.get("Active") is not False
    name = name.removesuffix(_DELETED) if active else f"{name.removesuffix(_DELETED)}{_DELETED}"
    for other in _PEOPLE:
        taken = books.named(other, name)
        if taken is not None and (before is None or other != entity or taken != before.id):
            raise duplicate_name("customer, vendor or employee", taken)
    currency = currency_of(books, given, _currency_before(before))
    parent = referred(books, entity, given, "ParentRef")
    family = "" if parent is None else f"{parent.body['FullyQualifiedName']}:"
    return {
        "PrintOnCheckName": name,
        "PreferredDeliveryMethod": "Print",
        **({"Taxable": True, "BillWithParent": False} if entity == "Customer" else {}),
        **body,
        "DisplayName": name,
        "FullyQualifiedName": family + name,
        "Active": active,
        "CurrencyRef": currency_reference(currency),
        **({"Job": parent is not None} if entity == "Customer" else {}),
        **({} if parent is None else {"ParentRef": {"value": str(parent.id)}}),
    }


def item(books: Books, given: JsonObject, before: Record | None) -> JsonObject:
    """A product or service; its Name is unique among items (6240)."""
    name = text(given, "Name", 100)
    if name is None:
        raise required("Name")
    active = given.get("Active") is not False
    name = _usable_name("Name", name).removesuffix(_DELETED) + ("" if active else _DELETED)
    _refuse_twin(books, "Item", name, before, "product or service")
    kind = choice(given, "Type", _ITEM_TYPES) or "Service"
    income = referred(books, "Account", given, "IncomeAccountRef")
    if income is None and kind in ("Service", "NonInventory", "Inventory"):
        raise required("IncomeAccountRef")
    sku = text(given, "Sku", 100)
    body: JsonObject = {
        "Description": name,
        "Taxable": False,
        "TrackQtyOnHand": False,
        **given,
        "Name": name,
        "FullyQualifiedName": name,
        "Active": active,
        "Type": kind,
        "UnitPrice": number(given, "UnitPrice") or Decimal(0),
    }
    if sku is not None:
        body["Sku"] = sku
    if income is not None:
        body["IncomeAccountRef"] = pointing_to(income)
    return body


def account(books: Books, given: JsonObject, before: Record | None) -> JsonObject:
    """An account of the chart; its Name is unique (6240)."""
    name = text(given, "Name", 100)
    if name is None:
        raise required("Name")
    kind = choice(given, "AccountType", tuple(_CLASSIFICATIONS))
    if kind is None:
        raise required("AccountType")
    active = given.get("Active") is not False
    name = _usable_name("Name", name).removesuffix(_DELETED) + ("" if active else _DELETED)
    _refuse_twin(books, "Account", name, before, "account")
    currency = currency_of(books, given, _currency_before(before))
    return {
        "SubAccount": False,
        "AccountSubType": kind.replace(" ", ""),
        "CurrentBalance": Decimal("0.00"),
        "CurrentBalanceWithSubAccounts": Decimal("0.00"),
        **given,
        "Name": name,
        "FullyQualifiedName": name,
        "Active": active,
        "AccountType": kind,
        "Classification": _CLASSIFICATIONS[kind],
        "CurrencyRef": currency_reference(currency),
    }


def _refuse_twin(books: Books, entity: str, name: str, before: Record | None, among: str) -> None:
    taken = books.named(entity, name)
    if taken is not None and (before is None or taken != before.id):
        raise duplicate_name(among, taken)


def _usable_name(field: str, name: str) -> str:
    """Without blanks around it; a colon separates parents from children, so no name has one."""
    if any(character in name for character in ":\t\n\r"):
        raise invalid_text(field, "a name has no colon, tab or line end")
    stripped = " ".join(name.split())
    if not stripped:
        raise required(field)
    return stripped


def _check_email(given: JsonObject) -> None:
    address = text(nested(given, "PrimaryEmailAddr"), "Address", 100)
    if address is not None and ("@" not in address[1:-1] or " " in address):
        raise Fault(
            "2210",
            "Invalid Email Address format",
            "Invalid Email Address format : Email Address does not conform to the syntax rules of RFC 822.",
            "PrimaryEmailAddr",
        )


def _currency_before(before: Record | None) -> str | None:
    return None if before is None else before.body["CurrencyRef"]["value"]
