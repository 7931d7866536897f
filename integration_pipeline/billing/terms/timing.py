"""When a charge is billed: frequency, timing, anchor, stub, and when an invoice is due.

Belongs here: the terms and their reading as a step or a date. Does not belong here: the periods that follow
from them (`cycles`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError, WithJsonSchema, model_validator

from integration_pipeline.billing.cycles import Step, Unit
from integration_pipeline.billing.periods import add_months
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import Identifier, TermDate, TermDecimal


class Frequency(StrEnum):
    """How often a charge recurs, by name."""

    ONE_TIME = "one_time"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    SEMIANNUAL = "semiannual"
    ANNUAL = "annual"

    @property
    def step(self) -> Step | None:
        """The length of a billing period; None for a one-time charge."""
        return _STEPS[self]


_STEPS = {
    Frequency.ONE_TIME: None,
    Frequency.WEEKLY: Step(1, Unit.WEEK),
    Frequency.MONTHLY: Step(1, Unit.MONTH),
    Frequency.QUARTERLY: Step(3, Unit.MONTH),
    Frequency.SEMIANNUAL: Step(6, Unit.MONTH),
    Frequency.ANNUAL: Step(12, Unit.MONTH),
}


class Every(TermsModel):
    """Any other frequency: `{"every": 45, "unit": "day"}`."""

    every: Annotated[int, Field(strict=True, ge=1, le=3660)]
    unit: Unit

    @property
    def step(self) -> Step:
        """The length of a billing period."""
        return Step(self.every, self.unit)

    def __str__(self) -> str:
        return f"every {self.every} {self.unit}s"


def _recurrence(value: object) -> Frequency | Every:
    if isinstance(value, Frequency | Every):
        return value
    if isinstance(value, str) and value in Frequency.__members__.values():
        return Frequency(value)
    if isinstance(value, Mapping):
        try:
            return Every.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            named = ".".join(str(step) for step in first["loc"])
            raise ValueError(f"{named}: {first['msg']}" if named else first["msg"]) from None
    names = ", ".join(Frequency)
    raise ValueError(f'is none of {names}, nor a step such as {{"every": 45, "unit": "day"}}')


def _written(value: Frequency | Every) -> str | dict[str, int | str]:
    if isinstance(value, Frequency):
        return value.value
    return {"every": value.every, "unit": value.unit.value}


Recurrence = Annotated[
    Frequency | Every,
    PlainValidator(_recurrence),
    PlainSerializer(_written),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [frequency.value for frequency in Frequency]},
                {
                    "type": "object",
                    "properties": {
                        "every": {"type": "integer", "minimum": 1, "maximum": 3660},
                        "unit": {"enum": [unit.value for unit in Unit]},
                    },
                    "required": ["every", "unit"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""How often a charge recurs: by name, or as a step."""


class Timing(StrEnum):
    """Whether a recurring charge is invoiced before or after its service period."""

    ADVANCE = "advance"
    ARREARS = "arrears"


class AnchorKind(StrEnum):
    """On which day billing periods open."""

    CHARGE_START = "charge_start"
    CONTRACT_START = "contract_start"
    DAY_OF_MONTH = "day_of_month"
    CALENDAR = "calendar"
    """Weeks from Monday, months from the first, quarters, half-years and years from January."""
    CO_TERM = "co_term"
    """With another contract: on `date`, one of its period boundaries."""


class Anchor(TermsModel):
    """Where a charge's billing periods open: `{"kind": "day_of_month", "day": 15}`.

    `month` (1..12) says in which month years, quarters and half-years open; without it, `day_of_month` takes
    the month the charge starts in and `calendar` takes January.
    """

    kind: AnchorKind = AnchorKind.CHARGE_START
    day: Annotated[int, Field(strict=True, ge=1, le=31)] | None = None
    month: Annotated[int, Field(strict=True, ge=1, le=12)] | None = None
    date: TermDate | None = None
    contract: Identifier | None = None

    @model_validator(mode="after")
    def _complete(self) -> Anchor:
        if (self.day is not None) is not (self.kind is AnchorKind.DAY_OF_MONTH):
            raise ValueError("day goes with the kind day_of_month, and with no other")
        if (self.date is not None) is not (self.kind is AnchorKind.CO_TERM):
            raise ValueError(
                "date, a period boundary of the other contract, goes with the kind co_term alone"
            )
        if self.contract is not None and self.kind is not AnchorKind.CO_TERM:
            raise ValueError("contract goes with the kind co_term alone")
        if self.month is not None and self.kind not in (AnchorKind.DAY_OF_MONTH, AnchorKind.CALENDAR):
            raise ValueError("month goes with the kinds day_of_month and calendar")
        return self

    def origin(self, contract_start: date, charge_start: date, step: Step) -> tuple[date, int | None]:
        """A day on which a billing period opens, and the day of the month to keep (None: its own)."""
        match self.kind:
            case AnchorKind.CHARGE_START:
                return charge_start, None
            case AnchorKind.CONTRACT_START:
                return contract_start, None
            case AnchorKind.CO_TERM if self.date is not None:
                return self.date, None
            case AnchorKind.CALENDAR if not step.months:
                return charge_start - timedelta(days=charge_start.weekday()), None
            case AnchorKind.CALENDAR:
                return date(charge_start.year, self.month or 1, 1), None
            case _:
                return add_months(charge_start.replace(day=1, month=self.month or charge_start.month), 0), (
                    self.day
                )


class Stub(StrEnum):
    """Where the part of a period goes that does not fit between the anchor and the service dates."""

    FIRST = "first"
    """The first period is short, up to the anchor."""
    LAST = "last"
    """Periods count from the start of the charge whatever the anchor; the last one is short."""


class PaymentTerms(TermsModel):
    """When an invoice is due. One of: net days; end of month plus days; a fixed day of a later month.

    `{"net_days": 30}`: calendar days after the issue date, 0 on receipt. With `"end_of_month": true` the days
    count from the end of the issue month. `{"day_of_month": 15, "months": 1}`: on the 15th of the next month
    (the last day of a shorter one; `months` 0 is the issue month, and a day gone by moves to the next one).
    """

    net_days: Annotated[int, Field(strict=True, ge=0, le=3650)] | None = None
    end_of_month: bool = False
    day_of_month: Annotated[int, Field(strict=True, ge=1, le=31)] | None = None
    months: Annotated[int, Field(strict=True, ge=0, le=120)] = 1

    @model_validator(mode="after")
    def _one_way(self) -> PaymentTerms:
        if (self.net_days is None) is (self.day_of_month is None):
            raise ValueError("state either net_days or day_of_month")
        if self.end_of_month and self.net_days is None:
            raise ValueError("end_of_month goes with net_days, the days after it")
        return self

    def due_date(self, issue_date: date) -> date:
        """The day by which an invoice of `issue_date` is to be paid."""
        if self.net_days is not None:
            first = add_months(issue_date, 0, 31) if self.end_of_month else issue_date
            return first + timedelta(days=self.net_days)
        due = add_months(issue_date, self.months, self.day_of_month)
        return due if due >= issue_date else add_months(issue_date, self.months + 1, self.day_of_month)

    def __str__(self) -> str:
        if self.net_days is None:
            return f"day {self.day_of_month} of the month, {self.months} later"
        return f"{self.net_days} days" + (" after the end of the month" if self.end_of_month else "")


class Renewal(TermsModel):
    """What follows a term: another one of `term_months`, its prices raised by `uplift_percent`.

    `times` limits how often; without it a contract renews until an amendment ends it. Uplifts compound.
    """

    kind: Literal["automatic"] = "automatic"
    term_months: Annotated[int, Field(strict=True, ge=1, le=1200)]
    uplift_percent: TermDecimal = Decimal(0)
    times: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None

    def impossibilities(self) -> Iterator[Problem]:
        """An uplift that makes prices negative, or grow beyond all bounds."""
        if not -100 <= self.uplift_percent <= 1000:
            yield "uplift_percent", f"{self.uplift_percent} is outside -100..1000"
