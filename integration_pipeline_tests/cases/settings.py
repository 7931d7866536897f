"""What the phrases of published cases mean as policies.

Belongs here: which phrase names which choice, and which profile a set of phrases describes. Does not belong
here: the choices themselves (`integration_pipeline.billing.policies`), or anything about a single case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from integration_pipeline.billing.policies import DEFAULT, PROFILES, DayCount, Policies, ZeroUsage


@dataclass(frozen=True, slots=True)
class Settings:
    """The policies that phrases describe, and the phrases that were not understood."""

    policies: Policies
    unknown: tuple[str, ...] = ()


_PROFILE_MARKS: Mapping[tuple[str, str], str] = {
    ("fraction", "half_up 9 dp"): "kill_bill",
    ("termination_day", "billed, except upgrade day"): "lago",
    ("day_count", "month first, actual days of anchored month"): "zuora",
    ("anchor", "cycle kept, reset on interval change"): "polar",
    ("resolution", "second (or day where stated)"): "stripe",
    ("money", "4 dp per entry"): "silver",
    ("remainder", "last booking"): "erpnext",
    ("tax_rounding", "stated per vector"): "gobl",
    ("zero_usage", "no first tier flat rule tested"): "meteroid",
}
"""Settings that only one system has."""


def read_settings(settings: Mapping[str, str], convention: str = "") -> Settings:
    """The named profile whose choices `settings` describe, changed where `convention` says otherwise."""
    profile = DEFAULT
    for (key, phrase), name in _PROFILE_MARKS.items():
        if settings.get(key) == phrase:
            profile = PROFILES[name]
    changes: dict[str, Any] = {}
    if settings.get("day_count") == "elapsed/elapsed":
        changes["day_count"] = DayCount.ELAPSED
    if settings.get("zero_usage") == "first tier flat charged":
        changes["zero_usage"] = ZeroUsage.FIRST_FLAT_CHARGED
    return Settings(replace(profile, **changes))
