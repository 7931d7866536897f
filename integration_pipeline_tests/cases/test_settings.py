"""Phrases of cases as policies."""

from __future__ import annotations

from integration_pipeline.billing.money import RoundingMode
from integration_pipeline.billing.policies import DEFAULT, PROFILES, DayCount
from integration_pipeline_tests.cases.settings import read_settings

KILL_BILL = {
    "interval": "half_open",
    "money": "half_up currency",
    "day_count": "actual/actual_of_billing_period",
    "fraction": "half_up 9 dp",
    "anchor": "bill_cycle_day clamped",
}


def test_settings_of_a_known_system_are_its_profile() -> None:
    assert read_settings(KILL_BILL).policies == PROFILES["kill_bill"]


def test_no_settings_are_our_own_conventions() -> None:
    assert read_settings({}).policies == DEFAULT


def test_a_setting_changes_the_profile_and_shows_in_its_name() -> None:
    policies = read_settings({**KILL_BILL, "money": "half_even currency"}).policies
    assert policies.rounding is RoundingMode.HALF_EVEN
    assert policies.version == "kill_bill, as the case states/1"


def test_a_convention_overrides_a_setting() -> None:
    policies = read_settings(
        KILL_BILL, "fixed denominator of 28 days per month; fraction HALF_UP scale 4"
    ).policies
    assert (policies.day_count, policies.fixed_month_days, policies.fraction_places) == (
        DayCount.FIXED_MONTH,
        28,
        4,
    )


def test_a_phrase_without_a_meaning_is_kept_apart() -> None:
    settings = read_settings({"money": "to the nearest cow"}, "[start,end) dates; figures are truncated")
    assert settings.unknown == ("money: to the nearest cow",)
    assert settings.prose == ("[start,end) dates",)
    assert settings.shown_by is RoundingMode.DOWN
