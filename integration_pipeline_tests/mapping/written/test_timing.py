from __future__ import annotations

from datetime import date

import pytest

from integration_pipeline.billing.terms import Anchor, AnchorKind
from integration_pipeline.mapping.written.amounts import Unreadable
from integration_pipeline.mapping.written.timing import anchor_in_text, payment_terms_in_text


@pytest.mark.parametrize(
    ("text", "due"),
    [
        *((text, date(2026, 3, 9)) for text in ("Due on receipt", "immediately", "Net 0")),
        *((text, date(2026, 4, 8)) for text in ("Net 30", "net30", "30 days", "30", "30 days net")),
        *((text, date(2026, 3, 31)) for text in ("EOM", "End of month", "Net EOM")),
        *(
            (text, date(2026, 4, 15))
            for text in ("EOM+15", "EOM 15", "Net 15 EOM", "15 days after end of the month", "eom + 15 days")
        ),
        *((text, date(2026, 4, 10)) for text in ("10th of the next month", "day 10 of next month")),
    ],
)
def test_payment_terms_say_when_an_invoice_of_9_march_is_due(text: str, due: date) -> None:
    assert payment_terms_in_text(text).due_date(date(2026, 3, 9)) == due


@pytest.mark.parametrize(
    "text",
    ["2/10 net 30", "Net", "Net thirty", "-5", "Net 9999", "EOM+9999", "32nd of the next month", "soon"],
)
def test_what_is_no_payment_term_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(Unreadable, match=r"write 'Net 30', 'Due on receipt', 'EOM\+15'"):
        payment_terms_in_text(text)


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("Anniversary", Anchor(kind=AnchorKind.CONTRACT_START)),
        ("calendar", Anchor(kind=AnchorKind.CALENDAR)),
        *(
            (text, Anchor(kind=AnchorKind.DAY_OF_MONTH, day=15))
            for text in ("Day 15", "15", "15th", "15th of each month", "day 15 of the month")
        ),
    ],
)
def test_anchors_are_named_or_a_day(text: str, anchor: Anchor) -> None:
    assert anchor_in_text(text) == anchor


@pytest.mark.parametrize("text", ["Day 0", "Day 32", "whenever", "15.5"])
def test_what_is_no_anchor_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(Unreadable, match="write 'Anniversary', 'Calendar' or 'Day 15'"):
        anchor_in_text(text)
