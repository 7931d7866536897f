"""What was invoiced, as credit notes need to know it.

Does not belong here: how it was computed (`totals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.tax.terms import TaxTerms
from integration_pipeline.billing.totals import DocumentTotals, LineAmount


@dataclass(frozen=True, slots=True)
class InvoicedTax:
    """A tax on a line. `percent` may be unknown (None) where the tax was computed elsewhere."""

    name: str
    percent: Decimal | None
    amount: Money


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    """A line before tax: `amount` less `discount`, its share of the document's discounts, and its taxes."""

    line_id: str
    amount: Money
    discount: Money
    taxes: tuple[InvoicedTax, ...] = ()

    @property
    def net(self) -> Money:
        """What is taxed."""
        return self.amount - self.discount

    @property
    def total(self) -> Money:
        """With tax."""
        return sum((tax.amount for tax in self.taxes), self.net)


def invoiced_lines(
    line_ids: Sequence[str],
    terms: Sequence[TaxTerms],
    totals: DocumentTotals,
    priced: Sequence[LineAmount] = (),
) -> tuple[InvoicedLine, ...]:
    """The lines of `totals`, in its order, under `line_ids` and with the tax `terms` they were computed by.

    `priced` says what the lines were before discounts of their own, so that these count as discounts too.
    Raises `ValueError` if there are not as many of each.
    """
    before = [line.priced for line in priced] or [line.net + line.discount for line in totals.lines]
    return tuple(
        InvoicedLine(
            line_id,
            amount,
            amount - line.net,
            tuple(
                InvoicedTax(rate.name, rate.percent, tax)
                for rate, tax in zip(term.rates, line.taxes, strict=True)
            ),
        )
        for line_id, term, amount, line in zip(line_ids, terms, before, totals.lines, strict=True)
    )
