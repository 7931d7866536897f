"""Nothing is lost and all ends: the first load, events since a cursor, a gap, faults, the vendor's totals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.payments.movements import Movement, MovementKind
from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline.payments.stripe.webhooks import read_events
from integration_pipeline.transport.failures import Unauthorized
from integration_pipeline.transport.json_types import dump_json
from integration_pipeline_tests.payments.stripe.conftest import Pay, kept, read, settings
from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.conftest import READER, library
from integration_pipeline_tests.sandbox.stripe.test_stripe_library import open_invoice
from integration_pipeline_tests.vendors.rig import WoundClock

DAY = 86_400


def busy(sandbox: Desk, pay: Pay, client: stripe.StripeClient) -> None:
    """Some of everything that moves money."""
    charges = [pay(1_000 + number)["id"] for number in range(12)]
    pay(5_000, invoice=open_invoice(client).id)
    pay(3_333, currency="eur", settle_currency="usd", exchange_rate="1.1")
    failed = sandbox.admin("POST", "/refunds", {"charge": charges[0]})
    sandbox.admin("POST", f"/refunds/{failed['id']}/fail")
    sandbox.admin("POST", "/refunds", {"charge": charges[1], "amount": 200})
    sandbox.admin("POST", "/payouts", {"with_pending": True})
    for charge, outcome in ((charges[2], "won"), (charges[3], "lost")):
        dispute = sandbox.admin("POST", "/disputes", {"charge": charge})
        sandbox.admin("POST", f"/disputes/{dispute['id']}/close", {"outcome": outcome})
    sandbox.admin("POST", "/fees", {"amount": 77})
    sandbox.admin("POST", "/payouts", {"with_pending": True})


def facts(movements: list[Movement]) -> set[tuple[Any, ...]]:
    return {
        (each.kind, each.external_id, each.amount, each.fee, each.settled, each.links, each.group)
        for each in movements
    }


def bodies(movements: list[Movement]) -> dict[tuple[str, str], object]:
    return {(each.kind.value, each.external_id): each.body for each in movements}


def test_events_and_the_balance_tell_the_same_movements(
    source: StripeSource, sandbox: Desk, pay: Pay, client: stripe.StripeClient
) -> None:
    _, before = read(source)
    busy(sandbox, pay, client)

    by_events, _ = read(source, before)
    by_balance, _ = read(source)

    assert facts(by_events) == facts(by_balance)
    assert bodies(by_events) == bodies(by_balance)


def test_a_fee_of_stripes_own_is_told_without_a_payout_that_it_is_in(
    source: StripeSource, sandbox: Desk, pay: Pay
) -> None:
    _, before = read(source)
    pay(1_000)
    fee = sandbox.admin("POST", "/fees", {"amount": 77})

    [told] = [each for each in read(source, before)[0] if each.kind is MovementKind.FEE]

    assert (told.external_id, told.amount.minor, told.group) == (fee["id"], -77, None)


def test_movements_add_up_to_what_stripe_says_moved(
    source: StripeSource, sandbox: Desk, pay: Pay, client: stripe.StripeClient
) -> None:
    busy(sandbox, pay, client)
    movements, _ = read(source)

    totals = sandbox.admin("GET", "/totals")["totals"]
    net = sum(each["net"] for each in totals if each["type"] != "payout")
    paid_out = -sum(each["net"] for each in totals if each["type"] == "payout")
    inside = [each for each in movements if each.kind is not MovementKind.PAYOUT]
    told = sum((each.settled or each.amount).minor - (each.fee.minor if each.fee else 0) for each in inside)
    assert told == net
    assert sum(each.amount.minor for each in movements if each.kind is MovementKind.PAYOUT) == paid_out


def test_more_events_than_fit_into_a_page_are_all_told_and_oldest_first(
    source: StripeSource, pay: Pay, sandbox: Desk
) -> None:
    _, before = read(source)
    made = [pay(1_000 + number)["id"] for number in range(130)]
    pages = list(source.changes_since(before))

    assert [each.external_id for each in kept(pages)] == made
    cursors = [int(page.cursor) for page in pages if page.cursor is not None]
    assert cursors == sorted(cursors)
    assert len(cursors) > 2


def test_from_the_cursor_of_any_page_nothing_is_missed(source: StripeSource, pay: Pay, sandbox: Desk) -> None:
    _, before = read(source)
    made: list[str] = []
    for number in range(60):
        made.append(pay(1_000 + number)["id"])
        if number % 20 == 0:
            sandbox.admin("PUT", "/clock", {"advance_seconds": 1_000})
    pages = list(source.changes_since(before))
    stop = next(index for index, page in enumerate(pages) if page.cursor is not None)

    got = {each.external_id for page in pages[: stop + 1] for each in page.movements}
    rest, _ = read(source, pages[stop].cursor)
    assert got | {each.external_id for each in rest} == set(made)
    assert len(rest) < len(made)


def test_what_happened_within_the_overlap_comes_again_and_what_did_long_before_does_not(
    source: StripeSource, pay: Pay, sandbox: Desk
) -> None:
    old = pay()["id"]
    sandbox.admin("PUT", "/clock", {"advance_seconds": 3_600})
    recent = pay()
    [newest] = [each for each in read(source)[0] if each.external_id == recent["id"]]
    again, _ = read(source, str(int(newest.occurred_at.timestamp())))

    assert [each.external_id for each in again] == [recent["id"]]
    assert old != recent["id"]


def test_after_more_than_thirty_days_the_balance_is_read_instead_of_events(sandbox: Desk, pay: Pay) -> None:
    with StripeSource(settings(sandbox.base_url), registry=CollectorRegistry()) as before:
        _, cursor = read(before)
    made = pay()["id"]
    sandbox.admin("PUT", "/clock", {"advance_seconds": 31 * DAY})

    def later() -> datetime:
        return datetime.fromisoformat(sandbox.admin("GET", "/clock")["now"])

    with StripeSource(settings(sandbox.base_url), registry=CollectorRegistry(), now=later) as after:
        movements, _ = read(after, cursor)
    assert [each.external_id for each in movements] == [made]


def test_nothing_before_the_first_day_is_read(sandbox: Desk, pay: Pay) -> None:
    pay()
    sandbox.admin("PUT", "/clock", {"advance_seconds": 2 * DAY})
    now = datetime.fromisoformat(sandbox.admin("GET", "/clock")["now"])
    later = pay()["id"]
    begin = (now - timedelta(days=1)).astimezone(UTC).date()

    with StripeSource(settings(sandbox.base_url, begin_on=begin), registry=CollectorRegistry()) as late:
        assert [each.external_id for each in read(late)[0]] == [later]


@pytest.mark.parametrize("cursor", ["", "evt_1", "-5", "٥", "9" * 20])
def test_a_cursor_that_is_none_is_refused(source: StripeSource, cursor: str) -> None:
    with pytest.raises(ValueError, match="no cursor of Stripe's"):
        source.changes_since(cursor)


def test_an_announced_object_is_read_as_it_is_now(source: StripeSource, sandbox: Desk, pay: Pay) -> None:
    charge = pay()["id"]
    client = library(sandbox.base_url)
    [told] = client.v1.events.list({"type": "charge.succeeded"}).data
    client.v1.charges.update(charge, {"metadata": {"invoice_number": "INV-8"}})
    [event] = read_events(dump_json(told.to_dict()))

    [payment] = source.fetch(event).movements
    assert [link.id for link in payment.links] == ["INV-8"]


def test_an_announced_payout_is_read_with_all_in_it(source: StripeSource, sandbox: Desk, pay: Pay) -> None:
    pay()
    sandbox.admin("POST", "/payouts", {"with_pending": True})
    client = library(sandbox.base_url)
    [told] = client.v1.events.list({"type": "payout.paid"}).data
    [event] = read_events(dump_json(told.to_dict()))

    kinds = sorted(each.kind.value for each in source.fetch(event).movements)
    assert kinds == ["payment", "payout"]


def test_an_announced_object_that_is_not_there_is_no_movement(source: StripeSource) -> None:
    body = (
        b'{"id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1,'
        b' "data": {"object": {"id": "ch_none/../../x"}}}'
    )
    [event] = read_events(body)

    assert source.fetch(event).movements == ()


def test_faults_lose_and_double_nothing(
    source: StripeSource, sandbox: Desk, pay: Pay, client: stripe.StripeClient
) -> None:
    busy(sandbox, pay, client)
    quiet, _ = read(source)
    rules = [
        {"name": "lost", "share": "0.1", "fault": {"kind": "drop_after"}},
        {"name": "busy", "share": "0.1", "fault": {"kind": "throttle", "policy": "lock_timeout"}},
        {"name": "down", "share": "0.1", "fault": {"kind": "error", "status": 503}},
    ]
    sandbox.admin("PUT", "/faults", {"seed": 3, "rules": rules})

    with StripeSource(
        settings(sandbox.base_url), registry=CollectorRegistry(), clock=WoundClock()
    ) as disturbed:
        troubled, _ = read(disturbed)
        assert disturbed.metrics.totals().retries > 0
    assert facts(troubled) == facts(quiet)


def test_a_restricted_key_that_may_not_read_payouts_is_told_what_is_missing(sandbox: Desk) -> None:
    with (
        StripeSource(
            settings(sandbox.base_url).model_copy(update={"api_key": SecretStr(READER)}),
            registry=CollectorRegistry(),
        ) as reader,
        pytest.raises(Unauthorized, match="rak_payout_read"),
    ):
        read(reader)
