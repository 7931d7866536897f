"""Tax terms of a contract or a charge: treatment and rates.

Belongs here: their shape, and what contradicts itself within it. Does not belong here: which terms apply
where several are stated (`choice`), or computing (`factors`, `computation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from integration_pipeline.billing.tax.factors import Factors, make_factors
from integration_pipeline.billing.term_model import TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDecimal, Text

MAX_RATES = 20
MAX_PERCENT = 1000


class TaxTreatment(StrEnum):
    """How the taxes of a line relate to its price."""

    EXCLUSIVE = "exclusive"
    """Taxes are added to the price."""
    INCLUSIVE = "inclusive"
    """The price includes its taxes, except those stated as `on_top`."""
    EXEMPT = "exempt"
    """No tax, and no rate to show."""
    REVERSE_CHARGE = "reverse_charge"
    """The customer owes the tax: rates are shown with their base, and come to nothing."""


class TaxRate(TermsModel):
    """One tax: `percent` of the net amount and of the taxes named in `on`, which come before it.

    A withheld tax has a negative percent. `on_top` is for a tax that a price including other taxes does not
    include.
    """

    name: Identifier
    percent: TermDecimal
    on: Annotated[tuple[Identifier, ...], Field(max_length=MAX_RATES)] = ()
    on_top: bool = False


class TaxTerms(TermsModel):
    """The taxes of a line, in the order in which they are computed. `reason` is what an exemption states."""

    treatment: TaxTreatment = TaxTreatment.EXCLUSIVE
    rates: Annotated[tuple[TaxRate, ...], Field(max_length=MAX_RATES)] = ()
    reason: Text | None = None

    def impossibilities(self) -> Iterator[tuple[str, str]]:
        """Every (field, message) for which no tax can be computed; terms with any cannot be constructed."""
        exempt = self.treatment is TaxTreatment.EXEMPT
        if exempt and self.rates:
            yield "rates", "an exempt line has none; state reverse_charge to show the rate the customer owes"
        if not exempt and not self.rates:
            yield "rates", f"{self.treatment} tax needs a rate; state exempt where there is none"
        earlier: set[str] = set()
        for index, rate in enumerate(self.rates):
            if not -100 < rate.percent <= MAX_PERCENT:
                yield f"rates[{index}].percent", f"{rate.percent} is outside -100..{MAX_PERCENT}"
            if rate.name in earlier:
                yield f"rates[{index}].name", f"{rate.name[:80]!r} is used by an earlier rate"
            for name in dict.fromkeys(rate.on):
                if name not in earlier:
                    yield f"rates[{index}].on", f"{name[:80]!r} is not the name of an earlier rate"
            if rate.on_top and self.treatment is not TaxTreatment.INCLUSIVE:
                yield f"rates[{index}].on_top", f"goes with inclusive tax, not with {self.treatment}"
            earlier.add(rate.name)

    @property
    def label(self) -> str:
        """For people: `GST 5 %, QST 9.975 %`, `reverse_charge: VAT 19 %`, `exempt`."""
        rates = ", ".join(f"{rate.name} {rate.percent:f} %" for rate in self.rates)
        if self.treatment is TaxTreatment.EXCLUSIVE:
            return rates
        return f"{self.treatment}: {rates}" if rates else self.treatment.value

    @cached_property
    def factors(self) -> Factors:
        """What a line's amount is multiplied by. Made once: a run taxes thousands of lines by a few terms."""
        is_inclusive = self.treatment is TaxTreatment.INCLUSIVE
        return make_factors(
            self.rates,
            tuple(index for index, rate in enumerate(self.rates) if is_inclusive and not rate.on_top),
            owed_by_customer=self.treatment is TaxTreatment.REVERSE_CHARGE,
        )

    @model_validator(mode="after")
    def _refuse_impossible_terms(self) -> TaxTerms:
        problems = [f"{field}: {message}" for field, message in self.impossibilities()]
        if problems:
            raise ValueError("; ".join(problems))
        return self
