"""What becomes of what is sent: taken, refused with a next step, or unsure; and that nothing comes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from integration_pipeline.accounting.target import Accepted, Refused, Unsure
from integration_pipeline.transport.failures import Throttled, Unauthorized
from integration_pipeline_tests.accounting.quickbooks.conftest import UNLIMITED, Books
from integration_pipeline_tests.accounting.quickbooks.outgoing import SEEDED, document


def test_several_go_in_one_call_and_each_has_its_outcome(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    target.send([document("INV-1", known)])
    batch = [document("INV-2", known), document("INV-1", "999"), document("X" * 22, known)]

    with books.requests() as requests:
        taken, refused, unfit = target.send([*batch])

    assert [each.segment for each in requests] == ["batch"]
    assert isinstance(taken, Accepted)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.duplicate) == ("2500", False)
    assert "INV-1: QuickBooks says" in refused.reason
    assert isinstance(unfit, Refused)
    assert books.totals("Invoice") == (2, Decimal("200.00"))


def test_a_batch_is_as_large_as_intuit_allows(books: Books) -> None:
    target = books.target()
    known = books.customer(target)

    outcomes = target.send([document(f"INV-{each}", known) for each in range(target.largest_batch)])

    assert target.largest_batch == 30
    assert [isinstance(each, Accepted) for each in outcomes] == [True] * 30
    assert [each.record.number for each in outcomes if isinstance(each, Accepted)] == [
        f"INV-{each}" for each in range(30)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_sent_again_with_the_same_keys_is_there_once(books: Books, count: int) -> None:
    # Without the company's own guard against duplicates.
    books.prefer(refuse_duplicate_numbers=False)
    target = books.target()
    known = books.customer(target)
    batch = [document(f"INV-{each}", known) for each in range(count)]

    first, second = target.send(batch), target.send(batch)

    assert first == second
    assert books.totals("Invoice")[0] == count


def test_a_batch_of_other_documents_gets_no_old_answer(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    first, second, third = (document(f"INV-{each}", known) for each in range(3))
    target.send([first, second])

    outcomes = target.send([second, third])

    assert isinstance(outcomes[0], Refused)
    assert outcomes[0].duplicate
    assert isinstance(outcomes[1], Accepted)
    assert outcomes[1].record.number == third.number


def test_a_batch_that_was_refused_as_a_whole_is_taken_once_what_was_wrong_is_mended(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    batch = [document(f"INV-{each}", known) for each in range(4)]
    books.prefer(books_closed_to="2026-12-31")
    before = target.send(batch)
    books.prefer(books_closed_to=None)

    after = target.send(batch)

    assert [each.code for each in before if isinstance(each, Refused)] == ["6210"] * 4
    assert [isinstance(each, Accepted) for each in after] == [True] * 4
    assert books.totals("Invoice")[0] == 4


def test_of_a_batch_whose_first_is_still_refused_the_others_are_taken_nevertheless(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    early, *others = (document(f"INV-{each}", known) for each in range(4))
    batch = [replace(early, issue_date=date(2026, 1, 15)), *others]
    books.prefer(books_closed_to="2026-12-31")
    before = target.send(batch)
    books.prefer(books_closed_to="2026-01-31")

    first, *after = target.send(batch)

    assert [each.code for each in before if isinstance(each, Refused)] == ["6210"] * 4
    assert isinstance(first, Refused)
    assert first.reason.startswith("INV-0: ")
    assert [isinstance(each, Accepted) for each in after] == [True] * 3
    assert books.totals("Invoice")[0] == 3


@pytest.mark.parametrize("most", [1, 2])
def test_a_batch_refused_before_its_documents_were_looked_at_goes_in_smaller_parts(
    books: Books, most: int
) -> None:
    target = books.target()
    known = books.customer(target)
    batch = [document(f"INV-{each}", known) for each in range(5)]
    # Stands for whatever has Intuit refuse a whole call.
    books.sandbox.admin("PUT", "/limits", {**UNLIMITED, "batch_items": most})

    outcomes = target.send([*batch, document("INV-9", "999")])

    assert [each.record.number for each in outcomes if isinstance(each, Accepted)] == [
        each.number for each in batch
    ]
    refused = outcomes[-1]
    assert isinstance(refused, Refused)
    assert refused.code == "2500"


def test_what_stops_the_second_part_of_a_batch_leaves_what_the_first_one_did_as_it_is(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    books.sandbox.admin("PUT", "/limits", {**UNLIMITED, "batch_items": 2, "batches_per_minute": 2})

    outcomes = target.send([document(f"INV-{each}", known) for each in range(4)])

    assert [type(each) for each in outcomes] == [Accepted, Accepted, Unsure, Unsure]
    assert all("not sent" in each.reason for each in outcomes if isinstance(each, Unsure))
    assert books.totals("Invoice")[0] == 2


def test_a_number_that_is_taken_is_told_as_a_duplicate(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    books.seed("Invoice", {"DocNumber": "INV-1", "CustomerRef": {"value": known}, "Line": [SEEDED]})

    [outcome] = target.send([document("INV-1", known)])

    assert isinstance(outcome, Refused)
    assert (outcome.duplicate, outcome.code) == (True, "6140")
    assert "INV-1 is assigned to TxnType=Invoice" in outcome.reason


def test_a_refusal_says_what_a_bookkeeper_does_next(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    books.edit("Item", "1", Active=False)
    [inactive] = target.send([document("INV-1", known)])
    [unknown] = target.send([document("INV-2", "999")])
    [foreign] = books.target(items={"on_invoice": "777"}).send([document("INV-3", known)])
    books.edit("Item", "1", Active=True)
    books.prefer(books_closed_to="2026-12-31")
    [closed] = target.send([document("INV-4", known)])

    told = {
        each.code: each.reason for each in (inactive, unknown, foreign, closed) if isinstance(each, Refused)
    }
    assert "Make the record it names active again" in told["610"]
    assert "`targets problems` lists what is missing" in told["2500"]
    assert "Open the period in QuickBooks" in told["6210"]
    assert books.totals("Invoice") == (0, Decimal(0))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("fault", "documents"),
    [
        ({"kind": "drop_after"}, True),
        ({"kind": "truncate"}, True),
        ({"kind": "garbage", "form": "text"}, True),
        ({"kind": "garbage", "form": "shape"}, True),
        ({"kind": "garbage", "form": "record"}, True),
        ({"kind": "drop_before"}, False),
        ({"kind": "error", "status": 500}, False),
        ({"kind": "error", "status": 503}, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownLambdaType, reportUnknownMemberType]
)
def test_an_answer_nobody_can_read_is_unsure_and_a_look_tells_what_became_of_it(
    books: Books, count: int, fault: dict[str, Any], documents: bool
) -> None:
    target = books.target()
    known = books.customer(target)
    batch = [document(f"INV-{each}", known) for each in range(count)]
    books.fault("invoice" if count == 1 else "batch", **fault)

    outcomes = target.send(batch)

    assert [isinstance(each, Unsure) for each in outcomes] == [True] * count
    assert [len(hits) for hits in target.find(batch)] == [int(documents)] * count


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_throttle_is_no_ones_fault_and_says_to_wait_a_minute(books: Books, form: str, count: int) -> None:
    target = books.target()
    known = books.customer(target)
    limits = {"per_minute": 0, "throttle_form": form}
    books.sandbox.admin("PUT", "/limits", limits)

    with pytest.raises(Throttled) as caught:
        target.send([document(f"INV-{each}", known) for each in range(count)])

    assert caught.value.retry_after == 60.0
    assert caught.value.vendor_message.startswith("3001: message=ThrottleExceeded")
    assert caught.value.correlation_id


def test_a_refused_token_is_told_at_once(books: Books) -> None:
    target = books.target()
    known = books.customer(target)
    books.fault("invoice", kind="unauthorized")

    with pytest.raises(Unauthorized, match="AuthenticationFailed"):
        target.send([document("INV-1", known)])


def test_nothing_to_send_is_no_call(books: Books) -> None:
    target = books.target()

    with books.requests() as requests:
        assert target.send([]) == []

    assert requests == []
