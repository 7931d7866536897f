"""Intuit's refusals: `{"Fault": {"Error": [{Message, Detail, code, element}], "type"}, "time"}`.

Every refusal the sandbox makes is worded here. When one is due is decided where the rule is.
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.sandbox.exact_json import JsonObject

_BUSINESS = "A business validation error has occurred while processing your request"
_INACTIVE = (
    "Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


@dataclass(slots=True)
class Fault(Exception):  # noqa: N818 - the vendor's word
    """A request, or one item of a batch, that QuickBooks would refuse; always 400 but for a throttle."""

    code: str
    message: str
    detail: str
    element: str = ""
    kind: str = "ValidationFault"
    status: int = 400

    def body(self) -> JsonObject:
        """What stands under `Fault`."""
        return {
            "Error": [
                {
                    "Message": self.message,
                    "Detail": self.detail,
                    "code": self.code,
                    "element": self.element,
                }
            ],
            "type": self.kind,
        }


def unsupported_operation(what: str) -> Fault:
    return Fault("500", "Unsupported Operation", f"Operation {what} is not supported.")


def not_found() -> Fault:
    """No such record, or one that was deleted."""
    return Fault("610", "Object Not Found", f"Object Not Found : {_INACTIVE}")


def made_inactive(element: str) -> Fault:
    """A reference to a record nobody may use any more."""
    return Fault("610", "Object Not Found", f"Object Not Found : {_INACTIVE}", element)


def unsupported_property(name: str) -> Fault:
    return Fault(
        "2010",
        "Request has invalid or unsupported property",
        f"Property Name:{name} specified is unsupported or invalid",
        name,
    )


def unreadable(why: str) -> Fault:
    return Fault(
        "2010",
        "Request has invalid or unsupported property",
        f"Property Name:failed to parse json object; {why}",
    )


def required(name: str) -> Fault:
    return Fault(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {name} is missing in the request",
        name,
    )


def invalid_text(name: str, why: str) -> Fault:
    return Fault("2040", "Invalid String", f"Invalid String. {name}: {why}", name)


def wrong_length(name: str, most: int, length: int) -> Fault:
    said = "String length specified does not match the supported length"
    return Fault("2050", said, f"{said}. Min:0 Max:{most} supported. Supplied length:{length}", name)


def invalid_number(name: str, given: object) -> Fault:
    return Fault("2090", "Invalid Number", f"Invalid Number. {name}: {given!s:.60} is no valid number", name)


def invalid_date(name: str, given: object) -> Fault:
    return Fault("2100", "Invalid Date", f"Invalid Date. {name}: {given!s:.60} is not as YYYY-MM-DD", name)


def invalid_choice(name: str, given: object, choices: tuple[str, ...]) -> Fault:
    listed = ", ".join(choices)
    return Fault(
        "2170", "Invalid Enumeration", f"Invalid Enumeration : {name} {given!s:.60} is none of {listed}", name
    )


def invalid_reference(kind: str, identifier: object, element: str) -> Fault:
    return Fault(
        "2500",
        "Invalid Reference Id",
        f"Invalid Reference Id : {kind} element id {identifier!s:.60} not found",
        element,
    )


def unparsable_query(token: str) -> Fault:
    return Fault(
        "4000", "Error parsing query", f'QueryParserError: Encountered " <{token:.60}> " in the query'
    )


def invalid_query(why: str) -> Fault:
    return Fault("4001", "Invalid query", f"QueryValidationError: {why}")


def stale() -> Fault:
    return Fault(
        "5010",
        "Stale Object Error",
        "Stale Object Error : You and somebody else were working on this at the same time. "
        "They finished before you did, so your work was not saved.",
    )


def business(why: str, element: str = "") -> Fault:
    return Fault("6000", _BUSINESS, f"Business Validation Error: {why}", element)


def wrong_amount(supplied: object, element: str) -> Fault:
    said = "Amount calculation incorrect in the request"
    return Fault(
        "6070", said, f"{said}. : Amount is not equal to UnitPrice * Qty. Supplied value:{supplied}", element
    )


def duplicate_number(number: str, entity: str, identifier: int) -> Fault:
    said = "Duplicate Document Number Error"
    return Fault(
        "6140",
        said,
        f"{said} : You must specify a different number. This number has already been used. "
        f"DocNumber={number} is assigned to TxnType={entity} with TxnId={identifier}",
        "DocNumber",
    )


def period_closed() -> Fault:
    return Fault(
        "6210",
        "Account Period Closed, Cannot Update Through Services API",
        "The account period has closed and the account books cannot be updated through the QBO Services API. "
        "Please use the QBO website to make these changes.",
        "TxnDate",
    )


def duplicate_name(among: str, identifier: int) -> Fault:
    return Fault(
        "6240",
        "Duplicate Name Exists Error",
        f"The name supplied already exists. : Another {among} is already using this name. "
        f"Please use a different name.: Id={identifier}",
    )


def deposited() -> Fault:
    return Fault(
        "6540",
        "Deposited Transaction cannot be changed",
        "This transaction has been deposited. If you want to change or delete it, you must edit the deposit "
        "it appears on and remove it first.",
    )
