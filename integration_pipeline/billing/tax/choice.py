"""Which tax terms apply to a line, where the line, the customer and regions each state some.

Belongs here: that order of precedence. Does not belong here: finding out where a customer is established.
"""

from __future__ import annotations

from collections.abc import Sequence

from integration_pipeline.billing.tax.terms import TaxTerms, TaxTreatment
from integration_pipeline.billing.term_model import TermsModel
from integration_pipeline.billing.term_values import Identifier

NO_TAX = TaxTerms(treatment=TaxTreatment.EXEMPT)
"""For a line to which no rule applies."""


class RegionRule(TermsModel):
    """The taxes of a region, written from the widest to the narrowest part: `US`, `US-CA`, `US-CA-90210`."""

    region: Identifier
    tax: TaxTerms

    def covers(self, region: str) -> bool:
        """Whether `region` is this one or lies in it: `US` covers `US-CA`, not `USM`."""
        return region == self.region or region.startswith(f"{self.region}-")


def tax_for(
    line: TaxTerms | None,
    customer: TaxTerms | None = None,
    region: str | None = None,
    rules: Sequence[RegionRule] = (),
) -> TaxTerms:
    """The line's own terms, else the customer's, else the most specific rule for `region`, else `NO_TAX`.

    Of equal rules the first one stated is taken.
    """
    if line is not None:
        return line
    if customer is not None:
        return customer
    covering = [rule for rule in rules if region is not None and rule.covers(region)]
    return max(covering, key=lambda rule: len(rule.region)).tax if covering else NO_TAX
