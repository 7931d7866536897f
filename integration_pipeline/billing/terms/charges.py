"""Charges: what is charged for, at which price, how often.

Belongs here: the shape of a charge and what contradicts itself within it. Does not belong here: what
contradicts the contract (`contract`), what a price model computes (`pricing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, cast

from pydantic import Field, model_validator

from integration_pipeline.billing.discounts import Discount
from integration_pipeline.billing.pricing.models import PriceModel
from integration_pipeline.billing.tax.terms import TaxTerms
from integration_pipeline.billing.term_model import FieldSource, Problem, Sources, TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDate, TermDecimal, Text
from integration_pipeline.billing.terms.phases import Phase, phase_problems
from integration_pipeline.billing.terms.timing import Anchor, Frequency, Recurrence, Stub, Timing
from integration_pipeline.billing.usage.metrics import Metric

MAX_PHASES = 200
MAX_MILESTONES = 200


class Milestone(TermsModel):
    """A share or an amount of a charge that is invoiced on `date`, whatever else recurs."""

    date: TermDate
    description: Text | None = None
    percent: TermDecimal | None = None
    amount: TermDecimal | None = None


class Charge(TermsModel):
    """One thing that is charged for, per billing period of `frequency`.

    Its price is `unit_price` per unit of `quantity`, or a `price` model. With a `metric` the quantity is what
    was used in each service period, and the charge is billed in arrears. `start` and `end` (exclusive)
    override the contract's. A one-time charge is invoiced on its start whatever its timing; it has a service
    period only if it states its own `end`. Its price may be invoiced by `milestones` instead. `unit` names
    what is counted ("seats"). `uplifts` are percentages by which all its prices were raised, one after the
    other. `minimum` and `maximum` are amounts per full billing period. `prepaid_quantity`
    is used up before anything else is charged.
    """

    charge_id: Identifier
    description: Text
    quantity: TermDecimal = Decimal(1)
    unit_price: TermDecimal | None = None
    price: PriceModel | None = None
    metric: Metric | None = None
    minimum: TermDecimal | None = None
    maximum: TermDecimal | None = None
    prepaid_quantity: TermDecimal = Decimal(0)
    discount_percent: TermDecimal = Decimal(0)
    discounts: Annotated[tuple[Discount, ...], Field(max_length=50)] = ()
    uplifts: Annotated[tuple[TermDecimal, ...], Field(max_length=100)] = ()
    frequency: Recurrence
    timing: Timing = Timing.ADVANCE
    start: TermDate | None = None
    end: TermDate | None = None
    anchor: Anchor | None = None
    stub: Stub | None = None
    phases: Annotated[tuple[Phase, ...], Field(max_length=MAX_PHASES)] = ()
    milestones: Annotated[tuple[Milestone, ...], Field(max_length=MAX_MILESTONES)] = ()
    tax: TaxTerms | None = None
    product_code: Identifier | None = None
    unit: Identifier | None = None
    sources: Sources = Field(default_factory=dict[str, FieldSource])

    @model_validator(mode="before")
    @classmethod
    def _usage_is_in_arrears(cls, values: object) -> object:
        """Nobody knows usage before it happened, so a metered charge need not say so."""
        if not isinstance(values, dict):
            return values
        stated = cast("dict[str, object]", values)
        if stated.get("metric") is None or "timing" in stated:
            return stated
        return {**stated, "timing": Timing.ARREARS.value}

    @cached_property
    def recurs(self) -> bool:
        """Whether the charge has billing periods."""
        return self.frequency is not Frequency.ONE_TIME

    @cached_property
    def billed_after_service(self) -> bool:
        """In arrears, as usage always is: nobody knows it before."""
        return self.recurs and (self.timing is Timing.ARREARS or self.metric is not None)

    def impossibilities(self) -> Iterator[Problem]:
        """Every (field, message) that contradicts this charge on its own."""
        if self.quantity < 0:
            yield "quantity", f"{self.quantity} is negative; credit with a negative unit_price instead"
        if not 0 <= self.discount_percent <= 100:
            yield "discount_percent", f"{self.discount_percent} is outside 0..100"
        for index, percent in enumerate(self.uplifts):
            if not -100 <= percent <= 1000:
                yield f"uplifts[{index}]", f"{percent} is outside -100..1000"
        if self.start and self.end and self.end <= self.start:
            yield "end", f"{self.end} is not after start {self.start}; the end is the first day not served"
        yield from self._price_problems()
        for index, discount in enumerate(self.discounts):
            for field, message in discount.impossibilities():
                yield f"discounts[{index}].{field}", message
        for index, phase in enumerate(self.phases):
            for field, message in phase.impossibilities():
                yield f"phases[{index}].{field}", message
        yield from self._milestone_problems()
        for name in self.sources:
            if name not in type(self).model_fields:
                yield (
                    f"sources.{name[:80]}",
                    "names no term; use the name of the field the value was mapped to",
                )

    def stated_amounts(self) -> Iterator[tuple[str, Decimal]]:
        """(field, amount) of every price per period that the terms state outright, in currency units."""
        if self.unit_price is not None:
            yield "unit_price", self.quantity * self.unit_price
        for index, phase in enumerate(self.phases):
            price = self.unit_price if phase.unit_price is None else phase.unit_price
            if price is not None:
                quantity = self.quantity if phase.quantity is None else phase.quantity
                yield f"phases[{index}].unit_price", quantity * price
        for field in ("minimum", "maximum"):
            amount: Decimal | None = getattr(self, field)
            if amount is not None:
                yield field, amount
        for index, milestone in enumerate(self.milestones):
            if milestone.amount is not None:
                yield f"milestones[{index}].amount", milestone.amount

    def dated_problems(self, start: date, end: date | None) -> Iterator[Problem]:
        """What contradicts the service dates of the charge, once these are known."""
        for index, field, message in phase_problems(self.phases, start, end):
            yield f"phases[{index}].{field}", message

    def _price_problems(self) -> Iterator[Problem]:
        if (self.unit_price is None) is (self.price is None):
            yield "unit_price", "state either unit_price or price"
        if self.price is not None:
            for field, message in self.price.impossibilities():
                yield f"price.{field}", message
        if self.metric is not None and not self.recurs:
            yield "metric", "usage is billed per period; state a frequency other than one_time"
        if self.metric is not None and self.timing is Timing.ADVANCE:
            yield "timing", "usage is known after the period; state arrears"
        for name in ("minimum", "maximum", "prepaid_quantity"):
            value: Decimal | None = getattr(self, name)
            if value is not None and value < 0:
                yield name, f"{value} is negative"
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            yield "minimum", f"{self.minimum} is more than the maximum {self.maximum}"
        if (self.minimum is not None or self.maximum is not None) and not self.recurs:
            yield "minimum", "a minimum or maximum is per billing period; a one-time charge has none"
        if self.prepaid_quantity and self.metric is None:
            yield "prepaid_quantity", "is drawn down by usage; state the metric"

    def _milestone_problems(self) -> Iterator[Problem]:
        if not self.milestones:
            return
        if self.recurs or self.phases:
            yield "milestones", "go with a one_time charge without phases"
        percents = [milestone.percent for milestone in self.milestones if milestone.percent is not None]
        for index, milestone in enumerate(self.milestones):
            if (milestone.percent is None) is (milestone.amount is None):
                yield f"milestones[{index}]", "state either percent or amount"
            if (milestone.percent is None) is not (self.milestones[0].percent is None):
                yield f"milestones[{index}]", "state percentages for all milestones, or amounts for all"
            if milestone.percent is not None and not 0 < milestone.percent <= 100:
                yield f"milestones[{index}].percent", f"{milestone.percent} is outside 0..100"
        if len(percents) == len(self.milestones) and sum(percents) != 100:
            yield "milestones", f"add up to {sum(percents)} %, not to 100 %"
