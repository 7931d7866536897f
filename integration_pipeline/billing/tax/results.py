"""What computing the taxes of a document takes and gives.

Belongs here: the result types and their formulas for people. Does not belong here: computing (`computation`).
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.billing.money import Money, RoundingMode, format_exact, round_ratio
from integration_pipeline.billing.tax.terms import TaxRate, TaxTerms, TaxTreatment


@dataclass(frozen=True, slots=True)
class TaxableLine:
    """`numerator / denominator` minor units, as priced (with the taxes it includes), and its terms."""

    numerator: int
    denominator: int
    terms: TaxTerms


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """Whole minor units: `net`, and one amount per rate of its terms, in their order."""

    net: Money
    taxes: tuple[Money, ...]

    @property
    def tax(self) -> Money:
        """All taxes of the line."""
        return Money(sum(tax.minor for tax in self.taxes), self.net.currency)


@dataclass(frozen=True, slots=True)
class TaxGroup:
    """One rate over a document.

    `tax` is what its lines' shares add up to. `base_exact` and `tax_exact` are numerators over `denominator`,
    in minor units: what would be taxed and owed if nothing were rounded (per line: the sum of the rounded).
    """

    rate: TaxRate
    treatment: TaxTreatment
    tax: Money
    base_exact: int
    tax_exact: int
    denominator: int
    rounding: RoundingMode
    per_line: bool

    @property
    def base(self) -> Money:
        """What is taxed, rounded by itself."""
        return self._rounded(self.base_exact)

    @property
    def tax_alone(self) -> Money:
        """The tax rounded by itself: differs from `tax` by a minor unit where only the total is rounded."""
        return self._rounded(self.tax_exact)

    @property
    def formula(self) -> str:
        """`9.975 % of 4,495.16 USD = 448.39221 USD → 448.39 USD, half up`."""
        currency = self.tax.currency
        base = format_exact(self.base_exact, self.denominator, currency)
        if self.treatment is TaxTreatment.REVERSE_CHARGE:
            return f"{self.rate.percent:f} % of {base}, owed by the customer (reverse charge)"
        compound = f" (net + {' + '.join(self.rate.on)})" if self.rate.on else ""
        if self.per_line:
            taken = f"{self.rate.percent:f} % of {base}{compound}"
            return f"{taken}, {self.rounding} on every line = {self.tax.format()}"
        exact = format_exact(self.tax_exact, self.denominator, currency)
        text = f"{self.rate.percent:f} % of {base}{compound} = {exact}"
        if self.tax_exact == self.tax.minor * self.denominator:
            return text
        tied = "" if self.tax == self.tax_alone else ", tied to the document's tax"
        return f"{text} → {self.tax.format()}, {self.rounding}{tied}"

    def _rounded(self, exact: int) -> Money:
        return Money(round_ratio(exact, self.denominator, self.rounding), self.tax.currency)


@dataclass(frozen=True, slots=True)
class TaxedDocument:
    """Lines in the order given, groups in the order of first use.

    Always: the lines' nets add up to `net`, their taxes and the groups' to `tax`, and net + tax + `rounding`
    is `total`. `rounding` is zero unless the total is rounded from exact sums, and then at most one unit.
    """

    lines: tuple[TaxedLine, ...]
    groups: tuple[TaxGroup, ...]
    net: Money
    tax: Money
    rounding: Money
    total: Money
