"""Instants and the civil days they fall on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from integration_pipeline.billing.civil import Instant, ZoneName, civil_day, start_of_day

_ZONES = [
    "UTC",
    "America/Los_Angeles",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Pacific/Chatham",
]


def test_early_in_utc_it_is_still_the_day_before_in_los_angeles() -> None:
    instant = datetime(2023, 2, 8, 5, tzinfo=UTC)
    assert civil_day(instant, "America/Los_Angeles") == date(2023, 2, 7)
    assert civil_day(instant, "Europe/Berlin") == date(2023, 2, 8)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("America/Sao_Paulo", date(2018, 2, 17), 25),
    ],
)
def test_a_day_on_which_clocks_change_has_23_or_25_hours(zone: str, day: date, hours: int) -> None:
    length = start_of_day(day + timedelta(days=1), zone) - start_of_day(day, zone)
    assert length == timedelta(hours=hours)


@settings(max_examples=60, deadline=None)
@given(hours=st.integers(0, 80 * 8766), zone=st.sampled_from(_ZONES))
def test_an_instant_lies_within_the_day_it_falls_on(hours: int, zone: str) -> None:
    instant = datetime(1980, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    day = civil_day(instant, zone)
    assert start_of_day(day, zone) <= instant < start_of_day(day + timedelta(days=1), zone)


def test_an_instant_without_offset_has_no_civil_day() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        civil_day(datetime(2026, 1, 1), "UTC")  # noqa: DTZ001


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "../../etc/passwd", "", "America", "\x00", "Europe/Berlin\n"]
)
def test_a_name_that_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="IANA"):
        TypeAdapter(ZoneName).validate_python(name)


def test_an_instant_is_kept_in_utc_whatever_its_offset() -> None:
    read = TypeAdapter[datetime](Instant).validate_python("2026-01-31T23:30:00-05:00")
    assert read.isoformat() == "2026-02-01T04:30:00+00:00"


@pytest.mark.parametrize(
    "value", ["2026-01-31T08:00:00", "2026-01-31", "soon", 1767225600, None, "0001-01-01T00:00:00+14:00", {}]
)
def test_what_names_no_instant_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match=r"offset|year"):
        TypeAdapter[datetime](Instant).validate_python(value)


def test_an_instant_lies_in_a_year_that_contracts_have() -> None:
    read = TypeAdapter[datetime](Instant).validate_python
    assert [read(f"{year}-06-30T00:00:00Z").year for year in ("1901", "2998")] == [1901, 2998]
    for year in ("1900", "2999"):
        with pytest.raises(ValidationError, match=r"year must lie within 1901\.\.2998"):
            read(f"{year}-06-30T00:00:00Z")
