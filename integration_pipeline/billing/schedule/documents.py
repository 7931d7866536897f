"""Documents: lines of one issue date become an invoice or a credit note, with discounts and tax.

Belongs here: which lines share a document, discounts on documents, tax, due dates. Does not belong here:
which lines there are (`slots`, `corrections`), the arithmetic of discounts (`discounts`) and tax (`tax`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
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
    RevenueTreatment,
)
from integration_pipeline.billing.money import Money, round_ratio
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import Correction, Policies
from integration_pipeline.billing.schedule.amounts import Part
from integration_pipeline.billing.schedule.corrections import Entry
from integration_pipeline.billing.schedule.rates import Rate
from integration_pipeline.billing.schedule.slots import Slot, SlotKey
from integration_pipeline.billing.schedule.taxation import taxed
from integration_pipeline.billing.schedule.wording import (
    AdjustmentBasis,
    ChargeBasis,
    CreditBasis,
    RoundingBasis,
    TrueUpBasis,
)
from integration_pipeline.billing.tax import NO_TAX, TaxableLine, TaxTerms
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.versions import TermsVersion, terms_known_on

_WHOLE = (1, 1)


def documents_of(
    entries: Mapping[date, Sequence[Entry]], versions: Sequence[TermsVersion], policies: Policies
) -> Iterator[PlannedInvoice]:
    """Documents by rising issue date; on one date the invoice comes before the credit note.

    What is not charged (amounts of zero) has no line, and a document without lines is none. What holds for a
    document as a whole (payment terms, discounts) is what was known on its day.
    """
    writer = _Writer(versions[0].terms, policies)
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
    discounted: dict[SlotKey, list[tuple[Period, Fraction]]] = field(
        default_factory=dict[SlotKey, list[tuple[Period, Fraction]]]
    )
    bases: dict[int, Basis] = field(default_factory=dict[int, Basis])
    written: int = 0

    @property
    def plain(self) -> bool:
        """Whether lines stand on their document as they are drafted: without tax, and no discount on top."""
        terms = self.terms
        return not terms.discounts and terms.tax is None and all(c.tax is None for c in terms.charges)

    def plain_invoice(self, day: date, entries: Sequence[Entry]) -> PlannedInvoice:
        """The invoice of charges that were never amended, taxed or discounted as a whole."""
        lines = tuple([self.line(entry) for entry in entries])
        total = Money(sum([entry.minor for entry in entries]), self.terms.currency)
        return PlannedInvoice(day, self.terms.payment_terms.due_date(day), lines, total)

    def drafted(self, entry: Entry) -> _Drafted:
        """The line of `entry` with the terms by which it is taxed: those it is or was charged under."""
        rate = _rate_of(entry)
        charge = entry.slot.charge if rate is None else rate.charge
        inherited = self.terms.tax if rate is None else rate.stretch.terms.tax
        return _Drafted(self.line(entry), entry, charge.tax or inherited or NO_TAX)

    def line(self, entry: Entry) -> PlannedLine:
        """One line, before document discounts and tax."""
        part = entry.part
        if entry.kind is LineKind.CHARGE and part is not None and entry.slot.milestone is None:
            slot, rate = entry.slot, part.rate
            charge = rate.stretch.charge
            return PlannedLine(
                charge.charge_id,
                charge.description,
                LineKind.CHARGE,
                part.period if slot.full is not None else slot.service,
                rate.quantity if type(rate.quantity) is Decimal else _shown(rate),
                rate.unit_price,
                rate.rounded if part.share == _WHOLE else Money(entry.minor, self.terms.currency),
                _treatment(slot),
                self._charge_basis(slot, part),
                rate.discount_percent,
                charge.product_code,
            )
        return self._other_line(entry)

    def _other_line(self, entry: Entry) -> PlannedLine:
        slot, part = entry.slot, entry.part
        rate = _rate_of(entry)
        period = slot.service
        basis: Basis
        description = slot.charge.description
        match entry.kind:
            case LineKind.CHARGE if part is not None:
                period = part.period if slot.full is not None else slot.service
                basis = self._charge_basis(slot, part)
                if slot.milestone is not None and slot.milestone.description:
                    description = slot.milestone.description
            case LineKind.CREDIT if part is not None:
                period = entry.unused or (part.period if slot.service is not None else None)
                basis = CreditBasis(slot, part, entry.unused, entry.minor, entry.reason, self.policies)
                description = f"Credit: {description}"
            case LineKind.ROUNDING if part is not None:
                period = part.period
                basis = RoundingBasis(part, entry.minor, entry.reason, self.policies)
                description = f"Rounding: {description}"
            case LineKind.ADJUSTMENT if entry.adjustment is not None:
                period = entry.adjustment.period
                basis = AdjustmentBasis(slot, entry.adjustment, self.policies)
                description = f"Late usage: {description}"
            case _:
                basis = TrueUpBasis(
                    slot, entry.bound, entry.minor, entry.trued_up, entry.reason, self.policies
                )
                description = f"{entry.bound.capitalize()}: {description}"
        charge = slot.charge if rate is None else rate.charge
        return PlannedLine(
            charge_id=charge.charge_id,
            description=description,
            kind=entry.kind,
            service_period=period,
            quantity=charge.quantity if rate is None else _shown(rate),
            unit_price=None if rate is None else rate.unit_price,
            amount=Money(entry.minor, self.terms.currency),
            revenue=_treatment(slot),
            basis=basis,
            discount_percent=Decimal(0) if rate is None else rate.discount_percent,
            product_code=charge.product_code,
        )

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

    def _charge_basis(self, slot: Slot, part: Part) -> Basis:
        """One for all full periods at the same rate: their words are the same but for the dates."""
        if part.share != _WHOLE or part.period is not slot.full:
            return ChargeBasis(slot, part, self.policies)
        key = id(part.rate)
        basis = self.bases.get(key)
        if basis is None:
            basis = self.bases[key] = ChargeBasis(slot, part, self.policies)
        return basis

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


def _rate_of(entry: Entry) -> Rate | None:
    """The rate that a line is or was charged at; None where nothing of its slot is left."""
    if entry.part is not None:
        return entry.part.rate
    if entry.adjustment is not None:
        return entry.adjustment.now
    return entry.slot.parts[0].rate if entry.slot.parts else None


def _treatment(slot: Slot) -> RevenueTreatment:
    if slot.service is None or slot.charge.billed_after_service:
        return RevenueTreatment.ON_INVOICE
    return RevenueTreatment.DEFERRED


def _shown(rate: Rate) -> Decimal:
    """The quantity as it stands on a line: twelve decimals of one that has no end."""
    quantity = rate.quantity
    if isinstance(quantity, Decimal):
        return quantity
    if quantity.denominator == 1:
        return Decimal(quantity.numerator)
    scaled = round(quantity * 10**12)
    return (Decimal(scaled) / 10**12).normalize()
