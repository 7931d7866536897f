"""What the phrases of published cases mean as policies.

Belongs here: which phrase names which choice, and which profile a set of phrases describes. Does not belong
here: the choices themselves (`integration_pipeline.billing.policies`), or anything about a single case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from integration_pipeline.billing.money import RoundingMode
from integration_pipeline.billing.policies import (
    DEFAULT,
    PROFILES,
    AmountSplit,
    Correction,
    DayCount,
    InclusiveTax,
    LineRounding,
    Policies,
    RevenueGranularity,
    RevenueSplit,
    StepPrecision,
    TaxRounding,
    ZeroUsage,
)

Choices = Mapping[str, Any]
"""Fields of `Policies` and what they are set to."""

NOTATION: Choices = {}
"""For phrases that change how figures are written, not what they are."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The policies that a case's phrases describe.

    `unknown` are settings (`key: phrase`) without a meaning here: the case may then run under other
    conventions than it states. `prose` are clauses of the convention that name no choice: descriptions.
    `shown_by` is how the published figures were cut to the decimals they show.
    """

    policies: Policies
    unknown: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()
    shown_by: RoundingMode = RoundingMode.HALF_UP


_SIGNATURES: Mapping[str, Mapping[str, str]] = {
    "kill_bill": {"anchor": "bill_cycle_day clamped"},
    "lago": {"termination_day": "billed, except upgrade day"},
    "openmeter": {"day_count": "elapsed/elapsed", "zero_usage": "first tier flat charged"},
    "polar": {"day_count": "elapsed/elapsed", "anchor": "cycle kept, reset on interval change"},
    "stripe": {"resolution": "second (or day where stated)"},
    "meteroid": {"day_count": "actual/actual_of_period", "interval": "half_open"},
    "oca": {"day_count": "actual/actual_of_period", "interval": "inclusive_end"},
    "silver": {"money": "4 dp per entry"},
    "zuora": {"day_count": "month first, actual days of anchored month"},
    "erpnext": {"remainder": "last booking"},
    "gobl": {"tax_rounding": "stated per vector"},
}
"""The settings by which a profile is known: all of them must be stated."""

_PHRASES: Mapping[str, Mapping[str, Choices]] = {
    "interval": {"half_open": NOTATION, "inclusive_end": NOTATION},
    "money": {
        "half_up": {"rounding": RoundingMode.HALF_UP},
        "half_up 2 dp": {"rounding": RoundingMode.HALF_UP},
        "half_up cent": {"rounding": RoundingMode.HALF_UP},
        "half_up currency": {"rounding": RoundingMode.HALF_UP},
        "half_even": {"rounding": RoundingMode.HALF_EVEN},
        "half_even cent": {"rounding": RoundingMode.HALF_EVEN},
        "half_even currency": {"rounding": RoundingMode.HALF_EVEN},
        "half_down": {"rounding": RoundingMode.HALF_DOWN},
        "up": {"rounding": RoundingMode.UP},
        "down": {"rounding": RoundingMode.DOWN},
        "4 dp per entry": {"steps": StepPrecision.TWO_MORE},
        "integer cents or 2 dp": NOTATION,
    },
    "remainder": {
        "last booking": {"revenue_split": RevenueSplit.LAST_TAKES_REST},
        "stated per vector": NOTATION,
    },
    "tax_rounding": {
        "per line": {"tax_rounding": TaxRounding.PER_LINE},
        "per document": {"tax_rounding": TaxRounding.PER_DOCUMENT},
        "stated per vector": NOTATION,
    },
    "day_count": {
        "actual/actual_of_billing_period": {"day_count": DayCount.ACTUAL},
        "actual/actual_of_period": {"day_count": DayCount.ACTUAL},
        "actual/calendar_or_anniversary_period": {"day_count": DayCount.ACTUAL},
        "actual/calendar_month": {"day_count": DayCount.ACTUAL},
        "actual/365": {"day_count": DayCount.ACTUAL_365},
        "elapsed/elapsed": {"day_count": DayCount.ELAPSED},
        "30/360": {"day_count": DayCount.THIRTY_360},
        "month first, actual days of anchored month": {"day_count": DayCount.MONTHS_THEN_DAYS},
    },
    "resolution": {
        "day": NOTATION,
        "day in customer time zone": NOTATION,
        "second": {"day_count": DayCount.ELAPSED},
        "second (or day where stated)": {"day_count": DayCount.ELAPSED},
    },
    "anchor": {"bill_cycle_day clamped": NOTATION, "cycle kept, reset on interval change": NOTATION},
    "termination_day": {"billed, except upgrade day": NOTATION},
    "zero_usage": {
        "first tier flat charged": {"zero_usage": ZeroUsage.FIRST_FLAT_CHARGED},
        "not charged": {"zero_usage": ZeroUsage.NOT_CHARGED},
        "no first tier flat rule tested": NOTATION,
    },
}
"""What each phrase of each setting chooses."""

_FIXED_DAYS = re.compile(r"fixed (?:denominator of )?(\d+)[- ]days?(?: per)? month")
_DECIMAL_PLACES = re.compile(r"fraction half_up (?:scale )?(\d+)|(\d+)-decimal units")

_CLAUSES: tuple[tuple[re.Pattern[str], Choices], ...] = tuple(
    (re.compile(pattern), choices)
    for pattern, choices in (
        (r"^month first", {"day_count": DayCount.MONTHS_THEN_DAYS}),
        (
            r"currency rounding: every line",
            {"steps": StepPrecision.CURRENCY, "lines": LineRounding.ROUND_THEN_SUM},
        ),
        (
            r"^precise ru|^precise rounding",
            {"steps": StepPrecision.TWO_MORE, "lines": LineRounding.SUM_THEN_ROUND},
        ),
        (r"^sum then round", {"lines": LineRounding.SUM_THEN_ROUND}),
        (r"tax rounded per line|^tax per line", {"tax_rounding": TaxRounding.PER_LINE}),
        (r"net = gross/\(1\+rate\)", {"inclusive_tax": InclusiveTax.NET_ROUNDED}),
        (r"^net of round_tax = gross - tax", {"inclusive_tax": InclusiveTax.TAX_ROUNDED}),
        (
            r"by itself and the last month takes the remainder|residual to the last row",
            {"revenue_split": RevenueSplit.LAST_TAKES_REST},
        ),
        (r"round\(cumulative through month\)", {"revenue_split": RevenueSplit.CUMULATIVE}),
        (r"months weighted days_covered", {"revenue": RevenueGranularity.WEIGHTED_MONTHS}),
        (r"^end date on the first of a month adds no revenue", {"revenue": RevenueGranularity.EVEN_MONTHS}),
        (r"^by millisecond", {"revenue": RevenueGranularity.INSTANT}),
        (r"^by day|^per day|^daily ratable", {"revenue": RevenueGranularity.DAY}),
        (r"same add-on already paid is deducted", {"correction": Correction.NET_DOCUMENT}),
        (r"^largest remainder", {"split": AmountSplit.LARGEST_REMAINDER}),
    )
)
"""What a clause of a convention chooses over the settings; clauses are compared in lower case."""

_TRUNCATED = re.compile(r"figures are truncated")


def read_settings(settings: Mapping[str, str], convention: str = "") -> Settings:
    """The profile whose settings these are, changed where `settings` or `convention` say otherwise."""
    profile = _described_profile(settings)
    changes: dict[str, Any] = {}
    unknown: list[str] = []
    for key, phrase in settings.items():
        if (choices := _choices_of(key, phrase)) is None:
            unknown.append(f"{key}: {phrase}")
        else:
            changes |= choices
    prose: list[str] = []
    shown_by = RoundingMode.HALF_UP
    for clause in filter(None, (part.strip() for part in convention.split(";"))):
        if _TRUNCATED.search(clause.lower()):
            shown_by = RoundingMode.DOWN
        elif choices := _choices_of_clause(clause.lower()):
            changes |= choices
        else:
            prose.append(clause)
    policies = replace(profile, **changes)
    if policies != profile:
        policies = replace(policies, name=f"{profile.name}, as the case states")
    return Settings(policies, tuple(unknown), tuple(prose), shown_by)


def _described_profile(settings: Mapping[str, str]) -> Policies:
    """The profile whose signature is stated; of several the one known by most settings."""
    known_by = {
        name: len(signature)
        for name, signature in _SIGNATURES.items()
        if signature.items() <= settings.items()
    }
    return PROFILES[max(known_by, key=known_by.__getitem__)] if known_by else DEFAULT


def _choices_of(key: str, phrase: str) -> Choices | None:
    if key == "fraction" and (places := re.fullmatch(r"half_up (\d+) dp", phrase)):
        return {"fraction_places": int(places[1])}
    if key == "day_count" and (days := re.fullmatch(r"fixed (\d+) days per month", phrase)):
        return {"day_count": DayCount.FIXED_MONTH, "fixed_month_days": int(days[1])}
    return _PHRASES.get(key, {}).get(phrase)


def _choices_of_clause(clause: str) -> Choices:
    choices: dict[str, Any] = {}
    if days := _FIXED_DAYS.search(clause):
        choices |= {"day_count": DayCount.FIXED_MONTH, "fixed_month_days": int(days[1])}
    if places := _DECIMAL_PLACES.search(clause):
        choices |= {"fraction_places": int(places[1] or places[2])}
    for pattern, chosen in _CLAUSES:
        if pattern.search(clause):
            choices |= chosen
    return choices
