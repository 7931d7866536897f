"""Lines: what is charged, credited or made good becomes a line of a document to be.

Belongs here: the text, period, quantity and revenue treatment of a line, before tax and discounts on its
document (`documents`). Does not belong here: how much it is (`corrections`), its explanation (`wording`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from integration_pipeline.billing.invoices import Basis, LineKind, PlannedLine, RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule.amounts import Part
from integration_pipeline.billing.schedule.corrections import Entry
from integration_pipeline.billing.schedule.rates import Rate
from integration_pipeline.billing.schedule.slots import Slot
from integration_pipeline.billing.schedule.wording import (
    AdjustmentBasis,
    ChargeBasis,
    CreditBasis,
    RoundingBasis,
    TrueUpBasis,
)

_WHOLE = (1, 1)


@dataclass(slots=True)
class LineWriter:
    """Writes the lines of one contract; lines of full periods at one rate share their explanation."""

    currency: str
    policies: Policies
    _bases: dict[int, Basis] = field(default_factory=dict[int, Basis])

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
                rate.rounded if part.share == _WHOLE else Money(entry.minor, self.currency),
                _treatment(slot),
                self._charge_basis(slot, part),
                rate.discount_percent,
                charge.product_code,
            )
        return self._other_line(entry)

    def _other_line(self, entry: Entry) -> PlannedLine:
        slot, part = entry.slot, entry.part
        rate = rate_of_entry(entry)
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
            amount=Money(entry.minor, self.currency),
            revenue=_treatment(slot),
            basis=basis,
            discount_percent=Decimal(0) if rate is None else rate.discount_percent,
            product_code=charge.product_code,
        )

    def _charge_basis(self, slot: Slot, part: Part) -> Basis:
        """One for all full periods at the same rate: their words are the same but for the dates."""
        if part.share != _WHOLE or part.period is not slot.full:
            return ChargeBasis(slot, part, self.policies)
        key = id(part.rate)
        basis = self._bases.get(key)
        if basis is None:
            basis = self._bases[key] = ChargeBasis(slot, part, self.policies)
        return basis


def rate_of_entry(entry: Entry) -> Rate | None:
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
