"""The connector against a HubSpot in trouble: what it outlasts, and what it says when trouble lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.failures import (
    Malformed,
    QuotaExhausted,
    Throttled,
    Transient,
    Unauthorized,
    VendorFailure,
)

if TYPE_CHECKING:
    from integration_pipeline_tests.crm.hubspot.conftest import Connect, Portal, WoundClock

DEAL_COMPANY, DEAL_LINE_ITEM = 5, 19
DEAL_READS = "/crm/v3/objects/deals/*"
# A retry costs less than a millisecond here: time passes only in the wound clock.
PASSING = [
    {"kind": "delay", "ms": 5},
    {"kind": "error", "status": 423},
    {"kind": "error", "status": 477},
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 502},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 504},
    {"kind": "throttle"},
    {"kind": "throttle", "retry_after": 3},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "hang", "max_ms": 5},
    {"kind": "truncate"},
]
LASTING: list[tuple[dict[str, object], type[VendorFailure], str]] = [
    (
        {"kind": "error", "status": 503},
        Transient,
        "answered 503.*Service Unavailable.*INTERNAL_ERROR",
    ),
    ({"kind": "error", "status": 423}, Transient, "holds a lock on this record"),
    ({"kind": "error", "status": 477}, Throttled, "moving this account"),
    ({"kind": "throttle"}, Throttled, "answered 429.*TEN_SECONDLY_ROLLING"),
    ({"kind": "throttle", "policy": "DAILY"}, QuotaExhausted, "run again tomorrow"),
    ({"kind": "drop_before"}, Transient, "got no answer: RemoteProtocolError"),
    ({"kind": "drop_after"}, Transient, "got no answer: RemoteProtocolError"),
    ({"kind": "truncate"}, Transient, "got no answer: RemoteProtocolError"),
    ({"kind": "hang", "max_ms": 1}, Transient, "got no answer: RemoteProtocolError"),
    ({"kind": "unauthorized"}, Unauthorized, "Renew the credentials"),
    ({"kind": "garbage", "form": "text"}, Malformed, "answered 200 with a body that is not JSON"),
    (
        {"kind": "garbage", "form": "shape"},
        Malformed,
        r"\$\.(results = .* where a list|id = None where an id) belongs",
    ),
]

Order = Callable[..., None]


def described(fault: dict[str, object]) -> str:
    return " ".join(str(value) for value in fault.values())


@pytest.fixture
def order(portal: Portal, connection: httpx.Client) -> Iterator[Order]:
    """Set one fault rule by its fields."""

    def order(fault: dict[str, object], **rule: object) -> None:
        rules = [{"name": "ordered", **rule, "fault": fault}]
        connection.put("/_sandbox/faults", json={"seed": 7, "rules": rules}).raise_for_status()

    yield order
    connection.delete("/_sandbox/faults").raise_for_status()


@pytest.fixture
def deal(portal: Portal) -> str:
    """A deal with a company and a line item."""
    [company] = portal.create("companies", name="Acme")
    [item] = portal.create("line_items", name="Seat")
    [made] = portal.create("deals", dealname="Acme", to=[(company, DEAL_COMPANY), (item, DEAL_LINE_ITEM)])
    return made


@pytest.fixture
def source(connect: Connect, clock: WoundClock) -> HubSpotSource:
    return connect(clock)


class TestWhatPasses:
    @pytest.mark.parametrize("fault", PASSING, ids=described)
    def test_is_outlasted_without_losing_anything(
        self, source: HubSpotSource, deal: str, order: Order, fault: dict[str, object]
    ) -> None:
        expected = source.fetch(ObjectType.DEAL, [deal], ["dealname"])
        order(fault, times=3)

        found = source.fetch(ObjectType.DEAL, [deal], ["dealname"])

        assert found == expected
        assert set(found[0].associations) == {ObjectType.COMPANY, ObjectType.LINE_ITEM}
        assert source.metrics.totals().retries == (0 if fault["kind"] == "delay" else 3)

    @pytest.mark.parametrize("share", ["0.2", "0.4"])
    def test_is_outlasted_when_it_comes_at_random(
        self, portal: Portal, source: HubSpotSource, order: Order, share: str
    ) -> None:
        made = portal.create("deals", 30, dealname="Acme")
        order({"kind": "drop_after"}, share=share)

        found = [source.fetch(ObjectType.DEAL, [each], ["dealname"]) for each in made]

        assert [[record.external_id for record in records] for records in found] == [[each] for each in made]
        assert source.metrics.totals().retries > 0

    def test_waits_as_long_as_a_throttle_says(
        self, source: HubSpotSource, deal: str, order: Order, clock: WoundClock
    ) -> None:
        order({"kind": "throttle", "retry_after": 3}, times=1)

        source.fetch(ObjectType.DEAL, [deal], ["dealname"])

        assert sum(clock.slept) >= 3.0


class TestWhatLasts:
    @pytest.mark.parametrize(
        ("fault", "failure", "complaint"), LASTING, ids=[described(fault) for fault, *_ in LASTING]
    )
    def test_names_the_call_the_trouble_and_what_to_do(
        self,
        source: HubSpotSource,
        deal: str,
        order: Order,
        fault: dict[str, object],
        failure: type[VendorFailure],
        complaint: str,
    ) -> None:
        order(fault, path=DEAL_READS)

        with pytest.raises(
            failure, match=f"hubspot: (GET|POST) /crm/v3/objects/deals/.*{complaint}"
        ) as caught:
            source.fetch(ObjectType.DEAL, [deal], ["dealname"])

        assert type(caught.value) is failure

    def test_names_the_record_and_the_field_that_cannot_be_read(
        self, source: HubSpotSource, deal: str, order: Order
    ) -> None:
        order({"kind": "garbage", "form": "record"}, path=DEAL_READS)

        with pytest.raises(Malformed, match=rf"\(deal {deal}\)\.properties = \[\] where an object belongs"):
            source.fetch(ObjectType.DEAL, [deal], ["dealname"])

    def test_is_given_up_after_six_attempts(
        self, source: HubSpotSource, deal: str, order: Order, connection: httpx.Client
    ) -> None:
        order({"kind": "error"}, path=DEAL_READS)

        with pytest.raises(Transient):
            source.fetch(ObjectType.DEAL, [deal], ["dealname"])

        [rule] = connection.get("/_sandbox/faults").json()["rules"]
        assert rule["fired"] == 6

    @pytest.mark.parametrize("kind", ["unauthorized", "garbage"])
    def test_is_not_repeated_where_repeating_is_no_use(
        self, source: HubSpotSource, deal: str, order: Order, connection: httpx.Client, kind: str
    ) -> None:
        order({"kind": kind}, path=DEAL_READS)

        with pytest.raises(VendorFailure):
            source.fetch(ObjectType.DEAL, [deal], ["dealname"])

        [rule] = connection.get("/_sandbox/faults").json()["rules"]
        assert rule["fired"] == 1
