"""Partial credit notes whose discounts and taxes are shares of the invoiced ones.

Belongs here: computing one note from the invoice and the notes before it. Does not belong here: numbering,
posting, or how much is to be credited (`unused`, or whoever decides).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm

from integration_pipeline.billing.credits.invoiced import InvoicedLine, InvoicedTax
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money, round_ratio, tie_to_total
from integration_pipeline.billing.policies import CreditTax, Policies


@dataclass(frozen=True, slots=True)
class Credit:
    """What is to be credited of a line: `amount` exact minor units, before discount and tax."""

    line_id: str
    amount: Fraction


@dataclass(frozen=True, slots=True)
class CreditNoteLine:
    """What a note takes back of a line, in positive amounts."""

    line_id: str
    amount: Money
    discount: Money
    taxes: tuple[InvoicedTax, ...]


@dataclass(frozen=True, slots=True)
class CreditNote:
    """Positive amounts. Always: amount − discount = net, net + tax = total."""

    currency: str
    lines: tuple[CreditNoteLine, ...]

    @property
    def amount(self) -> Money:
        """Credited before discount and tax."""
        return self._sum(line.amount for line in self.lines)

    @property
    def discount(self) -> Money:
        """The discount that goes with it."""
        return self._sum(line.discount for line in self.lines)

    @property
    def net(self) -> Money:
        """Credited before tax."""
        return self.amount - self.discount

    @property
    def tax(self) -> Money:
        """All taxes."""
        return self._sum(tax.amount for line in self.lines for tax in line.taxes)

    @property
    def total(self) -> Money:
        """What the customer gets back or no longer owes."""
        return self.net + self.tax

    def tax_named(self, name: str) -> Money:
        """One tax over all lines."""
        return self._sum(tax.amount for line in self.lines for tax in line.taxes if tax.name == name)

    def _sum(self, amounts: Iterable[Money]) -> Money:
        return sum(amounts, Money(0, self.currency))


def credit_note(
    invoice: Sequence[InvoicedLine],
    asked: Sequence[Credit],
    issued: Sequence[CreditNote],
    policies: Policies,
) -> CreditNote:
    """A note that takes back what is `asked`, after the notes `issued` for the same invoice.

    - A credit is at most what earlier notes left of its line.
    - Discount and taxes are the credited share of the line's; the note that completes a line takes what is
      left of them. Under `CreditTax.RECOMPUTED` tax is the rate on the credited net amount instead, rounded
      per tax and note, and the note that completes the invoice takes what is left.
    - Lines of which nothing is left to credit are left out: a note may have no lines.

    Raises `BillingError` for a line that was not invoiced, a negative credit, or two credits of one line.
    """
    if not invoice:
        raise BillingError("an invoice without lines has nothing to credit")
    by_id = {line.line_id: line for line in invoice}
    wanted = _by_line(asked, by_id)
    drafted = [
        _draft(line, wanted[line.line_id], issued, policies) for line in invoice if line.line_id in wanted
    ]
    drafts = [draft for draft in drafted if draft is not None]
    if policies.credit_tax is CreditTax.RECOMPUTED:
        taxes = _recomputed_taxes(invoice, drafts, issued, policies)
    else:
        taxes = [list(_prorated_taxes(draft, issued, policies)) for draft in drafts]
    return CreditNote(
        invoice[0].amount.currency,
        tuple(
            CreditNoteLine(
                draft.line.line_id,
                draft.amount,
                draft.discount,
                tuple(
                    InvoicedTax(tax.name, tax.percent, amount)
                    for tax, amount in zip(draft.line.taxes, amounts, strict=True)
                ),
            )
            for draft, amounts in zip(drafts, taxes, strict=True)
        ),
    )


def credited_tax(notes: Sequence[CreditNote]) -> Money:
    """The tax of several notes for one invoice. Raises `BillingError` if there are none."""
    if not notes:
        raise BillingError("without credit notes there is no credited tax, nor a currency to say so in")
    return sum((note.tax for note in notes), Money(0, notes[0].currency))


@dataclass(frozen=True, slots=True)
class _Draft:
    """A line of the note before its taxes. `share` is exact, of the invoiced line."""

    line: InvoicedLine
    share: Fraction
    amount: Money
    discount: Money
    completes_line: bool


def _by_line(asked: Sequence[Credit], invoiced: dict[str, InvoicedLine]) -> dict[str, Fraction]:
    wanted: dict[str, Fraction] = {}
    for credit in asked:
        line = f"line {credit.line_id[:80]!r}"
        if credit.line_id not in invoiced:
            raise BillingError(f"{line} was not invoiced; credit a line of the invoice")
        if credit.line_id in wanted:
            raise BillingError(f"{line} is credited twice in one note; add the credits up")
        if credit.amount < 0:
            raise BillingError(f"{line}: a credit of {credit.amount} is negative; invoice it instead")
        wanted[credit.line_id] = credit.amount
    return wanted


def _draft(
    line: InvoicedLine, asked: Fraction, issued: Sequence[CreditNote], policies: Policies
) -> _Draft | None:
    before = list(_issued_lines(line.line_id, issued))
    currency = line.amount.currency
    left = line.amount.minor - sum(part.amount.minor for part in before)
    if left <= 0:
        return None
    exact = min(asked, Fraction(left))
    minor = round_ratio(exact.numerator, exact.denominator, policies.rounding)
    if minor == 0:
        return None
    share = exact / line.amount.minor
    discount_left = line.discount.minor - sum(part.discount.minor for part in before)
    if minor == left:
        discount = discount_left
    else:
        off = share * line.discount.minor
        discount = min(round_ratio(off.numerator, off.denominator, policies.rounding), discount_left)
    return _Draft(line, share, Money(minor, currency), Money(discount, currency), minor == left)


def _prorated_taxes(draft: _Draft, issued: Sequence[CreditNote], policies: Policies) -> Iterator[Money]:
    """The credited share of the line's taxes: their sum is rounded, they tie to it, within what is left."""
    taxes, share = draft.line.taxes, draft.share
    exact = [share.numerator * tax.amount.minor for tax in taxes]
    whole = round_ratio(sum(exact), share.denominator, policies.rounding)
    before = list(_issued_lines(draft.line.line_id, issued))
    for position, part in enumerate(tie_to_total(exact, share.denominator, whole)):
        left = taxes[position].amount.minor - sum(line.taxes[position].amount.minor for line in before)
        yield Money(left if draft.completes_line else _within(part, left), draft.amount.currency)


def _recomputed_taxes(
    invoice: Sequence[InvoicedLine],
    drafts: Sequence[_Draft],
    issued: Sequence[CreditNote],
    policies: Policies,
) -> list[list[Money]]:
    """Each rate on the exact net amount of the note's lines, rounded once and shared out to them."""
    completes_invoice = _completes(invoice, drafts, issued)
    rates = dict.fromkeys(_rate(tax) for draft in drafts for tax in draft.line.taxes)
    shares: dict[_Rate, Iterator[int]] = {}
    for rate in rates:
        exact = [
            _recomputed(draft, tax) for draft in drafts for tax in draft.line.taxes if _rate(tax) == rate
        ]
        whole = sum(exact, Fraction(0))
        left = _left_of_tax(rate, invoice, issued)
        rounded = round_ratio(whole.numerator, whole.denominator, policies.rounding)
        scale = lcm(*(part.denominator for part in exact))
        numerators = [part.numerator * (scale // part.denominator) for part in exact]
        shares[rate] = iter(
            tie_to_total(numerators, scale, left if completes_invoice else _within(rounded, left))
        )
    return [
        [Money(next(shares[_rate(tax)]), draft.amount.currency) for tax in draft.line.taxes]
        for draft in drafts
    ]


_Rate = tuple[str, Decimal | None]


def _rate(tax: InvoicedTax) -> _Rate:
    return tax.name, tax.percent


def _recomputed(draft: _Draft, tax: InvoicedTax) -> Fraction:
    if tax.percent is None:
        # A tax computed elsewhere has no rate to apply: its credited share is all that is known.
        return draft.share * tax.amount.minor
    return draft.share * draft.line.net.minor * Fraction(tax.percent) / 100


def _left_of_tax(rate: _Rate, invoice: Sequence[InvoicedLine], issued: Sequence[CreditNote]) -> int:
    invoiced = sum(tax.amount.minor for line in invoice for tax in line.taxes if _rate(tax) == rate)
    credited = (line for note in issued for line in note.lines)
    return invoiced - sum(tax.amount.minor for line in credited for tax in line.taxes if _rate(tax) == rate)


def _within(part: int, left: int) -> int:
    """`part`, but never beyond what is `left`; a withheld tax is negative, and so is what is left of it."""
    return min(part, left) if left >= 0 else max(part, left)


def _completes(
    invoice: Sequence[InvoicedLine], drafts: Sequence[_Draft], issued: Sequence[CreditNote]
) -> bool:
    credited = sum(draft.amount.minor for draft in drafts) + sum(note.amount.minor for note in issued)
    return credited == sum(line.amount.minor for line in invoice if line.amount.minor > 0)


def _issued_lines(line_id: str, issued: Sequence[CreditNote]) -> Iterator[CreditNoteLine]:
    return (line for note in issued for line in note.lines if line.line_id == line_id)
