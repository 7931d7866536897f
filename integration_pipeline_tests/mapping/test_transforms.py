from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.mapping.document import Candidate, Reading
from integration_pipeline.mapping.transforms import Value, read_value
from integration_pipeline.mapping.written.amounts import Unreadable

UTC, NEW_YORK, TOKYO = ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")


def read(raw: str, in_zone: ZoneInfo = UTC, /, **candidate: Any) -> Value:
    return read_value(Candidate.model_validate({"field": "any", **candidate}), raw, in_zone)


class TestNumbers:
    @pytest.mark.parametrize(
        ("raw", "number"), [("1250.00", "1250.00"), ("-3", "-3"), ("+0.5", "0.5"), ("007", "7")]
    )
    def test_are_read_exactly(self, raw: str, number: str) -> None:
        assert read(raw, read="decimal") == Decimal(number)

    @pytest.mark.parametrize(
        "raw",
        [
            "1e9",
            "1E400",
            "NaN",
            "Infinity",
            "0x10",
            "1_000",
            "1,000",
            "1.",
            ".5",
            "--1",
            "1 000",
            "١٢",
            "9" * 19,
        ],
    )
    def test_are_plain_or_refused(self, raw: str) -> None:
        with pytest.raises(Unreadable, match=r"is not a number such as 1250\.00"):
            read(raw, read="decimal")

    def test_that_are_whole_are_integers(self) -> None:
        assert read("12.0", read="integer") == 12
        with pytest.raises(Unreadable, match="is not a whole number"):
            read("12.5", read="integer")

    @pytest.mark.parametrize(
        ("bound", "good", "bad", "why"),
        [("above", "0.01", "0", "must be more than 0"), ("at_least", "0", "-0.01", "must be at least 0")],
    )
    def test_stay_within_their_bounds(self, bound: str, good: str, bad: str, why: str) -> None:
        assert read(good, read="decimal", **{bound: Decimal(0)}) == Decimal(good)
        with pytest.raises(Unreadable, match=why):
            read(bad, read="decimal", **{bound: Decimal(0)})

    def test_that_are_integers_have_bounds_too(self) -> None:
        with pytest.raises(Unreadable, match="must be more than 0"):
            read("0", read="integer", above="0")


class TestDates:
    @pytest.mark.parametrize("zone", [UTC, NEW_YORK, TOKYO])
    @pytest.mark.parametrize("text", ["2026-01-31", "20260131", "2026-W05-6"])
    def test_without_a_time_stand_as_they_are_in_every_zone(self, zone: ZoneInfo, text: str) -> None:
        assert read(text, zone, read="date") == date(2026, 1, 31)

    @pytest.mark.parametrize(
        ("text", "zone", "day"),
        [
            ("2026-02-01T04:59:59Z", NEW_YORK, date(2026, 1, 31)),
            ("2026-02-01T05:00:00Z", NEW_YORK, date(2026, 2, 1)),
            ("2026-01-31T14:59:59.999Z", TOKYO, date(2026, 1, 31)),
            ("2026-01-31T15:00:00.000Z", TOKYO, date(2026, 2, 1)),
            # The night in which New York's clocks go forward, and the one in which they go back.
            ("2026-03-08T04:30:00Z", NEW_YORK, date(2026, 3, 7)),
            ("2026-11-02T04:30:00Z", NEW_YORK, date(2026, 11, 1)),
            ("2026-01-31T23:30:00-05:00", UTC, date(2026, 2, 1)),
            ("2026-01-31T23:30:00", UTC, date(2026, 1, 31)),
        ],
    )
    def test_with_a_time_fall_on_the_day_it_was_there(self, text: str, zone: ZoneInfo, day: date) -> None:
        assert read(text, zone, read="date") == day

    def test_in_epoch_milliseconds_fall_on_the_day_it_was_there(self) -> None:
        assert read("1769904000000", UTC, read="date") == date(2026, 2, 1)
        assert read("1769904000000", NEW_YORK, read="date") == date(2026, 1, 31)
        assert read("-100000000000", UTC, read="date") == date(1966, 10, 31)

    def test_follow_the_first_pattern_that_fits(self) -> None:
        formats = ["%d.%m.%Y", "%m/%d/%Y", "iso"]

        assert read("31.01.2026", read="date", formats=formats) == date(2026, 1, 31)
        assert read("01/31/2026", read="date", formats=formats) == date(2026, 1, 31)
        assert read("2026-01-31", read="date", formats=formats) == date(2026, 1, 31)

    @pytest.mark.parametrize(
        "text",
        [
            *("31/02/2025", "soon", "2025-13-01", "2025-02-29", "0000-00-00", "9" * 14 + "9", "2026-1-1"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1" * 40_000, "20260131112"),
        ],
    )
    def test_that_do_not_exist_are_refused_with_the_form_that_is_expected(self, text: str) -> None:
        with pytest.raises(Unreadable, match="is not a date of the form 2026-01-31"):
            read(text, read="date")

    def test_are_not_guessed_in_another_order(self) -> None:
        with pytest.raises(Unreadable, match=r"is not a date of the form %d\.%m\.%Y"):
            read("01/31/2026", read="date", formats=["%d.%m.%Y"])


ADVANCE_OR_ARREARS = {"In advance": "advance", "In arrears": "arrears"}


class TestPicklists:
    def test_are_translated(self) -> None:
        assert read("In arrears", values=ADVANCE_OR_ARREARS) == "arrears"

    def test_are_complete(self) -> None:
        with pytest.raises(Unreadable, match="is not one of 'In advance', 'In arrears'"):
            read("in arrears", values=ADVANCE_OR_ARREARS)

    def test_may_have_an_answer_for_everything_else(self) -> None:
        assert read("anything", values=ADVANCE_OR_ARREARS, otherwise="advance") == "advance"

    def test_may_hold_numbers(self) -> None:
        assert read("Net 30", values={"Net 30": "30"}, read="integer") == 30

    def test_have_aliases_that_leave_other_values_alone(self) -> None:
        aliases = {"GTXPro": "GTX Pro"}

        assert read("GTXPro", aliases=aliases) == "GTX Pro"
        assert read("MG Advanced", aliases=aliases) == "MG Advanced"

    def test_know_values_under_their_alias(self) -> None:
        assert read("Vorab", aliases={"Vorab": "In advance"}, values=ADVANCE_OR_ARREARS) == "advance"


class TestText:
    def test_is_kept_as_it_is(self) -> None:
        assert read("Renewal'; DROP TABLE deals; -- 👩🏽‍💻") == "Renewal'; DROP TABLE deals; -- 👩🏽‍💻"

    def test_that_matches_what_no_good_value_does_is_refused(self) -> None:
        assert read("Seats #REF!", unlike="[#?].*") == "Seats #REF!"
        with pytest.raises(Unreadable, match="is not a usable name"):
            read("#REF!", unlike="[#?].*")


class TestCurrencies:
    def test_are_read_in_any_case(self) -> None:
        assert read("usd", read="currency") == "USD"

    @pytest.mark.parametrize("text", ["XXZ", "EURO", "$", "US", "", "ß", "USD "])
    def test_that_do_not_exist_are_refused(self, text: str) -> None:
        with pytest.raises(Unreadable, match="is not an ISO 4217 currency code such as USD"):
            read(text, read="currency")


_WORDS = (
    *(
        "0",
        "1",
        "3",
        "4+",
        "12",
        "51-100",
        "-",
        "–",
        ":",
        ";",
        "%",
        ",",
        ".",
        "+",
        "50%",
        "20.00",
        "EUR",
        "\n",
    ),
    *("off", "free", "net", "eom", "day", "months", "GST", "on", "per", "up to", "over", "of the next month"),
)
_PIECES = st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join)


@given(
    st.text(max_size=40) | _PIECES, st.sampled_from(list(Reading)), st.sampled_from([UTC, NEW_YORK, TOKYO])
)
def test_any_text_is_either_read_or_refused_with_a_reason(
    text: str, reading: Reading, zone: ZoneInfo
) -> None:
    try:
        value: object = read(text, zone, read=reading, formats=["iso", "%d.%m.%Y"])
    except Unreadable as reason:
        value = str(reason)

    assert isinstance(value, Value)
