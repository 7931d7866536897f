"""Price models: every way in which a charge may be priced, as terms.

Belongs here: the shape of each model and what makes it impossible. Does not belong here: what a quantity
costs by it (`rating`), minimum and maximum amounts per period (`commitments`), discounts.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from integration_pipeline.billing.custom import Parameters
from integration_pipeline.billing.pricing.base import CountedPrice, PriceModelTerms, negative
from integration_pipeline.billing.pricing.tiers import (
    MAX_TIERS,
    PercentageTier,
    PriceStep,
    Row,
    Tier,
    TierTable,
    bound_problems,
    tier_problems,
)
from integration_pipeline.billing.term_model import Problem
from integration_pipeline.billing.term_values import Identifier, TermDecimal


class FlatPrice(PriceModelTerms):
    """`amount` per billing period, whatever the quantity."""

    model: Literal["flat"] = "flat"
    amount: TermDecimal


class PerUnitPrice(CountedPrice):
    """`unit_price` for every unit."""

    model: Literal["per_unit"] = "per_unit"
    unit_price: TermDecimal


class PackagePrice(CountedPrice):
    """`package_price` for every started package of `package_size` units."""

    model: Literal["package"] = "package"
    package_size: TermDecimal
    package_price: TermDecimal

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        if self.package_size <= 0:
            yield "package_size", f"{self.package_size} is not above zero"


class _Tiered(CountedPrice):
    tiers: Annotated[tuple[Tier, ...], Field(max_length=MAX_TIERS)]

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        yield from tier_problems(self.tiers)

    @cached_property
    def table(self) -> TierTable:
        """The tiers as they are rated. Raises `InvalidTerms` if the price is impossible."""
        self.require_possible()
        return TierTable.of(
            [Row(tier.up_to, tier.unit_price, tier.flat_fee, tier.block_size) for tier in self.tiers]
        )


class GraduatedPrice(_Tiered):
    """Each tier prices the units that lie in it, and charges its flat fee once it is entered."""

    model: Literal["graduated"] = "graduated"


class VolumePrice(_Tiered):
    """The one tier in which the whole quantity lies prices all units, and charges its flat fee."""

    model: Literal["volume"] = "volume"


class StairstepPrice(CountedPrice):
    """The price of the step in which the whole quantity lies."""

    model: Literal["stairstep"] = "stairstep"
    tiers: Annotated[tuple[PriceStep, ...], Field(max_length=MAX_TIERS)]

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        yield from bound_problems(self.tiers)
        for index, step in enumerate(self.tiers):
            yield from negative(f"tiers[{index}].price", step.price, "a credit is a charge of its own")

    @cached_property
    def table(self) -> TierTable:
        """The steps as they are rated. Raises `InvalidTerms` if the price is impossible."""
        self.require_possible()
        return TierTable.of([Row(step.up_to, Decimal(0), step.price) for step in self.tiers])


class GraduatedPercentagePrice(PriceModelTerms):
    """Each tier takes its percentage of what lies in it, and charges its flat fee once it is entered."""

    model: Literal["graduated_percentage"] = "graduated_percentage"
    tiers: Annotated[tuple[PercentageTier, ...], Field(max_length=MAX_TIERS)]

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        yield from bound_problems(self.tiers)
        for index, tier in enumerate(self.tiers):
            yield from negative(f"tiers[{index}].rate_percent", tier.rate_percent)
            yield from negative(f"tiers[{index}].flat_fee", tier.flat_fee)

    @cached_property
    def table(self) -> TierTable:
        """The tiers as they are rated. Raises `InvalidTerms` if the price is impossible."""
        self.require_possible()
        rows = [Row(tier.up_to, tier.rate_percent, tier.flat_fee) for tier in self.tiers]
        return TierTable.of(rows, percent=True)


class PercentagePrice(PriceModelTerms):
    """`rate_percent` of the amount of every transaction, plus `fixed_fee` for each.

    Free are the first `free_events` transactions and the first `free_amount` of their sum, whichever is used
    up first (none or 0: there is no such allowance); a transaction that crosses `free_amount` pays for the
    part beyond. The fee of a transaction that pays lies between `minimum_fee` and `maximum_fee`.
    """

    model: Literal["percentage"] = "percentage"
    rate_percent: TermDecimal
    fixed_fee: TermDecimal = Decimal(0)
    free_events: Annotated[int, Field(strict=True, ge=0)] | None = None
    free_amount: TermDecimal | None = None
    minimum_fee: TermDecimal | None = None
    maximum_fee: TermDecimal | None = None

    @property
    def needs_transactions(self) -> bool:
        """Whether the sum of all amounts is not enough to price them."""
        return bool(self.fixed_fee) or bool(self.free_events) or self.caps_fees

    @property
    def caps_fees(self) -> bool:
        """Whether the fee of each transaction has a minimum or maximum."""
        return self.minimum_fee is not None or self.maximum_fee is not None

    def impossibilities(self) -> Iterator[Problem]:
        yield from super().impossibilities()
        for name in ("rate_percent", "fixed_fee", "free_amount", "minimum_fee", "maximum_fee"):
            yield from negative(name, getattr(self, name))
        if (
            self.minimum_fee is not None
            and self.maximum_fee is not None
            and self.minimum_fee > self.maximum_fee
        ):
            yield "minimum_fee", f"{self.minimum_fee} is more than the maximum_fee {self.maximum_fee}"


class CustomPrice(PriceModelTerms):
    """What the company's own charge model `name` makes of the quantity and its `parameters`."""

    model: Literal["custom"] = "custom"
    name: Identifier
    parameters: Parameters = Parameters()


PriceModel = Annotated[
    FlatPrice
    | PerUnitPrice
    | PackagePrice
    | GraduatedPrice
    | VolumePrice
    | StairstepPrice
    | PercentagePrice
    | GraduatedPercentagePrice
    | CustomPrice,
    Field(discriminator="model"),
]
"""One of the models, told apart by `model`."""
