"""Stripe's integers as Money.

Stripe counts most currencies in hundredths, some in whole units and some in thousandths, and its table is not
ISO 4217's: https://docs.stripe.com/currencies ("Minor units in API amounts", "Special cases").
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import exact_money

# ISK and UGX have no decimals either, and yet Stripe writes them with two, which are 00.
_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def stripe_money(amount: int, currency: str) -> Money:
    """`stripe_money(1250, "usd")` is 12.50 USD, `stripe_money(1250, "jpy")` 1,250 JPY.

    Raises ValueError for an amount the currency has no coins for, `UnknownCurrency`.
    """
    code = currency.upper()
    decimals = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    return exact_money(Decimal(amount).scaleb(-decimals), code)
