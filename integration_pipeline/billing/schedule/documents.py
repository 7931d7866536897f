"""Documents: lines of one issue date become an invoice or a credit note, with discounts and tax.

Belongs here: which lines share a document, discounts on documents, tax, due dates. Does not belong here:
which lines there are (`slots`, `corrections`), the arithmetic of discounts (`discounts`) and tax (`tax`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from integration_pipeline.billing.discounts.application import apply_discounts
from integration_pipeline.billing.discounts.sharing import distribute
from integration_pipeline.billing.discounts.terms import active_discounts
from integration_pipeline.billing.explanation import Explanation
from integration_pipeline.billing.invoices import (
    Basis,
    DocumentKind,
    LineKind,
    LineTax,
    PlannedInvoice,
    PlannedLine,
)
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Correction, Policies
from integration_pipeline.billing.schedule.corrections import Entry
from integration_pipeline.billing.schedule.lines import LineWriter, rate_of_entry
from integration_pipeline.billing.schedule.slots import SlotKey
from integration_pipeline.billing.schedule.taxation import taxed
from integration_pipeline.billing.tax import NO_TAX, TaxableLine, TaxTerms
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.versions import TermsVersion, terms_known_on


def documents_of(
    entries: Mapping[date, Sequence[Entry]], versions: Sequence[TermsVersion], policies: Policies
) -> Iterator[PlannedInvoice]:
    """Documents by rising issue date; on one date the invoice comes before the credit note.

    What is not charged (amounts of zero) has no line, and a document without lines is none. What holds for a
    document as a whole (payment terms, discounts) is what was known on its day.
    """
    terms = versions[0].terms
    writer = _Writer(terms, policies, LineWriter(terms.currency, policies))
    if len(versions) == 1 and writer.plain:
        for day in sorted(entries):
            yield writer.plain_invoice(day, entries[day])
        return
    for day in sorted(entries):
        writer.terms = terms_known_on(day, versions)
        lines = [writer.drafted(entry) for entry in entries[day]]
        if policies.correction is Correction.CREDIT_NOTE:
            credited = [line for line in lines if line.planned.kind is LineKind.CREDIT]
            charged = [line for line in lines if line.planned.kind is not LineKind.CREDIT]
            yield from writer.documents(day, charged, DocumentKind.INVOICE)
            yield from writer.documents(day, credited, DocumentKind.CREDIT_NOTE)
            continue
        net = sum(line.planned.amount.minor for line in lines)
        corrects = any(line.planned.kind is LineKind.CREDIT for line in lines)
        kind = DocumentKind.CREDIT_NOTE if corrects and net < 0 else DocumentKind.INVOICE
        yield from writer.documents(day, lines, kind)


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A line before document discounts and tax."""

    planned: PlannedLine
    entry: Entry
    tax: TaxTerms


@dataclass(slots=True)
class _Writer:
    """Writes the documents of one contract in the order of their dates.

    `discounted` remembers by slot which share of the days charged a document discount took, for their credit.
    """

    terms: ContractTerms
    policies: Policies
    lines: LineWriter
    discounted: dict[SlotKey, list[tuple[Period, Fraction]]] = field(
        default_factory=dict[SlotKey, list[tuple[Period, Fraction]]]
    )
    written: int = 0

    @property
    def plain(self) -> bool:
        """Whether lines stand on their document as they are drafted: without tax, and no discount on top."""
        terms = self.terms
        return not terms.discounts and terms.tax is None and all(c.tax is None for c in terms.charges)

    def plain_invoice(self, day: date, entries: Sequence[Entry]) -> PlannedInvoice:
        """The invoice of charges that were never amended, taxed or discounted as a whole."""
        lines = tuple([self.lines.line(entry) for entry in entries])
        total = Money(sum([entry.minor for entry in entries]), self.terms.currency)
        return PlannedInvoice(day, self.terms.payment_terms.due_date(day), lines, total)

    def drafted(self, entry: Entry) -> _Drafted:
        """The line of `entry` with the terms by which it is taxed: those it is or was charged under."""
        rate = rate_of_entry(entry)
        charge = entry.slot.charge if rate is None else rate.charge
        inherited = self.terms.tax if rate is None else rate.stretch.terms.tax
        return _Drafted(self.lines.line(entry), entry, charge.tax or inherited or NO_TAX)

    def documents(
        self, day: date, drafted: Sequence[_Drafted], kind: DocumentKind
    ) -> Iterator[PlannedInvoice]:
        """At most one document of these lines."""
        if not drafted:
            return
        lines = self._less_discounts(day, drafted) if self.terms.discounts else list(drafted)
        self.written += kind is DocumentKind.INVOICE
        currency = self.terms.currency
        planned = tuple(line.planned for line in lines)
        taxes: tuple[LineTax, ...] = ()
        if any(line.tax is not NO_TAX for line in lines):
            priced = [TaxableLine(line.planned.amount.minor, 1, line.tax) for line in lines]
            planned, taxes = taxed(planned, priced, currency, self.policies)
        yield PlannedInvoice(
            issue_date=day,
            due_date=day if kind is DocumentKind.CREDIT_NOTE else self.terms.payment_terms.due_date(day),
            lines=planned,
            total=Money(sum(line.amount.minor for line in planned), currency),
            kind=kind,
            taxes=taxes,
        )

    def _less_discounts(self, day: date, drafted: Sequence[_Drafted]) -> list[_Drafted]:
        """Document discounts in their order, shared out over the charges; credits give back their share."""
        lines = [self._credit_less_share(line) for line in drafted]
        amounts = [
            line.planned.amount
            if line.planned.kind is not LineKind.CREDIT
            else Money(0, line.planned.amount.currency)
            for line in lines
        ]
        discounts = active_discounts(self.terms.discounts, day, self.terms.start, self.written)
        base = sum(max(amount.minor, 0) for amount in amounts)
        if not discounts or not base:
            return lines
        left = apply_discounts(base, 1, discounts, self.terms.currency, self.policies)
        rest = round_ratio(left.numerator, left.denominator, self.policies.rounding)
        label = ", ".join(discount.label for discount in discounts)
        shares = distribute(Money(base - rest, self.terms.currency), amounts)
        return [
            self._less_share(line, share, label) if share else line
            for line, share in zip(lines, shares, strict=True)
        ]

    def _less_share(self, line: _Drafted, share: Money, label: str) -> _Drafted:
        amount = line.planned.amount
        if line.entry.part is not None:
            taken = line.entry.part.period, Fraction(share.minor, amount.minor)
            self.discounted.setdefault(line.entry.slot.key, []).append(taken)
        basis = DocumentDiscountBasis(line.planned.basis, amount, share, label)
        return replace(line, planned=line.planned._replace(amount=amount - share, basis=basis))

    def _share_taken(self, entry: Entry) -> Fraction:
        """The share that the last invoice of the days which `entry` credits had off."""
        if entry.part is None:
            return Fraction(0)
        day = (entry.unused or entry.part.period).start
        taken = reversed(self.discounted.get(entry.slot.key, []))
        return next((fraction for period, fraction in taken if day in period), Fraction(0))

    def _credit_less_share(self, line: _Drafted) -> _Drafted:
        amount = line.planned.amount
        fraction = self._share_taken(line.entry)
        if line.planned.kind is not LineKind.CREDIT or not fraction:
            return line
        exact = amount.minor * fraction
        share = Money(
            round_ratio(exact.numerator, exact.denominator, self.policies.rounding), amount.currency
        )
        basis = DocumentDiscountBasis(line.planned.basis, amount, share, "the discount it was invoiced with")
        return replace(line, planned=line.planned._replace(amount=amount - share, basis=basis))


@dataclass(frozen=True, slots=True)
class DocumentDiscountBasis:
    """A line of a document that has a discount as a whole."""

    inner: Basis
    amount: Money
    share: Money
    label: str

    def explain(self) -> Explanation:
        explained = self.inner.explain()
        net = self.amount - self.share
        return replace(
            explained,
            formula=(
                f"{explained.formula}; less its share of {self.label} off the document, "
                f"{self.share.format()} = {net.format()}"
            ),
            rounding=explained.rounding or "shares of a document discount: largest remainder",
        )
