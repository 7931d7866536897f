"""Tax on the lines of one document.

Belongs here: planned lines with their taxes, and the words for prices that include some. Does not belong
here: computing taxes (`tax`), which lines share a document (`documents`, `consolidation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from integration_pipeline.billing.explanation import Explanation
from integration_pipeline.billing.invoices import Basis, LineTax, PlannedLine
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.tax import NO_TAX, TaxableLine, TaxedLine, TaxGroup, compute_taxes


def taxed(
    lines: Sequence[PlannedLine], taxables: Sequence[TaxableLine], currency: str, policies: Policies
) -> tuple[tuple[PlannedLine, ...], tuple[LineTax, ...]]:
    """The lines net of what their prices include, each with its taxes; and the document's taxes by rate.

    `taxables` say what each line is priced at and by which terms it is taxed. Lines may have been taxed
    before, on another document: only `taxables` count.
    """
    document = compute_taxes(taxables, currency, policies)
    planned: list[PlannedLine] = []
    for line, taxable, result in zip(lines, taxables, document.lines, strict=True):
        taxes = _taxes_of_line(taxable, result)
        basis = line.basis.inner if isinstance(line.basis, IncludedTaxBasis) else line.basis
        if result.net.minor * taxable.denominator != taxable.numerator:
            names = ", ".join(f"{tax.name} {tax.percent:f} %" for tax in taxes)
            price = Money(taxable.numerator // taxable.denominator, currency)
            basis = IncludedTaxBasis(basis, price, result.net, names)
        planned.append(line._replace(amount=result.net, taxes=taxes, basis=basis, taxable=taxable))
    return tuple(planned), tuple(
        LineTax(group.rate.name, group.rate.percent, group.base, group.tax) for group in document.groups
    )


def tax_groups(lines: Sequence[PlannedLine], currency: str, policies: Policies) -> tuple[TaxGroup, ...]:
    """The taxes of the document of these lines, each with its formula, in the order of its `taxes`."""
    if all(line.taxable is None for line in lines):
        return ()
    return compute_taxes([taxable_of(line) for line in lines], currency, policies).groups


def taxable_of(line: PlannedLine) -> TaxableLine:
    """What the taxes of a line are computed from; one of a document without tax has none."""
    return line.taxable or TaxableLine(line.amount.minor, 1, NO_TAX)


def _taxes_of_line(taxable: TaxableLine, result: TaxedLine) -> tuple[LineTax, ...]:
    amounts = {rate.name: amount for rate, amount in zip(taxable.terms.rates, result.taxes, strict=True)}
    return tuple(
        LineTax(
            rate.name,
            rate.percent,
            sum((amounts[name] for name in dict.fromkeys(rate.on)), result.net),
            amounts[rate.name],
        )
        for rate in taxable.terms.rates
    )


@dataclass(frozen=True, slots=True)
class IncludedTaxBasis:
    """A line whose price includes tax: its net amount is what is left."""

    inner: Basis
    gross: Money
    net: Money
    names: str

    def explain(self) -> Explanation:
        explained = self.inner.explain()
        tax = self.gross - self.net
        return replace(
            explained,
            formula=f"{explained.formula}; includes {self.names} of {tax.format()}, net {self.net.format()}",
        )
