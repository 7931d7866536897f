"""Comparing the engine's figures with published ones, exactly.

Belongs here: when two figures are the same figure, however they are written. Does not belong here: a
tolerance, as there is none; or what a figure means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import nextafter
from typing import cast

from integration_pipeline.billing.money import Money, RoundingMode, minor_unit_exponent, round_ratio

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(/\d+)?")
_DIGITS_OF_A_BINARY_FLOAT = 15
MISSING = "(no figure)"
NOTHING_MORE = "(nothing more)"


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is not as published: where it stands (`periods[1][0]`), and both figures as text."""

    path: str
    expected: str
    actual: str


def differences(
    expected: object, actual: object, shown_by: RoundingMode = RoundingMode.HALF_UP, path: str = ""
) -> Iterator[Difference]:
    """Every figure of `expected` that `actual` does not have.

    Numbers compare as numbers ("2" is 2 is "2.00"), Money as minor units where a key says cents and as
    currency units elsewhere, dates by their ISO form. A `Fraction` that no decimal can hold is what the
    published decimals show of it: cut to as many places by `shown_by`.
    """
    wanted, got = _parts(expected), _parts(actual)
    if (
        wanted is not None
        and got is not None
        and isinstance(expected, Mapping) == isinstance(actual, Mapping)
    ):
        # A list that is longer than published is wrong; a mapping may answer more than was asked.
        extra = [] if isinstance(expected, Mapping) else [key for key in got if key not in wanted]
        for key in [*wanted, *extra]:
            inner = f"{path}{key}" if key.startswith("[") or not path else f"{path}.{key}"
            yield from differences(wanted.get(key, NOTHING_MORE), got.get(key, MISSING), shown_by, inner)
    elif not _is_same(expected, actual, shown_by, in_minor_units="cents" in path):
        yield Difference(path, _shown(expected), _shown(actual))


def _parts(value: object) -> dict[str, object] | None:
    """The figures inside a mapping or a list, by the way they are pointed at; None for a single figure."""
    if isinstance(value, Mapping):
        return {str(key): part for key, part in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return {f"[{index}]": part for index, part in enumerate(cast("Sequence[object]", value))}
    return None


def _is_same(expected: object, actual: object, shown_by: RoundingMode, *, in_minor_units: bool) -> bool:
    if expected is None or actual is None or isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    number = _number(actual, in_minor_units=in_minor_units)
    readings = [part.strip() for part in str(expected).split("=")]
    if number is not None and all(_NUMBER.fullmatch(reading) for reading in readings):
        is_exact = not isinstance(actual, Fraction)
        return all(
            number == Fraction(reading) or (not is_exact and _is_shown_as(number, reading, shown_by))
            for reading in readings
        )
    return isinstance(expected, str) and expected == _shown(actual)


def _number(value: object, *, in_minor_units: bool) -> Fraction | None:
    match value:
        case Money():
            return Fraction(value.minor, 1 if in_minor_units else 10 ** minor_unit_exponent(value.currency))
        case int() | Fraction():
            return Fraction(value)
        case Decimal() if value.is_finite():
            return Fraction(value)
        case str() if _NUMBER.fullmatch(value):
            return Fraction(value)
        case _:
            return None


def _is_shown_as(number: Fraction, reading: str, shown_by: RoundingMode) -> bool:
    """Whether a decimal reading is all that its places can show of `number`.

    A terminating fraction must be equal, unless figures are known to be cut. Fifteen digits and more are what
    a binary float was printed as: 100/7 is published as 14.285714285714285 where 1/7 was rounded to a float
    before it was multiplied, so the float next to the nearest one is the same figure.
    """
    if "/" in reading or (shown_by is not RoundingMode.DOWN and _terminates(number)):
        return False
    whole, _, decimals = reading.lstrip("+-").partition(".")
    scale = 10 ** len(decimals)
    if Fraction(round_ratio(number.numerator * scale, number.denominator, shown_by), scale) == Fraction(
        reading
    ):
        return True
    digits = len((whole + decimals).lstrip("0"))
    nearest, published = float(number), float(reading)
    return digits >= _DIGITS_OF_A_BINARY_FLOAT and nextafter(nearest, published) == published


def _terminates(number: Fraction) -> bool:
    rest = number.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case Money():
            return value.format()
        case Decimal():
            return f"{value:f}"
        case datetime() | date():
            return value.isoformat()
        case _:
            return str(value)
