"""QuickBooks' refusals in terms of the transport's recovery classes, and what a bookkeeper does about them.

Shapes: `{Fault: {Error: [{Message, Detail, code, element}], type}}`, the same in lower case for a 401, and
XML for throttling, whatever was accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from integration_pipeline.accounting.strangers import NotTheVendors
from integration_pipeline.accounting.target import Refused
from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Rejected,
    Unauthorized,
    VendorFailure,
    clean,
    text_in,
)
from integration_pipeline.transport.json_types import JsonValue

DUPLICATE_NUMBER = "6140"
DUPLICATE_NAME = "6240"
_SUBSCRIPTION_ENDED = "6190"

# Intuit names no time and documents a minute for all its limits.
_PAUSE = 60.0
_TOO_LARGE = 413
_REFUSAL = "ValidationFault"
_CODE = re.compile(r"(\d{3,6}): ")
_XML_CODE = re.compile(r'<Error\s[^>]*code="(\d{1,10})"')
_XML_MESSAGE = re.compile(r"<(?:Message|Detail)>([^<]*)</")

_NEXT_STEPS: Mapping[str, str] = MappingProxyType(
    {
        "500": "Report this: the request is one QuickBooks does not offer.",
        "610": "Make the record it names active again in QuickBooks, or name another in the targets file; "
        "`targets problems` lists what is missing.",
        "2050": "Shorten the field it names.",
        "2500": "Correct the id in the targets file; `targets problems` lists what is missing.",
        "5010": "Somebody changed the record at the same moment; try again.",
        "6000": "Correct what it names in QuickBooks or in the targets file, then resend.",
        "6070": "Report this: amount, quantity and price of a line do not multiply.",
        DUPLICATE_NUMBER: "Look up the document of this number in QuickBooks.",
        "6210": "Open the period in QuickBooks (Account and settings, Advanced, Accounting, Close the books) "
        "until it is posted, then resend.",
        DUPLICATE_NAME: "Give one of the two another display name in QuickBooks.",
        "6540": "Take the payment out of its deposit in QuickBooks first.",
    }
)
_ANY = "Correct what it names, then resend."


@dataclass(frozen=True, slots=True)
class Fault:
    """What QuickBooks says of one record. `is_refusal`: certainly nothing was done, and never will be
    unchanged.
    """

    code: str
    message: str
    is_refusal: bool

    def refused(self, name: str) -> Refused:
        """The refusal of the record of this name."""
        step = _NEXT_STEPS.get(self.code, _ANY)
        return Refused(
            f'{name}: QuickBooks says "{clean(self.message)}". {step}',
            code=self.code,
            duplicate=self.code == DUPLICATE_NUMBER,
        )


def read_fault(body: JsonValue) -> Fault | None:
    """The content of `Fault`; None if that is none. Its message begins with the code."""
    if not isinstance(body, Mapping):
        return None
    errors = body.get("Error") or body.get("error")
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], Mapping):
        return None
    error = errors[0]
    code = _text(error, "code")
    message, detail, element = (_text(error, name) for name in ("Message", "Detail", "element"))
    # The detail mostly repeats the message.
    said = detail if message and message in detail else ": ".join(filter(None, (message, detail)))
    place = f" ({element})" if element else ""
    return Fault(code, f"{code}: {said}{place}", _text(body, "type") == _REFUSAL)


def refusal(failure: VendorFailure) -> Fault | None:
    """What a whole answer says of its one record; None if it is no refusal of a record."""
    code = _CODE.match(failure.vendor_message)
    if code is None or not isinstance(failure, Rejected):
        return None
    return Fault(code[1], failure.vendor_message, is_refusal=True)


def refuses_content(failure: VendorFailure) -> bool:
    """Whether a refused batch may be taken without one of its records, or in smaller parts."""
    return refusal(failure) is not None or failure.status == _TOO_LARGE


def explain(reply: ErrorReply) -> Explanation:
    """The code with message and detail. A throttle is waited for a minute, an ended subscription renewed; a
    400 without a fault is not QuickBooks'.
    """
    fault = read_fault(_member(reply.body, "Fault") or _member(reply.body, "fault")) or _in_xml(reply.text)
    if fault is None and reply.status == 400:
        return Explanation(reply.text, reply.headers.get("intuit_tid"), failure=NotTheVendors)
    return Explanation(
        message=fault.message if fault else "",
        correlation_id=reply.headers.get("intuit_tid"),
        failure=Unauthorized if fault and fault.code == _SUBSCRIPTION_ENDED else None,
        action="Renew the company's QuickBooks subscription."
        if fault and fault.code == _SUBSCRIPTION_ENDED
        else None,
        retry_after=_PAUSE if reply.status == 429 else None,
    )


QUICKBOOKS_FAILURES = FailureTable(explain)


def _in_xml(text: str) -> Fault | None:
    code = _XML_CODE.search(text)
    if code is None:
        return None
    return Fault(code[1], f"{code[1]}: {': '.join(_XML_MESSAGE.findall(text)[:2])}", is_refusal=False)


def _member(body: JsonValue, name: str) -> JsonValue:
    return body.get(name) if isinstance(body, Mapping) else None


def _text(body: Mapping[str, JsonValue], name: str) -> str:
    # The 401 writes its names in lower case.
    return text_in(body, name) or text_in(body, name.lower())
