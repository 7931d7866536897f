"""Amendments: changes of a contract during its life, each from a day on.

Belongs here: what can be changed, as terms. Does not belong here: the terms that result (`amendments`), or
the credits and charges that follow (`schedule`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from integration_pipeline.billing.pricing.models import PriceModel
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDate, TermDecimal, Text
from integration_pipeline.billing.terms.charges import Charge


class SetQuantity(TermsModel):
    """Another quantity from the effective day on, in every later phase too."""

    change: Literal["quantity"]
    charge_id: Identifier
    quantity: TermDecimal


class SetPrice(TermsModel):
    """Another price from the effective day on, in every later phase too."""

    change: Literal["price"]
    charge_id: Identifier
    unit_price: TermDecimal | None = None
    price: PriceModel | None = None


class SetDiscount(TermsModel):
    """Another percentage off, in place of `discount_percent`."""

    change: Literal["discount"]
    charge_id: Identifier
    discount_percent: TermDecimal


class ReplaceCharge(TermsModel):
    """An upgrade or downgrade: `charge` takes the place of `charge_id`, whose id it may keep."""

    change: Literal["replace"]
    charge_id: Identifier
    charge: Charge


class AddCharge(TermsModel):
    """One more charge; it starts on the effective day unless it states a later start."""

    change: Literal["add"]
    charge: Charge


class RemoveCharge(TermsModel):
    """The charge ends on the effective day."""

    change: Literal["remove"]
    charge_id: Identifier


class PauseService(TermsModel):
    """Neither served nor billed from the effective day, until `until` or a later resume."""

    change: Literal["pause"]
    charges: tuple[Identifier, ...] = ()
    until: TermDate | None = None


class ResumeService(TermsModel):
    """Ends every pause without an end; days stay lost, the contract does not get longer."""

    change: Literal["resume"]


class Terminate(TermsModel):
    """The contract ends on the effective day."""

    change: Literal["terminate"]


class Renew(TermsModel):
    """A new term from the effective day, before or after the old one ends, with prices raised."""

    change: Literal["renew"]
    term_months: Annotated[int, Field(strict=True, ge=1, le=1200)]
    uplift_percent: TermDecimal = Decimal(0)


class CoTerm(TermsModel):
    """The contract ends with another one, on `end`."""

    change: Literal["co_term"]
    end: TermDate
    contract: Identifier | None = None


ChargeChange = SetQuantity | SetPrice | SetDiscount | ReplaceCharge | AddCharge | RemoveCharge
ContractChange = PauseService | ResumeService | Terminate | Renew | CoTerm
Change = Annotated[ChargeChange | ContractChange, Field(discriminator="change")]


class Amendment(TermsModel):
    """Changes that hold from `effective` on, known to billing from `booked` on (by default the same day).

    An amendment that is booked after it became effective is backdated: what was invoiced meanwhile is
    credited and charged anew on the day it is booked.
    """

    amendment_id: Identifier
    effective: TermDate
    booked: TermDate | None = None
    description: Text | None = None
    changes: Annotated[tuple[Change, ...], Field(min_length=1, max_length=1000)]

    @property
    def booked_on(self) -> date:
        """The day from which documents know of the amendment."""
        return self.booked or self.effective

    def impossibilities(self) -> Iterator[Problem]:
        """Every (field, message) that contradicts this amendment on its own."""
        for index, change in enumerate(self.changes):
            path = f"changes[{index}]"
            match change:
                case SetQuantity() if change.quantity < 0:
                    yield f"{path}.quantity", f"{change.quantity} is negative"
                case SetPrice() if (change.unit_price is None) is (change.price is None):
                    yield f"{path}.unit_price", "state either unit_price or price"
                case SetPrice() if change.price is not None:
                    for field, message in change.price.impossibilities():
                        yield f"{path}.price.{field}", message
                case SetDiscount() if not 0 <= change.discount_percent <= 100:
                    yield f"{path}.discount_percent", f"{change.discount_percent} is outside 0..100"
                case Renew() if not -100 <= change.uplift_percent <= 1000:
                    yield f"{path}.uplift_percent", f"{change.uplift_percent} is outside -100..1000"
                case PauseService() if change.until is not None and change.until <= self.effective:
                    yield f"{path}.until", f"{change.until} is not after {self.effective}"
                case CoTerm() if change.end <= self.effective:
                    yield f"{path}.end", f"{change.end} is not after {self.effective}"
                case ReplaceCharge() | AddCharge():
                    for field, message in change.charge.impossibilities():
                        yield f"{path}.charge.{field}", message
                case _:
                    pass
