"""To how many decimals the steps inside a line are kept.

Does not belong here: rounding a line or a document to money (`lines`, `document`).
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import round_ratio
from integration_pipeline.billing.policies import Policies, StepPrecision


def step_places(value: Decimal, currency: str, policies: Policies) -> int | None:
    """The decimals (of currency units) of steps that start from `value`; None if they are exact.

    Two more than the currency's, or those of `value` itself if it states more, as in GOBL (bill/line.go).
    """
    exponent = minor_unit_exponent(currency)
    match policies.steps:
        case StepPrecision.EXACT:
            return None
        case StepPrecision.CURRENCY:
            return exponent
        case StepPrecision.TWO_MORE:
            return max(exponent + 2, -int(value.as_tuple().exponent))


def round_step(value: Decimal, currency: str, policies: Policies) -> Decimal:
    """`value` in currency units, as a step keeps it."""
    places = step_places(value, currency, policies)
    if places is None:
        return value
    numerator, denominator = value.as_integer_ratio()
    return Decimal(round_ratio(numerator * 10**places, denominator, policies.rounding)).scaleb(-places)
