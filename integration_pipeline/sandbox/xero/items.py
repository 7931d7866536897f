"""Items: what is sold, by a code that is unique. None is tracked as inventory."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import moment_date
from integration_pipeline.sandbox.xero.documents.lines import rounded
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, flag, guid, member, number, stated, text
from integration_pipeline.sandbox.xero.kinds import ITEMS
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_TEXTS = {"Code": 30, "Name": 50, "Description": 4_000, "PurchaseDescription": 4_000}
_DETAILS = ("PurchaseDetails", "SalesDetails")


def list_items(call: Call) -> JsonObject:
    """`GET /Items`."""
    return listed(call, ITEMS, lambda record, _: _shown(call, record))


def get_item(call: Call) -> JsonObject:
    """`GET /Items/{ItemID or Code}`."""
    named = call.path["id"]
    record = call.records.get(ITEMS, as_guid(named)) or call.records.by_number(ITEMS, named)
    if record is None:
        raise not_found()
    return envelope(call, ITEMS.plural, [_shown(call, record)])


def create_items(call: Call) -> JsonObject:
    return written(call, ITEMS, lambda element: _shown(call, _created(call, element)))


def update_or_create_items(call: Call) -> JsonObject:
    def write(element: JsonObject) -> JsonObject:
        record = _matched(call, element)
        if record is None:
            return _shown(call, _created(call, element))
        return _shown(call, _saved(call, record, element))

    return written(call, ITEMS, write)


def update_item(call: Call) -> JsonObject:
    """`POST /Items/{ItemID}`."""
    record = call.records.get(ITEMS, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return written(call, ITEMS, lambda element: _shown(call, _saved(call, record, element)))


def _created(call: Call, given: JsonObject) -> Record:
    element = _element(call, {"IsSold": True, "IsPurchased": True, "IsTrackedAsInventory": False}, given)
    _refuse_a_taken_code(call, element["Code"], None)
    return call.records.add(ITEMS, element)


def _saved(call: Call, record: Record, given: JsonObject) -> Record:
    element = _element(call, record.element, given)
    _refuse_a_taken_code(call, element["Code"], record)
    return call.records.save(record, element)


def _matched(call: Call, given: JsonObject) -> Record | None:
    identifier = guid(given, "ItemID")
    if identifier is not None and identifier != NO_ID:
        record = call.records.get(ITEMS, identifier)
        if record is None:
            raise not_found()
        return record
    code = stated(given, "Code")
    return call.records.by_number(ITEMS, code) if code is not None else None


def _refuse_a_taken_code(call: Call, code: str, record: Record | None) -> None:
    other = call.records.by_number(ITEMS, code)
    if other is not None and (record is None or other.id != record.id):
        raise InvalidError(f"Price List Item with Code '{code}' already exists")


def _element(call: Call, current: JsonObject, given: JsonObject) -> JsonObject:
    element = dict(current)
    for name, longest in _TEXTS.items():
        if (value := text(given, name)) is not None:
            if len(value) > longest:
                raise InvalidError(f"{name} may not be more than {longest} characters long.")
            element[name] = value
    if not stated(element, "Code"):
        raise InvalidError("The item code must be specified.")
    for name in ("IsSold", "IsPurchased"):
        if (switch := flag(given, name)) is not None:
            element[name] = switch
    for name in _DETAILS:
        if (details := member(given, name)) is not None:
            element[name] = _details(call, details)
        else:
            element.setdefault(name, {})
    return element


def _details(call: Call, given: JsonObject) -> JsonObject:
    """Price, account and tax of an item's sale or purchase. Raises `InvalidError`."""
    details: JsonObject = {}
    if (price := number(given, "UnitPrice")) is not None:
        details["UnitPrice"] = rounded(price, Decimal(1).scaleb(-call.places))
    if (code := stated(given, "AccountCode")) is not None:
        if call.books.chart.account(code) is None:
            raise InvalidError(f"Account code '{code}' is not a valid code")
        details["AccountCode"] = code
    if (tax_type := stated(given, "TaxType")) is not None:
        if call.books.chart.tax_rate(tax_type) is None:
            raise InvalidError(f"The TaxType code {tax_type} does not exist or cannot be used for this item.")
        details["TaxType"] = tax_type
    return details


def _shown(call: Call, record: Record) -> JsonObject:
    shown: JsonObject = {
        "ItemID": record.id,
        **record.element,
        "UpdatedDateUTC": moment_date(record.updated_ms),
    }
    for name in _DETAILS:
        details = shown[name]
        if "UnitPrice" in details:
            price = rounded(details["UnitPrice"], Decimal(1).scaleb(-call.places))
            shown[name] = {**details, "UnitPrice": price}
    return shown
