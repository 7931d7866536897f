from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from integration_pipeline.transport.failures import Attempted, Malformed
from integration_pipeline.transport.json_types import JsonValue, dump_json, parse_json
from integration_pipeline.transport.paging import follow_cursor
from integration_pipeline.transport.shapes import Json


def node(value: JsonValue) -> Json:
    return Json(value, Attempted("acme", "GET", "/things", is_write=False))


class TestJson:
    def test_names_the_place_that_is_wrong(self) -> None:
        answer = node({"results": [{"id": "1"}, {"id": ["no"]}]})

        with pytest.raises(Malformed, match=r"\$\.results\[1\]\.id = \['no'\] where an id belongs"):
            [each.field("id").identifier() for each in answer.field("results").items()]

    @pytest.mark.parametrize(
        ("value", "step"),
        [
            ([], Json.object),
            ({}, Json.items),
            ("text", Json.items),
            (None, Json.text),
            (True, Json.identifier),
            (" ", Json.identifier),
            ("7\x00", Json.identifier),
            ("7\ud800", Json.identifier),
            ("a\x00b", Json.text),
            ("a\ud800b", Json.text),
            (Decimal("1.5"), Json.integer),
            (True, Json.integer),
            (True, Json.number),
            ("1.5", Json.number),
            ("true", Json.flag),
            ("2026-02-30T00:00:00Z", Json.timestamp),
            ("2026-02-03T00:00:00", Json.timestamp),
            ("0001-01-01T00:00:00+14:00", Json.timestamp),
            (1767225600000, Json.timestamp),
            ({"amount": 5}, Json.strings),
        ],
    )
    def test_takes_no_other_shape(self, value: JsonValue, step: Callable[[Json], object]) -> None:
        with pytest.raises(Malformed):
            step(node(value))

    def test_reads_a_timestamp_into_utc(self) -> None:
        assert node("2026-03-01T01:30:00.250+02:00").timestamp() == datetime(
            2026, 2, 28, 23, 30, 0, 250_000, tzinfo=UTC
        )

    @pytest.mark.parametrize("written", ["7", "19.90", "-0.005"])
    def test_reads_a_number_with_the_digits_it_was_written_with(self, written: str) -> None:
        assert str(node(parse_json(written.encode())).number()) == written

    def test_reads_a_text_that_may_be_absent_or_null_and_takes_nothing_else_for_it(self) -> None:
        answer = node({"name": "Acme", "mail": None, "age": 7})

        assert [answer.optional_text(name) for name in ("name", "mail", "phone")] == ["Acme", None, None]
        with pytest.raises(Malformed):
            answer.optional_text("age")

    def test_takes_a_number_for_an_id(self) -> None:
        assert node(701).identifier() == "701"


class TestDumpJson:
    @pytest.mark.parametrize(
        "amount", ["0.1", "19.90", "123456789012.34", "100", "-0.005", "1.00000000000000000001", "0.00"]
    )
    def test_writes_an_amount_with_exactly_its_digits(self, amount: str) -> None:
        written = dump_json({"lines": [{"amount": Decimal(amount), "note": '„Ä"\n'}, None, True, 7]})

        assert written.decode() == '{"lines":[{"amount":' + amount + ',"note":"„Ä\\"\\n"},null,true,7]}'
        assert parse_json(written) == {"lines": [{"amount": Decimal(amount), "note": '„Ä"\n'}, None, True, 7]}

    @pytest.mark.parametrize(
        ("amount", "written"), [("1E+3", b"1000"), ("-0.0", b"0.0"), ("1E-7", b"0.0000001")]
    )
    def test_writes_no_exponent_and_no_negative_zero(self, amount: str, written: bytes) -> None:
        assert dump_json(Decimal(amount)) == written

    @pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+101", "1E-101"])
    def test_refuses_what_it_cannot_write_exactly(self, amount: str) -> None:
        with pytest.raises(ValueError, match="exact"):
            dump_json(Decimal(amount))


class TestFollowCursor:
    def test_reads_every_page_once(self) -> None:
        following = {None: "b", "b": "c", "c": None}

        def page(after: str | None) -> tuple[str, Json | None]:
            cursor = following[after]
            return after or "a", None if cursor is None else node(cursor)

        assert list(follow_cursor(page)) == ["a", "b", "c"]

    def test_stops_at_a_cursor_that_repeats(self) -> None:
        with pytest.raises(Malformed, match="a cursor not given before"):
            list(follow_cursor(lambda _: ((), node("again"))))
