from __future__ import annotations

import pytest
import time_machine

from integration_pipeline.transport.failures import (
    Attempted,
    Conflict,
    ErrorReply,
    Explanation,
    FailureTable,
    NotFound,
    Outcome,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    Uncertain,
    VendorFailure,
    clean,
    parse_retry_after,
)

READ = Attempted("acme", "GET", "/things/7", is_write=False)
WRITE = Attempted("acme", "POST", "/things", is_write=True)


def reply(status: int, text: str = "") -> ErrorReply:
    return ErrorReply(status, {}, None, text)


class TestTable:
    @pytest.mark.parametrize(
        ("status", "on_read", "on_write"),
        [
            (301, Rejected, Rejected),
            (400, Rejected, Rejected),
            (401, Unauthorized, Unauthorized),
            (403, Unauthorized, Unauthorized),
            (404, NotFound, NotFound),
            (408, Transient, Uncertain),
            (409, Conflict, Conflict),
            (422, Rejected, Rejected),
            (429, Throttled, Throttled),
            (500, Transient, Uncertain),
            (504, Transient, Uncertain),
            (599, Transient, Uncertain),
            (999, Transient, Uncertain),
        ],
    )
    def test_tells_reads_from_writes(
        self, status: int, on_read: type[VendorFailure], on_write: type[VendorFailure]
    ) -> None:
        table = FailureTable()

        assert type(table.of_reply(READ, reply(status))) is on_read
        assert type(table.of_reply(WRITE, reply(status))) is on_write

    def test_takes_a_vendors_exceptions_to_it(self) -> None:
        table = FailureTable().overridden({423: Outcome(Transient, Transient, "Wait for the lock.")})

        failure = table.of_reply(WRITE, reply(423))

        assert type(failure) is Transient
        assert str(failure) == "acme: POST /things answered 423. Wait for the lock."
        assert type(table.of_reply(WRITE, reply(500))) is Uncertain

    def test_lets_a_vendor_read_its_own_error_bodies(self) -> None:
        table = FailureTable(
            lambda _: Explanation("limit reached", "c-1", failure=Throttled, retry_after=4.0)
        )

        failure = table.of_reply(READ, reply(403))

        assert type(failure) is Throttled
        assert failure.retry_after == 4.0
        assert '"limit reached" [correlation id c-1]' in str(failure)


class TestVendorText:
    def test_is_one_line_without_control_or_direction_characters(self) -> None:
        assert clean("a\r\nFAKE LOG LINE\x1b[31m\u202egnp.exe\x00") == "a FAKE LOG LINE [31m gnp.exe"

    def test_is_cut(self) -> None:
        assert len(clean("x" * 10_000)) == 300

    def test_holds_no_part_of_a_credential_even_where_it_is_cut(self) -> None:
        assert "SECRET" not in clean("x" * 295 + "SECRETTOKEN", "SECRETTOKEN")


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            (None, None),
            ("5", 5.0),
            ("0.5", 0.5),
            ("-3", 0.0),
            ("nan", None),
            ("inf", None),
            ("soon", None),
            ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
            ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ],
    )
    @time_machine.travel("2026-10-21T07:28:00+00:00", tick=False)
    def test_is_read_as_seconds_or_as_a_date(self, header: str | None, seconds: float | None) -> None:
        assert parse_retry_after(header) == seconds
