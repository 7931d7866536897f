"""The kinds of custom rules: what each is given, by keyword, and what it may answer.

A rule is a plain function of its arguments: same arguments, same answer, no clock, no files, no network, as
its answer is stored, explained and compared with what it answers the next time. Numbers are `int`, `Decimal`
or `Fraction`; a float is refused. A rule that cannot answer raises `ValueError` saying why.

Does not belong here: asking a rule, or checking its answer (`registry`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeAlias

from integration_pipeline.billing.custom.parameters import Parameters
from integration_pipeline.billing.periods import Period

if TYPE_CHECKING:  # documents carry policies, which carry rules: importing them here would be a circle
    from integration_pipeline.billing.invoices import PlannedInvoice
    from integration_pipeline.billing.terms import ContractTerms

Exact: TypeAlias = int | Decimal | Fraction


class RuleKind(StrEnum):
    """The first half of an entry point's name: `charge_model.peak_demand`."""

    CHARGE_MODEL = "charge_model"
    DISCOUNT = "discount"
    PRORATION = "proration"
    NUMBERING = "numbering"
    HOLD = "hold"


class PartOf(StrEnum):
    """What the quantity of a part counts."""

    UNITS = "units"
    FIXED = "a fixed amount"
    PERCENT = "percent of an amount"


@dataclass(frozen=True, slots=True)
class Part:
    """One product of a price. Made by `units`, `fixed` or `percent`."""

    of: PartOf
    quantity: Exact
    price: int | Decimal

    @staticmethod
    def units(quantity: Exact, price: int | Decimal) -> Part:
        """`quantity` units at `price` currency units each: `10 × 1.50 USD`."""
        return Part(PartOf.UNITS, quantity, price)

    @staticmethod
    def fixed(amount: int | Decimal) -> Part:
        """An amount in currency units, once: `25.00 USD`."""
        return Part(PartOf.FIXED, 1, amount)

    @staticmethod
    def percent(amount: Exact, percent: int | Decimal) -> Part:
        """`percent` of an amount in currency units: `400.00 USD × 1.3 %`."""
        return Part(PartOf.PERCENT, amount, percent)


@dataclass(frozen=True, slots=True)
class Price:
    """A price as the parts that add up to it, so that amount and formula cannot differ.

    `note` says what the parts do not: how a quantity was arrived at. An empty price costs nothing.
    """

    parts: Sequence[Part] = ()
    note: str | None = None


class ChargeModel(Protocol):
    """`charge_model`: what `quantity` costs in one full billing period, in currency units, not rounded.

    Chosen in the terms of a charge: `{"model": "custom", "name": "...", "parameters": {...}}`.
    """

    def __call__(self, *, quantity: Fraction, parameters: Parameters, currency: str) -> Price: ...


class Discounting(Protocol):
    """`discount`: what is taken off `price` (above zero), both in currency units and not rounded.

    Chosen in the terms, among the discounts of a charge or a contract: `{"custom": "...", "parameters": {}}`.
    What exceeds the price takes it to zero.
    """

    def __call__(self, *, price: Fraction, parameters: Parameters, currency: str) -> Exact: ...


class Proration(Protocol):
    """`proration`: the share of `full`'s price that `part` costs; only asked for parts that are not `full`.

    Chosen in the rule set, for all contracts. Parts that cover `full` should have shares that add up to 1.
    """

    def __call__(self, *, part: Period, full: Period, parameters: Parameters) -> Exact: ...


@dataclass(frozen=True, slots=True)
class NumberedDocument:
    """A document that is about to get its number. `kind` is `invoice` or `credit_note`.

    `prefix` is what the rule set gives the billing entity's documents of that kind.
    """

    entity: str
    kind: str
    issue_date: date
    currency: str
    prefix: str


@dataclass(frozen=True, slots=True)
class NumberSeries:
    """A series that the books count from 1 without a gap: `prefix`, then the number in at least `digits`."""

    prefix: str
    digits: int = 6


class Numbering(Protocol):
    """`numbering`: the series from which a document takes its number. Chosen in the rule set."""

    def __call__(self, *, document: NumberedDocument, parameters: Parameters) -> NumberSeries: ...


class Hold(Protocol):
    """`hold`: why a planned document has to wait until a person releases it; None lets it go on.

    Chosen in the rule set. The reason is a sentence for that person, who sees the document too.
    """

    def __call__(
        self, *, document: PlannedInvoice, terms: ContractTerms, parameters: Parameters
    ) -> str | None: ...


ARGUMENTS: dict[RuleKind, tuple[str, ...]] = {
    RuleKind.CHARGE_MODEL: ("quantity", "parameters", "currency"),
    RuleKind.DISCOUNT: ("price", "parameters", "currency"),
    RuleKind.PRORATION: ("part", "full", "parameters"),
    RuleKind.NUMBERING: ("document", "parameters"),
    RuleKind.HOLD: ("document", "terms", "parameters"),
}
"""The keyword arguments of each kind."""
