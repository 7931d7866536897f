"""The tests every connector passes, whatever its vendor: run by a class that inherits them beside a `rig`.

    class TestReading(StandardReading[HubSpotSource]): ...

with a fixture `rig` in that module. Belongs here: what holds for all vendors. Does not belong here: what one
vendor words or limits in its own way.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from datetime import timedelta
from typing import Generic, TypeVar

import pytest

from integration_pipeline.transport.failures import (
    Malformed,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    Uncertain,
    VendorFailure,
)
from integration_pipeline_tests.vendors.rig import Fault, PagingRig, Rig, WoundClock, WritingRig

C = TypeVar("C")

PASSING: Sequence[Fault] = (
    {"kind": "error", "status": 500},
    {"kind": "error", "status": 502},
    {"kind": "error", "status": 503},
    {"kind": "error", "status": 504},
    {"kind": "throttle"},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "hang", "max_ms": 5},
    {"kind": "truncate"},
)
LASTING: Sequence[tuple[Fault, type[VendorFailure]]] = (
    ({"kind": "error", "status": 503}, Transient),
    ({"kind": "throttle"}, Throttled),
    ({"kind": "drop_before"}, Transient),
    ({"kind": "truncate"}, Transient),
    ({"kind": "unauthorized"}, Unauthorized),
    ({"kind": "garbage", "form": "text"}, Malformed),
    ({"kind": "garbage", "form": "shape"}, Malformed),
)
# What becomes of a write, and how many documents there are then.
WRITES: Sequence[tuple[Fault, type[VendorFailure], int]] = (
    ({"kind": "error", "status": 500}, Uncertain, 0),
    ({"kind": "error", "status": 503}, Uncertain, 0),
    ({"kind": "drop_before"}, Uncertain, 0),
    ({"kind": "drop_after"}, Uncertain, 1),
    ({"kind": "truncate"}, Uncertain, 1),
    ({"kind": "garbage", "form": "text"}, Uncertain, 1),
    ({"kind": "garbage", "form": "shape"}, Uncertain, 1),
    ({"kind": "throttle"}, Throttled, 0),
)


def described(value: object) -> str | None:
    return " ".join(map(str, value.values())) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - pytest hands over anything


@pytest.fixture
def clock() -> WoundClock:
    return WoundClock()


class StandardReading(Generic[C]):
    """What a connector outlasts while it reads, and what it says when trouble lasts."""

    @pytest.mark.parametrize("fault", PASSING, ids=described)
    def test_a_passing_trouble_is_outlasted(self, rig: Rig[C], clock: WoundClock, fault: Fault) -> None:
        [record] = rig.create(1)
        with rig.connect(clock) as connector:
            rig.order(fault, times=2)

            assert rig.read_one(connector, record) == record
            assert rig.totals(connector).retries == 2

    def test_a_throttle_is_waited_for_as_long_as_it_says(self, rig: Rig[C], clock: WoundClock) -> None:
        [record] = rig.create(1)
        with rig.connect(clock) as connector:
            rig.order({"kind": "throttle", "retry_after": 3}, times=1)

            assert rig.read_one(connector, record) == record
            assert clock.time >= 3.0
            assert rig.totals(connector).throttled == 1

    @pytest.mark.parametrize(("fault", "failure"), LASTING, ids=described)
    def test_a_lasting_trouble_is_named_by_what_to_do_and_tells_no_secret(
        self,
        rig: Rig[C],
        clock: WoundClock,
        caplog: pytest.LogCaptureFixture,
        fault: Fault,
        failure: type[VendorFailure],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        [record] = rig.create(1)
        with rig.connect(clock) as connector:
            rig.order(fault)
            with pytest.raises(failure) as caught:
                rig.read_one(connector, record)
            told = "".join(traceback.format_exception(caught.value)) + repr(connector)

        assert type(caught.value) is failure
        assert caught.value.action
        told += f"{caught.value!r} {vars(caught.value)!r} {caplog.text}"
        assert [secret for secret in rig.secrets if secret in told] == []

    def test_a_token_that_was_just_revoked_is_renewed_unnoticed_where_it_can_be(
        self, rig: Rig[C], clock: WoundClock
    ) -> None:
        [record] = rig.create(1)
        with rig.connect(clock) as connector:
            rig.order({"kind": "unauthorized"}, times=1)

            if rig.renews:
                assert rig.read_one(connector, record) == record
            else:
                with pytest.raises(Unauthorized, match="Renew the credentials"):
                    rig.read_one(connector, record)


class StandardPaging(Generic[C]):
    """That every change is read, and none for ever."""

    def test_every_record_of_several_pages_comes_once(self, rig: PagingRig[C], clock: WoundClock) -> None:
        made = rig.create(rig.more_than_a_page)

        with rig.connect(clock) as connector:
            read = [seen.external_id for seen in rig.changes(connector, None)]

        assert sorted(read) == sorted(made)

    def test_what_changed_since_the_newest_one_read_is_read_again(
        self, rig: PagingRig[C], clock: WoundClock
    ) -> None:
        made = rig.create(3)
        with rig.connect(clock) as connector:
            newest = max(seen.modified_at for seen in rig.changes(connector, None))
            rig.change(made[0])

            again = rig.changes(connector, newest)

        changed = [seen for seen in again if seen.external_id == made[0]]
        assert [seen.modified_at > newest for seen in changed] == [True]

    def test_nothing_of_long_ago_is_read_again(self, rig: PagingRig[C], clock: WoundClock) -> None:
        rig.create(3)
        with rig.connect(clock) as connector:
            newest = max(seen.modified_at for seen in rig.changes(connector, None))

            assert rig.changes(connector, newest + timedelta(days=1)) == []

    @pytest.mark.parametrize("fault", [{"kind": "drop_after"}, {"kind": "throttle"}], ids=described)
    def test_trouble_between_pages_loses_and_doubles_nothing(
        self, rig: PagingRig[C], clock: WoundClock, fault: Fault
    ) -> None:
        made = rig.create(rig.more_than_a_page)
        with rig.connect(clock) as connector:
            rig.order(fault, times=3)
            read = [seen.external_id for seen in rig.changes(connector, None)]

        assert sorted(read) == sorted(made)


class StandardWriting(Generic[C]):
    """That a document is written once or not at all, and that nobody claims to know what he does not."""

    def test_a_document_is_written_once(self, rig: WritingRig[C], clock: WoundClock) -> None:
        with rig.connect(clock) as connector:
            rig.write(connector, "REF-1")

        assert rig.written("REF-1") == 1

    @pytest.mark.parametrize(("fault", "failure", "documents"), WRITES, ids=described)
    def test_a_trouble_leaves_no_second_document_and_is_told_as_it_is(
        self,
        rig: WritingRig[C],
        clock: WoundClock,
        fault: Fault,
        failure: type[VendorFailure],
        documents: int,
    ) -> None:
        with rig.connect(clock) as connector:
            rig.order(fault, times=1)
            if rig.repeats_writes and fault["kind"] != "garbage":
                rig.write(connector, "REF-1")
                assert rig.written("REF-1") == 1
            else:
                with pytest.raises(failure) as caught:
                    rig.write(connector, "REF-1")
                assert type(caught.value) is failure
                assert rig.written("REF-1") == documents

    def test_a_lasting_trouble_of_the_vendors_own_is_uncertain(
        self, rig: WritingRig[C], clock: WoundClock
    ) -> None:
        with rig.connect(clock) as connector:
            rig.order({"kind": "error", "status": 503})

            with pytest.raises(Uncertain):
                rig.write(connector, "REF-1")

    def test_a_document_the_vendor_refuses_is_rejected(self, rig: WritingRig[C], clock: WoundClock) -> None:
        with rig.connect(clock) as connector, pytest.raises(Rejected) as caught:
            rig.write_refused(connector)

        assert caught.value.vendor_message

    def test_a_token_that_was_just_revoked_does_not_make_a_write_uncertain(
        self, rig: WritingRig[C], clock: WoundClock
    ) -> None:
        with rig.connect(clock) as connector:
            rig.order({"kind": "unauthorized"}, times=1)
            if rig.renews:
                rig.write(connector, "REF-1")
            else:
                with pytest.raises(Unauthorized):
                    rig.write(connector, "REF-1")

        assert rig.written("REF-1") == (1 if rig.renews else 0)

    @pytest.mark.parametrize("kind", ["drop_after", "unauthorized", "garbage", "error"])
    def test_a_failed_write_tells_no_secret(
        self, rig: WritingRig[C], clock: WoundClock, caplog: pytest.LogCaptureFixture, kind: str
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with rig.connect(clock) as connector:
            rig.order({"kind": kind})
            with pytest.raises(VendorFailure) as caught:
                rig.write(connector, "REF-1")

        told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + caplog.text
        assert [secret for secret in rig.secrets if secret in told] == []
