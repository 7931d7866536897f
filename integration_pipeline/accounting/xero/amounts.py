"""What amounts Xero can hold.

Xero keeps unit prices of up to four decimals, and everything else in two, whatever the currency: its line
totals, taxes and totals are rounded to two (its guide "Rounding in Xero"), of dinars, too.
"""

from __future__ import annotations

from typing import Final

from integration_pipeline.billing.money import Money, minor_unit_exponent

_PLACES: Final = 2


def too_fine(*amounts: Money) -> str | None:
    """Why Xero cannot hold the first of these that it cannot, with what to do about it; None if it can."""
    for amount in amounts:
        extra = minor_unit_exponent(amount.currency) - _PLACES
        if extra > 0 and amount.minor % 10**extra:
            return (
                f"{amount.format()} has more than the two decimals Xero keeps in any currency; enter it in "
                "Xero by hand and say so with `targets settled`, or bill in whole hundredths from now on"
            )
    return None
