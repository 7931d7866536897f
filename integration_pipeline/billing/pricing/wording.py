"""How quantities, prices and percentages are written in formulas.

Does not belong here: which of them a formula is made of.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def price_text(price: Decimal, exponent: int) -> str:
    """With the decimals the contract states, and at least those of the currency: 120 in USD is `120.00`."""
    stated = -int(price.as_tuple().exponent)
    return f"{price:,.{max(stated, exponent)}f}"


def percent_text(percent: Decimal) -> str:
    """`1.3 %`."""
    return f"{percent:,f} %"


def counted(quantity: Fraction, at_least: int = 0) -> str:
    """`65,000`, `198.6`, `596/3` where no decimals end: exact, whatever the quantity was divided by."""
    places = _decimal_places(quantity.denominator)
    if places is None:
        return str(quantity)
    digits = abs(quantity.numerator) * 10**places // quantity.denominator
    whole, part = divmod(digits, 10**places)
    sign = "-" if quantity < 0 else ""
    shown = max(places, at_least)
    decimals = f".{part:0{places}d}".ljust(shown + 1, "0") if places else f".{'0' * shown}"
    return f"{sign}{whole:,}{decimals if shown else ''}"


def _decimal_places(denominator: int) -> int | None:
    """How many decimals 1/denominator has; None where they do not end."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    return max(twos, fives) if denominator == 1 else None
