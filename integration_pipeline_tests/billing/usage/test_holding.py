"""For which share of a period units are held."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import DEFAULT, CancellationDay
from integration_pipeline.billing.usage.aggregation import Carried
from integration_pipeline.billing.usage.holding import (
    HeldUnits,
    full_units,
    held_for_rest,
    held_units,
    prorated_units,
)
from integration_pipeline.billing.usage.metrics import Aggregation, Metric
from integration_pipeline_tests.billing.usage.builders import event

_SEPTEMBER = Period(date(2023, 9, 1), date(2023, 10, 1))
_SEATS = Metric(metric="calls", recurring=True)
_USERS = Metric(metric="calls", aggregation=Aggregation.UNIQUE_COUNT, property="user", recurring=True)
_LAST_DAY_CHARGED = replace(DEFAULT, cancellation_day=CancellationDay.BILLED)


def _changes(*held: HeldUnits) -> list[tuple[int, str]]:
    return [(int(each.units), f"{each.share[0]}/{each.share[1]}") for each in held]


def test_a_change_counts_from_its_day_to_the_end_of_the_period() -> None:
    changes = [(date(2023, 9, 10), Decimal(2)), (date(2023, 9, 30), Decimal(60))]
    held = held_for_rest(changes, _SEPTEMBER, _SEPTEMBER, DEFAULT, carried=Decimal(75))
    assert _changes(*held) == [(75, "30/30"), (2, "21/30"), (60, "1/30")]
    assert full_units(held) == 137
    assert prorated_units(held) == 75 + Fraction(42, 30) + 2


def test_a_change_before_the_service_is_held_for_all_of_it() -> None:
    held = held_for_rest([(date(2023, 8, 20), Decimal(4))], _SEPTEMBER, _SEPTEMBER, DEFAULT)
    assert _changes(*held) == [(4, "30/30")]


def test_a_service_that_ends_early_is_a_share_of_the_full_period() -> None:
    served = Period(date(2023, 9, 1), date(2023, 9, 8))
    changes = [(date(2023, 9, 7), Decimal(1)), (date(2023, 9, 8), Decimal(5))]
    held = held_for_rest(changes, served, _SEPTEMBER, DEFAULT, carried=Decimal(6))
    assert _changes(*held) == [(6, "7/30"), (1, "1/30")]


def test_a_sum_is_held_by_the_civil_days_of_the_zone() -> None:
    late_on_the_ninth_in_utc = [event("2023-09-09T23:00", 2)]
    held = held_units(_SEATS, late_on_the_ninth_in_utc, _SEPTEMBER, _SEPTEMBER, "Europe/Berlin", DEFAULT)
    assert _changes(*held) == [(2, "21/30")]


def test_events_before_the_period_are_held_for_all_of_it() -> None:
    events = [event("2023-08-20", 4), event("2023-09-16", 1)]
    held = held_units(_SEATS, events, _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT, Carried(Decimal(3)))
    assert _changes(*held) == [(7, "30/30"), (1, "15/30")]


@pytest.mark.parametrize(("policies", "share"), [(DEFAULT, "2/30"), (_LAST_DAY_CHARGED, "3/30")])
def test_a_value_is_held_for_its_stay_with_or_without_the_last_day(policies: object, share: str) -> None:
    events = [event("2023-09-10", user="ann"), event("2023-09-12", -1, user="ann")]
    held = held_units(_USERS, events, _SEPTEMBER, _SEPTEMBER, "UTC", policies)  # pyright: ignore[reportArgumentType]
    assert _changes(*held) == [(1, share), (-1, "0/1")]


def test_a_value_that_comes_and_goes_on_one_day_is_not_held_at_all() -> None:
    events = [event("2023-09-10T08:00", user="ann"), event("2023-09-10T09:00", -1, user="ann")]
    held = held_units(_USERS, events, _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT)
    assert prorated_units(held) == 0


def test_a_value_that_is_present_already_is_not_held_twice() -> None:
    events = [
        event("2023-09-10", user="ann"),
        event("2023-09-16", user="ann"),
        event("2023-09-20", -1, user="x"),
    ]
    held = held_units(
        _USERS, events, _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT, Carried(values=frozenset({"bob"}))
    )
    assert _changes(*held) == [(1, "30/30"), (1, "21/30")]


def test_only_running_levels_are_held() -> None:
    with pytest.raises(ValueError, match="no running level"):
        held_units(Metric(metric="calls"), [], _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT)


def test_prorated_units_of_no_units_are_refused() -> None:
    with pytest.raises(ValueError, match="need full units"):
        HeldUnits.of_prorated(Decimal(0), Decimal(1))


def test_no_units_of_which_none_are_prorated_are_nothing() -> None:
    assert HeldUnits.of_prorated(Decimal(0), Decimal(0)).prorated == 0
    assert HeldUnits.of_prorated(Decimal(4), Decimal(0)).prorated == 0


def test_an_event_that_names_no_value_is_passed_over_and_not_the_end() -> None:
    events = [event("2023-09-05"), event("2023-09-16", user="ann")]
    held = held_units(_USERS, events, _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT)
    assert _changes(*held) == [(1, "15/30")]


def test_a_value_that_is_reported_without_a_quantity_is_held_all_the_same() -> None:
    held = held_units(_USERS, [event("2023-09-16", 0, user="ann")], _SEPTEMBER, _SEPTEMBER, "UTC", DEFAULT)
    assert _changes(*held) == [(1, "15/30")]
