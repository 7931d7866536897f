"""The taxes of a document: exact first, rounded once where the policies say, then shared out to its lines.

Belongs here: that order of computation. Does not belong here: discounts and the other totals (`totals`).

All amounts of a document are integers over one common denominator, so that exact sums cost integer additions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm

from integration_pipeline.billing.money import Money, round_ratio, tie_to_total
from integration_pipeline.billing.policies import InclusiveTax, LineRounding, Policies, TaxRounding
from integration_pipeline.billing.tax.factors import Factors
from integration_pipeline.billing.tax.results import TaxableLine, TaxedDocument, TaxedLine, TaxGroup
from integration_pipeline.billing.tax.terms import TaxTerms, TaxTreatment


def compute_taxes(lines: Sequence[TaxableLine], currency: str, policies: Policies) -> TaxedDocument:
    """Net and tax of `lines` and of their document, in whole minor units of `currency`.

    - Per document and rate: the exact tax of all lines is rounded, and shared out by largest remainder: the
      residual is less than a minor unit per rate (half of one, if rounding goes to the nearest).
    - Per line: every tax of every line is rounded; a tax on a tax is taken of the rounded one.
    - `LineRounding.SUM_THEN_ROUND`: the sum of all rates is rounded, and so is the total; what a rate or line
      shows is its share.
    - Included taxes by `Policies.inclusive_tax`. A line's net and taxes add up to its price, except under
      `InclusiveTax.SUMS_ROUNDED`.

    Lines may be negative. Raises `UnknownCurrency`.
    """
    document = _scaled(lines, policies)
    per_line = policies.tax_rounding is TaxRounding.PER_LINE
    if per_line:
        taxes = [list(_taxes_of_line(line, document.denominator, policies)) for line in document.lines]
    else:
        taxes = _shares_of_document_taxes(document, policies)
    nets = [
        line.priced - sum([shares[position] for position in line.factors.inside])
        for line, shares in zip(document.lines, taxes, strict=True)
    ]
    if not per_line and document.includes_tax and policies.inclusive_tax is not InclusiveTax.TAX_ROUNDED:
        _round_nets(document, nets, policies)
        if policies.inclusive_tax is InclusiveTax.NET_ROUNDED:
            _give_rest_to_included_taxes(document, taxes, nets)
    groups = tuple(_groups(document, taxes, nets, currency, policies))
    net, tax = sum(nets), sum([group.tax.minor for group in groups])
    total = _total(document, net + tax, policies)
    return TaxedDocument(
        lines=tuple(
            TaxedLine(Money(line_net, currency), tuple([Money(share, currency) for share in shares]))
            for line_net, shares in zip(nets, taxes, strict=True)
        ),
        groups=groups,
        net=Money(net, currency),
        tax=Money(tax, currency),
        rounding=Money(total - net - tax, currency),
        total=Money(total, currency),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """`net` and `taxes` are over the document's denominator, `priced` is in whole minor units."""

    terms: TaxTerms
    factors: Factors
    net: int
    taxes: list[int]
    priced: int


@dataclass(frozen=True, slots=True)
class _Document:
    """`units` are lines over the denominators of their factors. `uses` says where each rate is used, by its
    key: pairs of line index and position in its terms."""

    denominator: int
    lines: list[_Line]
    units: list[int]
    uses: dict[str, list[tuple[int, int]]]
    includes_tax: bool


def _scaled(lines: Sequence[TaxableLine], policies: Policies) -> _Document:
    factors = [line.terms.factors for line in lines]
    own = [line.denominator * factor.denominator for line, factor in zip(lines, factors, strict=True)]
    denominator = lcm(*own)
    units = [line.numerator * (denominator // part) for line, part in zip(lines, own, strict=True)]
    uses: dict[str, list[tuple[int, int]]] = {}
    for index, factor in enumerate(factors):
        for position, key in enumerate(factor.keys):
            uses.setdefault(key, []).append((index, position))
    priced = _priced(lines, policies)
    return _Document(
        denominator,
        [
            _Line(line.terms, factor, unit * factor.net, [unit * tax for tax in factor.taxes], whole)
            for line, factor, unit, whole in zip(lines, factors, units, priced, strict=True)
        ],
        units,
        uses,
        any(factor.inside for factor in factors),
    )


def _priced(lines: Sequence[TaxableLine], policies: Policies) -> Sequence[int]:
    """What each line shows: whole minor units that add up to the rounded sum of the exact amounts."""
    denominator = lcm(*[line.denominator for line in lines])
    if denominator == 1:
        return [line.numerator for line in lines]
    exact = [line.numerator * (denominator // line.denominator) for line in lines]
    return tie_to_total(exact, denominator, round_ratio(sum(exact), denominator, policies.rounding))


def _taxes_of_line(line: _Line, denominator: int, policies: Policies) -> Iterator[int]:
    """Each tax of a line, rounded by itself."""
    included = _included_taxes_of_line(line, denominator, policies)
    net = line.priced - sum(included.values())
    rounded: dict[str, int] = {}
    for position, rate in enumerate(line.terms.rates):
        if position in included:
            tax = included[position]
        elif rate.on and line.terms.treatment is not TaxTreatment.REVERSE_CHARGE:
            percent, per = rate.percent.as_integer_ratio()
            base = net + sum(rounded[name] for name in dict.fromkeys(rate.on))
            tax = round_ratio(base * percent, per * 100, policies.rounding)
        else:
            tax = round_ratio(line.taxes[position], denominator, policies.rounding)
        rounded[rate.name] = tax
        yield tax


def _included_taxes_of_line(line: _Line, denominator: int, policies: Policies) -> dict[int, int]:
    inside = line.factors.inside
    if policies.inclusive_tax is InclusiveTax.NET_ROUNDED and inside:
        net = round_ratio(line.net, denominator, policies.rounding)
        exact = [line.taxes[position] for position in inside]
        return dict(zip(inside, tie_to_total(exact, denominator, line.priced - net), strict=True))
    return {
        position: round_ratio(line.taxes[position], denominator, policies.rounding) for position in inside
    }


def _shares_of_document_taxes(document: _Document, policies: Policies) -> list[list[int]]:
    """Per line and rate, its share of the rate's tax over the document."""
    denominator, lines = document.denominator, document.lines
    per_rate = [[lines[index].taxes[at] for index, at in uses] for uses in document.uses.values()]
    exact = [sum(taxes) for taxes in per_rate]
    if policies.lines is LineRounding.SUM_THEN_ROUND:
        whole = tie_to_total(exact, denominator, round_ratio(sum(exact), denominator, policies.rounding))
    else:
        whole = [round_ratio(tax, denominator, policies.rounding) for tax in exact]
    shares = [[0] * len(line.taxes) for line in lines]
    for uses, taxes, total in zip(document.uses.values(), per_rate, whole, strict=True):
        parts = (total,) if len(taxes) == 1 else tie_to_total(taxes, denominator, total)
        for (index, at), part in zip(uses, parts, strict=True):
            shares[index][at] = part
    return shares


def _round_nets(document: _Document, nets: list[int], policies: Policies) -> None:
    """The nets of prices that include tax, from their own sum per set of terms."""
    including: dict[Factors, list[int]] = {}
    for index, line in enumerate(document.lines):
        if line.factors.inside:
            including.setdefault(line.factors, []).append(index)
    for indexes in including.values():
        exact = [document.lines[index].net for index in indexes]
        whole = round_ratio(sum(exact), document.denominator, policies.rounding)
        for index, net in zip(indexes, tie_to_total(exact, document.denominator, whole), strict=True):
            nets[index] = net


def _give_rest_to_included_taxes(document: _Document, taxes: list[list[int]], nets: list[int]) -> None:
    for line, shares, net in zip(document.lines, taxes, nets, strict=True):
        exact = [line.taxes[position] for position in line.factors.inside]
        rest = tie_to_total(exact, document.denominator, line.priced - net)
        for position, tax in zip(line.factors.inside, rest, strict=True):
            shares[position] = tax


def _groups(
    document: _Document, taxes: list[list[int]], nets: list[int], currency: str, policies: Policies
) -> Iterator[TaxGroup]:
    per_line = policies.tax_rounding is TaxRounding.PER_LINE
    lines, units = document.lines, document.units
    for uses in document.uses.values():
        first, position = uses[0]
        terms = lines[first].terms
        tax = sum([taxes[index][at] for index, at in uses])
        if per_line:
            base = sum(_rounded_base(lines[index].terms, at, taxes[index], nets[index]) for index, at in uses)
            exact, denominator = tax, 1
        else:
            base = sum([units[index] * lines[index].factors.bases[at] for index, at in uses])
            exact, denominator = sum([lines[index].taxes[at] for index, at in uses]), document.denominator
        yield TaxGroup(
            rate=terms.rates[position],
            treatment=terms.treatment,
            tax=Money(tax, currency),
            base_exact=base,
            tax_exact=exact,
            denominator=denominator,
            rounding=policies.rounding,
            per_line=per_line,
        )


def _rounded_base(terms: TaxTerms, position: int, taxes: Sequence[int], net: int) -> int:
    on = terms.rates[position].on
    if not on:
        return net
    return net + sum(tax for rate, tax in zip(terms.rates, taxes, strict=True) if rate.name in on)


def _total(document: _Document, sum_of_parts: int, policies: Policies) -> int:
    """The sum of the parts, unless the total is what is rounded."""
    if (
        policies.lines is LineRounding.ROUND_THEN_SUM
        or policies.tax_rounding is TaxRounding.PER_LINE
        or policies.inclusive_tax is InclusiveTax.SUMS_ROUNDED
    ):
        return sum_of_parts
    exact = sum(line.net + sum(line.taxes) for line in document.lines)
    return round_ratio(exact, document.denominator, policies.rounding)
