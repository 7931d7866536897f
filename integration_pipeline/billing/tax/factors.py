"""Tax terms as multiples of a line's amount, exact.

Belongs here: compound and included taxes turned into fractions over one denominator. Does not belong here:
the shape of terms (`terms`), or rounding (`computation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Protocol


class Rate(Protocol):
    """What a factor needs to know of a tax rate."""

    @property
    def name(self) -> str: ...
    @property
    def percent(self) -> Decimal: ...
    @property
    def on(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Factors:
    """Of a line that costs `denominator`: its net amount, and per rate the tax and the base it is taken of.

    `inside` are the positions of the rates that the price includes: priced = net + those taxes. `keys` tell
    rates apart within a document, whatever terms they stand in.
    """

    denominator: int
    net: int
    taxes: tuple[int, ...]
    bases: tuple[int, ...]
    inside: tuple[int, ...]
    keys: tuple[str, ...]


def make_factors(rates: Sequence[Rate], inside: tuple[int, ...], *, owed_by_customer: bool) -> Factors:
    """The factors of `rates`, of which those at `inside` are included in the price.

    Taxes that the customer owes are nothing to the document, but have a base.
    """
    bases: list[Fraction] = []
    taxes: dict[str, Fraction] = {}
    for rate in rates:
        base = 1 + sum((taxes[name] for name in dict.fromkeys(rate.on)), Fraction(0))
        bases.append(base)
        taxes[rate.name] = Fraction(0) if owed_by_customer else base * Fraction(rate.percent) / 100
    in_order = list(taxes.values())
    net = 1 / (1 + sum((in_order[position] for position in inside), Fraction(0)))
    per_rate = [tax * net for tax in in_order]
    per_base = [base * net for base in bases]
    denominator = lcm(net.denominator, *(part.denominator for part in (*per_rate, *per_base)))
    return Factors(
        denominator=denominator,
        net=_over(net, denominator),
        taxes=tuple(_over(tax, denominator) for tax in per_rate),
        bases=tuple(_over(base, denominator) for base in per_base),
        inside=inside,
        keys=tuple(f"{rate.name}\x00{rate.percent.normalize()}\x00{owed_by_customer}" for rate in rates),
    )


def _over(part: Fraction, denominator: int) -> int:
    return part.numerator * (denominator // part.denominator)
