"""Reading the notation of published cases: dates, numbers, periods, frequencies.

Belongs here: what the same thing looks like in different collections (`"2021-01-31 (inclusive)"`, cents,
`yearly`). Does not belong here: arithmetic on amounts, which is the engine's, or the topic of one adapter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.cycles import Step, Unit
from integration_pipeline.billing.periods import Period
from integration_pipeline_tests.cases.registry import Case, NotExpressible

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WITHIN_DAY = re.compile(r"\d[T ](?!00:00(:00)?)\d{2}:\d{2}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

STEPS: Mapping[str, Step] = {
    "daily": Step(1, Unit.DAY),
    "weekly": Step(1, Unit.WEEK),
    "biweekly": Step(2, Unit.WEEK),
    "thirty_days": Step(30, Unit.DAY),
    "thirty_one_days": Step(31, Unit.DAY),
    "sixty_days": Step(60, Unit.DAY),
    "ninety_days": Step(90, Unit.DAY),
    "monthly": Step(1, Unit.MONTH),
    "monthlylastday": Step(1, Unit.MONTH),
    "1 month": Step(1, Unit.MONTH),
    "bimestrial": Step(2, Unit.MONTH),
    "quarterly": Step(3, Unit.MONTH),
    "triannual": Step(4, Unit.MONTH),
    "semiannual": Step(6, Unit.MONTH),
    "semi_annual": Step(6, Unit.MONTH),
    "semi-annual": Step(6, Unit.MONTH),
    "biannual": Step(6, Unit.MONTH),
    "annual": Step(12, Unit.MONTH),
    "yearly": Step(12, Unit.MONTH),
    "biennial": Step(24, Unit.MONTH),
    "triennial": Step(36, Unit.MONTH),
}
"""The names that systems give to lengths of billing periods."""


class Inputs:
    """The inputs of a case, read key by key; `done` refuses a case with keys that nobody read.

    So a held-back variation with one more condition is reported as not expressible, not billed without it.
    """

    def __init__(self, values: Mapping[str, Any], *, inclusive_ends: bool = False) -> None:
        self._values = values
        self._unread = set(values)
        self._inclusive_ends = inclusive_ends

    @classmethod
    def of(cls, case: Case) -> Inputs:
        """The inputs of a case, whose settings say whether its periods include their last day."""
        return cls(case.inputs, inclusive_ends=case.settings.get("interval") == "inclusive_end")

    def has(self, key: str) -> bool:
        """Whether the key is there, and not null."""
        return self._values.get(key) is not None

    def first_of(self, *keys: str) -> str:
        """The first of alternative names of one thing that the case uses."""
        for key in keys:
            if key in self._values:
                return key
        raise NotExpressible(f"none of {', '.join(keys)} is stated")

    def get(self, key: str) -> Any:
        """The value as it is."""
        if key not in self._values:
            raise NotExpressible(f"{key} is not stated")
        self._unread.discard(key)
        return self._values[key]

    @property
    def names(self) -> tuple[str, ...]:
        """All keys, in the order of the case."""
        return tuple(self._values)

    def optional(self, key: str) -> Decimal | None:
        """A number that may be missing or null."""
        value = self.get(key) if key in self._values else None
        return None if value is None else number_of(value, key)

    def skip(self, *keys: str) -> None:
        """Keys that are known and say nothing the engine is asked for, such as a name."""
        self._unread.difference_update(keys)

    def flag(self, key: str) -> bool:
        """Whether the key is there and true."""
        return key in self._values and self.get(key) is True

    def first_amount(self, *names: str) -> str:
        """The first of alternative names of one amount, be it in units or in cents."""
        for name in names:
            if name in self._values or f"{name}_cents" in self._values:
                return name
        raise NotExpressible(f"none of {', '.join(names)} is stated")

    def text(self, key: str) -> str:
        """A text."""
        value = self.get(key)
        if isinstance(value, str):
            return value
        raise NotExpressible(f"{key} is {str(value)[:60]!r}, not a text")

    def whole(self, key: str) -> int:
        """A whole number."""
        number = self.number(key)
        if number != number.to_integral_value():
            raise NotExpressible(f"{key} is {number}, not a whole number")
        return int(number)

    def number(self, key: str) -> Decimal:
        """A plain decimal, as text or number."""
        return number_of(self.get(key), key)

    def amount(self, name: str) -> Decimal:
        """An amount in currency units, stated as `name` in units or as `name_cents`."""
        key = self.first_of(f"{name}_cents", name)
        return amount_of(self.get(key), key)

    def day(self, key: str) -> date:
        """A civil date, whatever is said behind it."""
        return day_of(self.get(key), key)

    def end(self, key: str) -> date:
        """The first day after a period that is stated by its last day or, half-open, by its end."""
        return end_of(self.get(key), key, inclusive=self._inclusive_ends)

    def period(self, key: str) -> Period:
        """A period stated by two dates, half-open or with its last day as the case's settings say."""
        first, last = self.pair(key)
        return Period(day_of(first, key), end_of(last, key, inclusive=self._inclusive_ends))

    def step(self, key: str = "period") -> Step:
        """The length of a billing period by its name."""
        return step_of(self.get(key), key)

    def items(self, key: str) -> list[Any]:
        """A list, also where a single thing is stated."""
        value = self.get(key)
        return cast("list[Any]", value) if isinstance(value, list) else [value]

    def some(self, key: str) -> list[Any]:
        """A list with at least one thing in it."""
        values = self.items(key)
        if not values:
            raise NotExpressible(f"{key} is an empty list")
        return values

    def pair(self, key: str) -> tuple[Any, Any]:
        """A list of exactly two things."""
        return pair_of(self.get(key), key)

    def day_of_month(self, key: str) -> int:
        """A day of the month."""
        day = self.whole(key)
        if not 1 <= day <= 31:
            raise NotExpressible(f"{key} is {day}, a day that no month has")
        return day

    def inner(self, key: str) -> Inputs:
        """An object inside the inputs."""
        return Inputs(mapping_of(self.get(key), key), inclusive_ends=self._inclusive_ends)

    def each(self, key: str = "cases") -> list[Inputs]:
        """One reading per entry of `key`, each with the keys outside it as well; or itself."""
        if key not in self._values:
            return [self]
        entries: list[Any] = self.items(key)
        shared = {name: value for name, value in self._values.items() if name != key}
        self._unread.clear()
        return [
            Inputs({**shared, **mapping_of(entry, key)}, inclusive_ends=self._inclusive_ends)
            for entry in entries
        ]

    def each_in(self, key: str) -> list[Inputs]:
        """One reading per object of a list, or of the single object that is stated."""
        return [Inputs(mapping_of(item, key), inclusive_ends=self._inclusive_ends) for item in self.some(key)]

    def done(self) -> None:
        """Raises `NotExpressible` naming the keys that were not read."""
        if self._unread:
            raise NotExpressible(f"inputs not understood: {', '.join(sorted(self._unread))}")


def answers(case: Case, read: Callable[[Inputs], object], *names: str) -> dict[str, object]:
    """`read` of every entry of a case that lists several, or of the case itself, under each of `names`."""
    inputs = Inputs.of(case)
    figures = [_read_all(entry, read) for entry in inputs.each()]
    inputs.done()
    return dict.fromkeys(names, figures if "cases" in case.inputs else figures[0])


def _read_all(entry: Inputs, read: Callable[[Inputs], object]) -> object:
    figure = read(entry)
    entry.done()
    return figure


def day_of(value: object, key: str) -> date:
    """The first ISO date in a text. Raises `NotExpressible`, also for an instant within a day."""
    if isinstance(value, str) and _WITHIN_DAY.search(value):
        raise NotExpressible(f"{key} is {value[:60]}, an instant within a day")
    found = _ISO_DATE.search(value) if isinstance(value, str) else None
    if found is None:
        raise NotExpressible(f"{key} is {str(value)[:60]!r}, not a date")
    try:
        return date.fromisoformat(found[0])
    except ValueError:
        raise NotExpressible(f"{key} is {found[0]}, which no calendar has") from None


def end_of(value: object, key: str, *, inclusive: bool) -> date:
    """The first day after a period: the day after a last day, or the end itself."""
    day = day_of(value, key)
    return day + timedelta(days=1) if inclusive or "(inclusive" in str(value) else day


def step_of(value: object, key: str) -> Step:
    """The length of a billing period by its name. Raises `NotExpressible`."""
    if isinstance(value, str) and (step := STEPS.get(value.strip().lower())):
        return step
    raise NotExpressible(f"{key} is {str(value)[:60]!r}, a billing period nobody has named")


def number_of(value: object, key: str) -> Decimal:
    """A plain decimal. Raises `NotExpressible`."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    raise NotExpressible(f"{key} is {str(value)[:60]!r}, not a number")


def pair_of(value: object, key: str) -> tuple[Any, Any]:
    """A list of exactly two things. Raises `NotExpressible`."""
    if not isinstance(value, list) or len(cast("list[Any]", value)) != 2:
        raise NotExpressible(f"{key} is {str(cast('object', value))[:60]}, not a list of two")
    first, second = cast("list[Any]", value)
    return first, second


def amount_of(value: object, key: str) -> Decimal:
    """An amount in currency units; what a key calls cents is written with two decimals."""
    number = number_of(value, key)
    return number.scaleb(-2) if "cents" in key else number


def listed(periods: Sequence[Period]) -> list[list[date]]:
    """Periods as pairs of first day and end."""
    return [[period.start, period.end] for period in periods]


def listed_inclusive(periods: Sequence[Period]) -> list[list[date]]:
    """Periods as pairs of first and last day."""
    return [[period.start, period.end - timedelta(days=1)] for period in periods]


def mapping_of(value: object, key: str) -> Mapping[str, Any]:
    """An object. Raises `NotExpressible`."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    raise NotExpressible(f"{key} is {str(value)[:60]!r}, not an object")
