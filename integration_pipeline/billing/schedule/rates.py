"""Rates: what a full billing period of a charge costs in one phase, exactly.

Belongs here: quantity, price, uplift and line discounts of a phase. Does not belong here: parts of a period
(`amounts`), which phase a day lies in (`timeline`), the price models themselves (`pricing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from integration_pipeline.billing.discounts.application import TakenDiscount, apply_discounts
from integration_pipeline.billing.discounts.terms import Discount
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, format_exact, round_ratio
from integration_pipeline.billing.policies import Policies, StepPrecision
from integration_pipeline.billing.pricing import ExactPrice, PerUnitPrice, PriceModel, Quantity, rate
from integration_pipeline.billing.pricing.base import CountedPrice
from integration_pipeline.billing.schedule.timeline import Stretch
from integration_pipeline.billing.terms import Charge, Phase
from integration_pipeline.billing.terms.contract import MAX_PERIOD_PRICE

_STEP_SCALE = {StepPrecision.CURRENCY: 1, StepPrecision.TWO_MORE: 100}


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """`numerator / denominator` minor units for one full period, after line discounts; `gross` is before.

    `unit_price` is None where a price model has more than one; it is the one agreed, before any uplift.
    """

    stretch: Stretch
    phase: Phase | None
    quantity: Quantity
    unit_price: Decimal | None
    discount_percent: Decimal
    gross: ExactPrice
    numerator: int
    denominator: int
    rounded: Money
    """The price of a full period."""
    discounts: tuple[TakenDiscount, ...] = ()
    note: str | None = None
    """How the quantity that is priced came about, where it is not the one stated or used."""

    @property
    def charge(self) -> Charge:
        return self.stretch.charge

    @property
    def phase_name(self) -> str | None:
        """The name of the phase, if it has one."""
        return None if self.phase is None else self.phase.name

    def same_as(self, other: Rate) -> bool:
        """Whether both bill the same: the price of a period, and what stands on the line."""
        return self is other or (
            self.numerator * other.denominator == other.numerator * self.denominator
            and self.quantity == other.quantity
            and self.unit_price == other.unit_price
            and self.discount_percent == other.discount_percent
        )

    @property
    def minor(self) -> int:
        """The price of a full period in minor units."""
        return self.rounded.minor

    @property
    def formula(self) -> str:
        """`3 seats × 120.00 USD × (100 − 10) %`."""
        written = self.gross.formula
        if self.charge.unit and " × " in written:
            head, tail = written.split(" × ", 1)
            written = f"{head} {self.charge.unit} × {tail}"
        uplifts = _uplifts(self.stretch)
        if self.discount_percent or uplifts:
            written = f"({written})" if " + " in written or " − " in written else written
        for uplift in uplifts:
            written += f" × (100 + {uplift:f}) %"
        if self.discount_percent:
            written += f" × (100 − {self.discount_percent:f}) %"
        for taken in self.discounts:
            off = format_exact(taken.numerator, taken.denominator, self.gross.currency)
            written = f"({written} − {taken.discount.label}: {off})"
        return written if self.note is None else f"{written} ({self.note})"


def rate_of(
    stretch: Stretch,
    phase: Phase | None,
    currency: str,
    policies: Policies,
    discounts: Sequence[Discount] = (),
) -> Rate:
    """The rate of a phase whose quantity the terms state, with those of its discounts that apply."""
    charge = stretch.charge
    quantity = charge.quantity if phase is None or phase.quantity is None else phase.quantity
    return rate_for(stretch, phase, quantity, currency, policies, discounts)


def rate_for(
    stretch: Stretch,
    phase: Phase | None,
    quantity: Quantity,
    currency: str,
    policies: Policies,
    discounts: Sequence[Discount] = (),
    *,
    included_apart: bool = False,
    note: str | None = None,
) -> Rate:
    """The rate of a phase for a quantity, stated or used; `note` says how that quantity came about.

    With `included_apart` what the price includes was taken off the quantity before.
    """
    charge = stretch.charge
    unit_price, model, discount = price_terms(charge, phase)
    if included_apart and isinstance(model, CountedPrice):
        model = model.model_copy(update={"included_quantity": Decimal(0)})
    if unit_price is not None:
        gross = rate(_per_unit(str(unit_price)), quantity, currency, policies)
    elif model is not None:
        gross = rate(model, quantity, currency, policies)
        unit_price = model.unit_price if isinstance(model, PerUnitPrice) else None
    else:
        raise ValueError(f"charge {charge.charge_id} has no price")
    numerator, denominator = gross.numerator, gross.denominator
    for uplift in _uplifts(stretch):
        raised, unit = (100 + uplift).as_integer_ratio()
        numerator *= raised
        denominator *= unit * 100
    if policies.steps is not StepPrecision.EXACT:
        numerator, denominator = _stepped(numerator, denominator, policies)
    if discount:
        paid, paid_unit = (100 - discount).as_integer_ratio()
        numerator, denominator = numerator * paid, denominator * paid_unit * 100
        if policies.steps is not StepPrecision.EXACT:
            numerator, denominator = _stepped(numerator, denominator, policies)
    taken: tuple[TakenDiscount, ...] = ()
    if discounts:
        left = apply_discounts(numerator, denominator, discounts, currency, policies)
        numerator, denominator, taken = left.numerator, left.denominator, left.taken
    if abs(numerator) > MAX_PERIOD_PRICE * denominator:
        raise InvalidTerms(
            [
                (
                    f"charge {charge.charge_id[:80]}",
                    f"a period of {quantity} units costs more than books can hold",
                )
            ],
            stretch.terms.contract_id,
        )
    rounded = Money(round_ratio(numerator, denominator, policies.rounding), currency)
    return Rate(
        stretch, phase, quantity, unit_price, discount, gross, numerator, denominator, rounded, taken, note
    )


def _uplifts(stretch: Stretch) -> Sequence[Decimal]:
    """The percentages by which prices were raised: stated ones first, then one per automatic renewal."""
    renewal = stretch.terms.renewal
    if not stretch.renewals or renewal is None or not renewal.uplift_percent:
        return stretch.charge.uplifts
    return (*stretch.charge.uplifts, *(renewal.uplift_percent,) * stretch.renewals)


def price_terms(charge: Charge, phase: Phase | None) -> tuple[Decimal | None, PriceModel | None, Decimal]:
    """Unit price, price model and percentage off that hold in a phase."""
    unit_price, model, discount = charge.unit_price, charge.price, charge.discount_percent
    if phase is not None:
        if phase.unit_price is not None or phase.price is not None:
            unit_price, model = phase.unit_price, phase.price
        if phase.discount_percent is not None:
            discount = phase.discount_percent
        if phase.free:
            discount = Decimal(100)
    return unit_price, model, discount


@lru_cache(maxsize=4096)
def _per_unit(unit_price: str) -> PerUnitPrice:
    """By the price as it is written: 10 and 10.00 are equal, and a formula shows the one that was agreed."""
    return PerUnitPrice(unit_price=Decimal(unit_price))


def _stepped(numerator: int, denominator: int, policies: Policies) -> tuple[int, int]:
    """Rounded to the places that `policies` keep within a line; exact under the default."""
    scale = _STEP_SCALE.get(policies.steps)
    if scale is None:
        return numerator, denominator
    return round_ratio(numerator * scale, denominator, policies.rounding), scale
