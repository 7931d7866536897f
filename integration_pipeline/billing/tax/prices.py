"""A unit price without the tax it includes.

Belongs here: taking tax out of a price before it is multiplied. Does not belong here: taking it out of the
lines of a document (`computation`), which is what keeps the price the customer was told.
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import round_ratio
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.tax.terms import TaxTerms

_PLACES_MORE = 2


def without_included_tax(unit_price: Decimal, terms: TaxTerms, currency: str, policies: Policies) -> Decimal:
    """`unit_price` in currency units, net, to two places more than it and its currency have.

    That is how GOBL removes included taxes (bill/line.go): 10.00 including 13 % is 8.8496, and twelve of them
    are 106.1952. A price that includes nothing is returned as it is.
    """
    factors = terms.factors
    if not factors.inside:
        return unit_price
    stated = -int(unit_price.as_tuple().exponent)
    places = max(stated, minor_unit_exponent(currency)) + _PLACES_MORE
    numerator, denominator = unit_price.as_integer_ratio()
    net = round_ratio(
        numerator * factors.net * 10**places, denominator * factors.denominator, policies.rounding
    )
    return Decimal(net).scaleb(-places)
