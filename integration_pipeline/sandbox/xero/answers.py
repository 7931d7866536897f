"""The envelope round every answer of the Accounting API, and how writes of several elements are answered.

By default one bad element refuses the whole request, with a 400 that shows the bad ones, and nothing is kept.
With `summarizeErrors=false` the good ones are kept and the answer is 200, each element saying how it fared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import uuid4

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import day_date, moment_date, read_day
from integration_pipeline.sandbox.xero.errors import InvalidError, post_data_invalid, validation_failed
from integration_pipeline.sandbox.xero.fields import objects
from integration_pipeline.sandbox.xero.kinds import Kind

NO_ID = "00000000-0000-0000-0000-000000000000"
_DAYS = ("Date", "DueDate", "ExpectedPaymentDate", "PlannedPaymentDate")


def envelope(
    call: Call, plural: str, elements: Sequence[JsonObject], page: JsonObject | None = None
) -> JsonObject:
    head: JsonObject = {
        "Id": str(uuid4()),
        "Status": "OK",
        "ProviderName": call.records.app,
        "DateTimeUTC": moment_date(call.books.now_ms).replace("+0000", ""),
    }
    if page is not None:
        head["pagination"] = page
    return {**head, plural: elements}


def written(call: Call, kind: Kind, write: Callable[[JsonObject], JsonObject]) -> JsonObject:
    """Write each element of the body; `write` returns it as it is shown then, or raises `InvalidError`."""
    summarised = call.query.get("summarizeErrors", "true").lower() != "false"
    answers: list[JsonObject] = []
    failed: list[JsonObject] = []
    for element in wrapped(call.body, kind.plural):
        told = len(call.books.changes)
        try:
            with call.books.sandbox.storage.transaction():
                shown = write(element)
        except InvalidError as invalid:
            del call.books.changes[told:]
            shown = refused(kind, element, invalid)
            failed.append(shown)
        else:
            if not summarised:
                shown["StatusAttributeString"] = "OK"
        answers.append(shown)
    if failed and summarised:
        raise validation_failed(failed)
    return envelope(call, kind.plural, answers)


def wrapped(body: object, plural: str) -> list[JsonObject]:
    """The elements in `{"Invoices": [...]}`; an element without the wrapper is one. Raises the 400."""
    if not isinstance(body, dict):
        raise post_data_invalid("JSON request body could not be read, Error: an object is expected")
    for name, value in body.items():  # pyright: ignore[reportUnknownVariableType] - parsed JSON
        if str(name).lower() == plural.lower():  # pyright: ignore[reportUnknownArgumentType]
            elements = objects(value, plural)
            if not elements:
                raise post_data_invalid(f"The request contains no {plural}.")
            return elements
    return objects([body], plural)


def refused(kind: Kind, element: JsonObject, invalid: InvalidError) -> JsonObject:
    """An element as it came, with what is wrong with it; dates are told as Xero writes them."""
    shown = {kind.identifier: NO_ID, **element}
    for name in _DAYS:
        if isinstance(day := shown.get(name), str) and not day.startswith("/Date("):
            shown[name] = day_date(read_day(day))
    if kind.plural in {"Contacts", "Payments"}:
        shown["HasValidationErrors"] = True
    else:
        shown["HasErrors"] = True
    shown["StatusAttributeString"] = "ERROR"
    shown["ValidationErrors"] = [{"Message": message} for message in invalid.messages]
    return shown
