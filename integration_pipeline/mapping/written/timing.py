"""Payment terms and billing anchors as people write them.

Belongs here: one term out of one text. Does not belong here: the dates that follow (`billing.terms.timing`).
"""

from __future__ import annotations

import re

from integration_pipeline.billing.terms import Anchor, AnchorKind, PaymentTerms
from integration_pipeline.mapping.written.amounts import Unreadable

_DAYS = r"(?P<days>[0-9]{1,4})"
_NET = re.compile(rf"(?:net\s*)?{_DAYS}(?:\s*days?)?(?:\s*net)?")
_END_OF_MONTH = r"(?:eom|end of (?:the )?month)"
_AFTER_MONTH = re.compile(
    rf"(?:net\s*)?{_END_OF_MONTH}(?:\s*\+?\s*(?P<days>[0-9]{{1,4}})(?:\s*days?)?)?"
    rf"|(?:net\s*)?(?P<before>[0-9]{{1,4}})(?:\s*days?)?(?:\s*(?:after|from))?\s*{_END_OF_MONTH}"
)
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_DAY_OF_NEXT_MONTH = re.compile(rf"(?:day\s*)?{_DAY} (?:day )?(?:of )?(?:the )?(?:next|following) month")
_DAY_OF_MONTH = re.compile(rf"(?:day\s*)?{_DAY}(?: (?:day )?of (?:the|each|every) month)?")
_LONGEST_DAYS = 3650
_ON_RECEIPT = frozenset({"due on receipt", "on receipt", "due immediately", "immediately"})
_ANCHORS = {
    "anniversary": AnchorKind.CONTRACT_START,
    "contract anniversary": AnchorKind.CONTRACT_START,
    "contract start": AnchorKind.CONTRACT_START,
    "calendar": AnchorKind.CALENDAR,
    "calendar month": AnchorKind.CALENDAR,
    "first of month": AnchorKind.CALENDAR,
}


def payment_terms_in_text(text: str) -> PaymentTerms:
    """`Net 30`, `30 days`, `Due on receipt`, `EOM+15`, `Net 15 EOM`, `15th of the next month`.

    Raises `Unreadable`.
    """
    written = " ".join(text.lower().split())
    if written in _ON_RECEIPT:
        return PaymentTerms(net_days=0)
    if (match := _NET.fullmatch(written)) and int(match["days"]) <= _LONGEST_DAYS:
        return PaymentTerms(net_days=int(match["days"]))
    if match := _AFTER_MONTH.fullmatch(written):
        days = int(match["days"] or match["before"] or 0)
        if days <= _LONGEST_DAYS:
            return PaymentTerms(net_days=days, end_of_month=True)
    if (match := _DAY_OF_NEXT_MONTH.fullmatch(written)) and 1 <= int(match["day"]) <= 31:
        return PaymentTerms(day_of_month=int(match["day"]))
    raise Unreadable(
        "is not a payment term: write 'Net 30', 'Due on receipt', 'EOM+15' or '15th of the next month'"
    )


def anchor_in_text(text: str) -> Anchor:
    """`Anniversary`, `Calendar` or a day of the month: `Day 15`, `15th`. Raises `Unreadable`."""
    written = " ".join(text.lower().split())
    if (kind := _ANCHORS.get(written)) is not None:
        return Anchor(kind=kind)
    if (match := _DAY_OF_MONTH.fullmatch(written)) and 1 <= int(match["day"]) <= 31:
        return Anchor(kind=AnchorKind.DAY_OF_MONTH, day=int(match["day"]))
    raise Unreadable("is not a billing anchor: write 'Anniversary', 'Calendar' or 'Day 15'")
