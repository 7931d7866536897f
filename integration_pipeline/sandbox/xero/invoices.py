"""Invoices and bills. PUT creates; POST also updates what it names by id or, for a sale, by number."""

from __future__ import annotations

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.documents import rules
from integration_pipeline.sandbox.xero.documents.showing import Showing
from integration_pipeline.sandbox.xero.errors import not_found
from integration_pipeline.sandbox.xero.fields import as_guid, guid, stated
from integration_pipeline.sandbox.xero.kinds import INVOICES
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record
from integration_pipeline.sandbox.xero.where import Filter

_LISTS = {"IDs": "id", "InvoiceNumbers": "number", "ContactIDs": "contact", "Statuses": "status"}


def list_invoices(call: Call) -> JsonObject:
    """`GET /Invoices`; those this app wrote with `createdByMyApp=true`."""
    alike = Filter("app = ?", (call.records.app,)) if call.asks("createdByMyApp") else Filter()
    return listed(call, INVOICES, Showing(call).invoice, chosen=_LISTS, alike=alike)


def get_invoice(call: Call) -> JsonObject:
    """`GET /Invoices/{InvoiceID or InvoiceNumber}`."""
    named = call.path["id"]
    record = (
        call.records.get(INVOICES, as_guid(named))
        or rules.holder(call.books, rules.INVOICE, named)
        or call.records.by_number(INVOICES, named)
    )
    if record is None:
        raise not_found()
    return envelope(call, INVOICES.plural, [Showing(call).invoice(record, True)])


def create_invoices(call: Call) -> JsonObject:
    showing = Showing(call)

    def write(element: JsonObject) -> JsonObject:
        return showing.invoice(rules.created(call.books, rules.INVOICE, element, call.places), True)

    return written(call, INVOICES, write)


def update_or_create_invoices(call: Call) -> JsonObject:
    showing = Showing(call)

    def write(element: JsonObject) -> JsonObject:
        record = _matched(call, element)
        if record is None:
            record = rules.created(call.books, rules.INVOICE, element, call.places)
        else:
            record = rules.updated(call.books, rules.INVOICE, record, element, call.places)
        return showing.invoice(record, True)

    return written(call, INVOICES, write)


def update_invoice(call: Call) -> JsonObject:
    """`POST /Invoices/{InvoiceID}`."""
    record = call.records.get(INVOICES, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    showing = Showing(call)

    def write(element: JsonObject) -> JsonObject:
        return showing.invoice(rules.updated(call.books, rules.INVOICE, record, element, call.places), True)

    return written(call, INVOICES, write)


def _matched(call: Call, element: JsonObject) -> Record | None:
    """What a POST updates. Raises the 404 for an id that was never issued."""
    identifier = guid(element, "InvoiceID")
    if identifier is not None and identifier != NO_ID:
        record = call.records.get(INVOICES, identifier)
        if record is None:
            raise not_found()
        return record
    number = stated(element, "InvoiceNumber")
    if number is None or stated(element, "Type") == "ACCPAY":
        return None
    return rules.holder(call.books, rules.INVOICE, number)
