"""Reading documents as published cases write them: lines, taxes, discounts.

Belongs here: which key means which term, and cents against currency units. Does not belong here: arithmetic,
or what a case asks (`adapters`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.discounts import Discount, DiscountBase
from integration_pipeline.billing.money import Money, minor_unit_exponent
from integration_pipeline.billing.policies import (
    InclusiveTax,
    LineRounding,
    Policies,
    StepPrecision,
    TaxRounding,
)
from integration_pipeline.billing.tax import (
    RegionRule,
    TaxRate,
    TaxTerms,
    TaxTreatment,
    tax_for,
    without_included_tax,
)
from integration_pipeline.billing.totals import (
    DocumentLine,
    DocumentTotals,
    LineAmount,
    line_amount,
    total_document,
)
from integration_pipeline_tests.cases.notation import Inputs, amount_of, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "precise": {"steps": StepPrecision.TWO_MORE, "lines": LineRounding.SUM_THEN_ROUND},
    "currency": {"steps": StepPrecision.CURRENCY, "lines": LineRounding.ROUND_THEN_SUM},
    "round_per_line": {"tax_rounding": TaxRounding.PER_LINE},
    "round_globally": {
        "tax_rounding": TaxRounding.PER_DOCUMENT,
        "inclusive_tax": InclusiveTax.SUMS_ROUNDED,
    },
    "round_net": {"inclusive_tax": InclusiveTax.NET_ROUNDED},
    "round_tax": {"inclusive_tax": InclusiveTax.TAX_ROUNDED},
    "document": {"lines": LineRounding.SUM_THEN_ROUND, "tax_rounding": TaxRounding.PER_DOCUMENT},
    "per_line": {"lines": LineRounding.ROUND_THEN_SUM, "tax_rounding": TaxRounding.PER_LINE},
    "document_level": {"tax_rounding": TaxRounding.PER_DOCUMENT},
}
"""What the names of figures that are stated under several conventions mean as policies."""

_AMOUNTS = ("net", "amount", "lines", "fees", "fee", "subtotal", "value", "")
_INCLUSIVE_AMOUNTS = ("gross", "lines_gross", "total_incl", "amount_incl")
_PRICES = ("price", "unit_price")
_INCLUSIVE_PRICES = ("price_incl", "unit_price_incl", "price_gross")
_QUANTITIES = ("qty", "quantity", "units")
_FRACTIONS = ("rate", "tax_rate", "vat_rate")
_LINE_DISCOUNTS = ("discount_percent", "line_discount_percent", "discount_amount", "line_discount_amount")


class DocumentInputs(Inputs):
    """Inputs whose values may be looked at before it is known how they are to be read."""

    def peek(self, key: str) -> Any:
        """The value, or None, without counting it as read."""
        return self._values.get(key)

    def entries(self) -> list[DocumentInputs]:
        """One reading per entry of `cases`, a bare amount being a net amount; or itself."""
        listed = self.peek("cases")
        if not isinstance(listed, list):
            return [self]
        shared = {name: value for name, value in self._values.items() if name != "cases"}
        return [
            DocumentInputs({**shared, **(item if isinstance(item, Mapping) else {"net": item})})
            for item in cast("list[Any]", listed)
        ]


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a case, not yet computed: lines stated by prices, or by amounts in currency units."""

    currency: str
    lines: tuple[_PricedLine | _AmountLine, ...]
    discounts: tuple[Discount, ...]

    def line_amounts(self, policies: Policies) -> tuple[LineAmount, ...]:
        """The lines that state a price, computed."""
        return tuple(
            line.computed(self.currency, policies) for line in self.lines if isinstance(line, _PricedLine)
        )

    def totals(self, policies: Policies) -> DocumentTotals:
        """The document, computed."""
        lines = [
            line.in_document(self.currency, policies)
            if isinstance(line, _PricedLine)
            else line.in_document(self.currency)
            for line in self.lines
        ]
        return total_document(lines, self.currency, policies, self.discounts)


@dataclass(frozen=True, slots=True)
class _PricedLine:
    quantity: Decimal
    price: Decimal
    tax: TaxTerms
    discounts: tuple[Discount, ...]

    def computed(self, currency: str, policies: Policies) -> LineAmount:
        price = without_included_tax(self.price, self.tax, currency, policies)
        return line_amount(self.quantity, price, currency, policies, self.discounts)

    def in_document(self, currency: str, policies: Policies) -> DocumentLine:
        left = self.computed(currency, policies).discounted
        tax = self.tax
        if tax.treatment is TaxTreatment.INCLUSIVE:
            # The price is net by now.
            tax = TaxTerms(rates=tax.rates)
        return DocumentLine(left.numerator, left.denominator, tax)


@dataclass(frozen=True, slots=True)
class _AmountLine:
    amount: Decimal
    tax: TaxTerms

    def in_document(self, currency: str) -> DocumentLine:
        return DocumentLine(*self.amount.scaleb(minor_unit_exponent(currency)).as_integer_ratio(), self.tax)


def in_cents(inputs: Mapping[str, Any]) -> bool:
    """Whether a case states its amounts in cents, by any of its keys, at any depth."""
    return any("cents" in key or _holds_cents(value) for key, value in inputs.items())


def _holds_cents(value: Any) -> bool:
    if isinstance(value, Mapping):
        return in_cents(cast("Mapping[str, Any]", value))
    return isinstance(value, list) and any(_holds_cents(item) for item in cast("list[Any]", value))


def shown(figure: Any, *, cents: bool) -> Any:
    """Money as the case writes it: in minor units if it does, else as Money."""
    match figure:
        case Money():
            return figure.minor if cents else figure
        case dict():
            entries = cast("dict[str, Any]", figure)
            return {key: shown(value, cents=cents) for key, value in entries.items()}
        case list() | tuple():
            return [shown(item, cents=cents) for item in cast("Sequence[Any]", figure)]
        case _:
            return figure


def currency_of(inputs: Inputs) -> str:
    """The currency stated, or one with two decimals."""
    return inputs.text("currency") if inputs.has("currency") else "EUR"


def read_document(inputs: DocumentInputs, case: Case) -> Document:
    """The document that the inputs state. Raises `NotExpressible`, also for terms that the engine refuses."""
    try:
        return _read_document(inputs, case)
    except ValueError as refused:
        raise NotExpressible(f"the engine refuses these terms: {str(refused)[:300]}") from None


def _read_document(inputs: DocumentInputs, case: Case) -> Document:
    shared = _shared_taxes(inputs, case)
    discounts = tuple(_document_discounts(inputs))
    currency = currency_of(inputs)
    if _list_key(inputs):
        lines = _listed_lines(inputs, shared)
    else:
        lines = [_line(inputs, shared.for_line(0, inputs))]
    return Document(currency, tuple(lines), discounts)


@dataclass(frozen=True, slots=True)
class _SharedTaxes:
    """Taxes stated for the whole document: for all lines, or one percentage per line."""

    customer: TaxTerms | None
    per_line: tuple[TaxTerms, ...]
    region: str | None
    rules: tuple[RegionRule, ...]

    def for_line(self, index: int, line: DocumentInputs | None) -> TaxTerms:
        own = None if line is None else _own_tax(line)
        if own is None and self.per_line:
            if index >= len(self.per_line):
                raise NotExpressible(f"no tax is stated for line {index + 1}")
            own = self.per_line[index]
        return tax_for(own, self.customer, self.region, self.rules)


def _shared_taxes(inputs: DocumentInputs, case: Case) -> _SharedTaxes:
    per_line: tuple[TaxTerms, ...] = ()
    customer: TaxTerms | None = None
    if isinstance(inputs.peek("tax_percent"), list):
        per_line = tuple(_taxed_at(number_of(value, "tax_percent")) for value in inputs.items("tax_percent"))
    elif inputs.has("customer_rate"):
        customer = _taxed_at(_percent_of_fraction(inputs.number("customer_rate")))
    elif inputs.has("taxes"):
        customer = _listed_taxes(inputs, case)
    rules: tuple[RegionRule, ...] = ()
    region = inputs.text("region") if inputs.has("region") else None
    if inputs.has("rules"):
        stated = inputs.inner("rules")
        rules = tuple(
            RegionRule(region=name, tax=_taxed_at(_percent_of_fraction(stated.number(name))))
            for name in stated.names
        )
    return _SharedTaxes(customer, per_line, region, rules)


def _own_tax(line: DocumentInputs) -> TaxTerms | None:
    """The tax stated beside an amount: one rate, or several that each name their tax (`gst_percent`)."""
    stated = [name for name in line.names if _is_tax_percent(name) and line.has(name)]
    percents = {name: line.number(name) for name in stated if not isinstance(line.peek(name), list | Mapping)}
    if len(percents) == 1:
        return _taxed_at(next(iter(percents.values())))
    if percents:
        return TaxTerms(
            rates=tuple(
                TaxRate(name=name.removesuffix("_percent"), percent=percent)
                for name, percent in percents.items()
            )
        )
    for name in _FRACTIONS:
        if line.has(name):
            return _taxed_at(_percent_of_fraction(line.number(name)))
    return None


def _is_tax_percent(name: str) -> bool:
    is_percent = name == "percent" or name.endswith("_percent")
    return is_percent and not re.search("discount|coupon|percent_coupon", name)


def _percent_of_fraction(rate: Decimal) -> Decimal:
    """A rate of 0.15 is 15 percent: another way to write the same."""
    return rate.scaleb(2)


def _taxed_at(percent: Decimal) -> TaxTerms:
    return TaxTerms(rates=(TaxRate(name=f"{percent.normalize():f} %", percent=percent),))


def _inclusive(tax: TaxTerms) -> TaxTerms:
    if tax.treatment is not TaxTreatment.EXCLUSIVE:
        return tax
    return TaxTerms(treatment=TaxTreatment.INCLUSIVE, rates=tax.rates)


def _listed_taxes(inputs: DocumentInputs, case: Case) -> TaxTerms:
    """A list of taxes that may stand on each other, or a text that refers to the list of a sibling."""
    value = inputs.get("taxes")
    included: list[str] = []
    if isinstance(value, str):
        if not (found := re.search(r"(\w+(?:(?:, | and )\w+)*) price-included", value)):
            raise NotExpressible(f"taxes is {value!r}")
        included = re.split(r", | and ", found[1])
        value = _taxes_of_sibling(case)
    if not isinstance(value, list):
        raise NotExpressible(f"taxes is {str(value)[:60]!r}, not a list")
    rates: list[TaxRate] = []
    bases: list[str] = []
    all_included = not included and inputs.has("price_include") and inputs.get("price_include") is True
    for item in cast("list[Any]", value):
        tax = Inputs(item)
        name = tax.text("name")
        chained = tax.get("adds_to_base_of_later_taxes") if tax.has("adds_to_base_of_later_taxes") else False
        affected = tax.get("affected_by_previous") if tax.has("affected_by_previous") else True
        if tax.has("base"):
            stated = [part.strip() for part in tax.text("base").split("+")]
            on = tuple(part for part in stated if part != "net")
        else:
            on = tuple(bases) if affected else ()
        rates.append(
            TaxRate(
                name=name,
                percent=tax.number("percent"),
                on=on,
                on_top=not all_included and bool(included) and name not in included,
            )
        )
        if chained:
            bases.append(name)
        tax.done()
    inputs.skip("price_include")
    treatment = TaxTreatment.INCLUSIVE if included or all_included else TaxTreatment.EXCLUSIVE
    return TaxTerms(treatment=treatment, rates=tuple(rates))


def _taxes_of_sibling(case: Case) -> Any:
    """The taxes that a case refers to in words: those of the case in the same room that lists them."""
    for other in case.siblings:
        if other.family == case.family and isinstance(other.inputs.get("taxes"), list):
            return other.inputs["taxes"]
    raise NotExpressible("taxes are those of another case, which the file does not hold")


def _list_key(inputs: DocumentInputs) -> str | None:
    """The key under which several lines are listed."""
    for name in ("lines", "lines_cents", "lines_gross", "lines_gross_cents", "fees", "fees_cents", "nets"):
        if isinstance(inputs.peek(name), list):
            return name
    return None


def _listed_lines(inputs: DocumentInputs, shared: _SharedTaxes) -> list[_PricedLine | _AmountLine]:
    key = _list_key(inputs)
    if key is None:
        raise NotExpressible("lines are not a list")
    common = None if shared.per_line else _own_tax(inputs)
    lines: list[_PricedLine | _AmountLine] = []
    for index, item in enumerate(inputs.items(key)):
        if isinstance(item, Mapping):
            line = DocumentInputs(cast("Mapping[str, Any]", item))
            tax = shared.for_line(index, line) if common is None else (_own_tax(line) or common)
            lines.append(_line(line, tax))
            line.done()
            continue
        tax = common or shared.for_line(index, None)
        is_gross = "gross" in key
        lines.append(_AmountLine(amount_of(item, key), _inclusive(tax) if is_gross else tax))
    return lines


def _line(inputs: DocumentInputs, tax: TaxTerms) -> _PricedLine | _AmountLine:
    for name in (*_PRICES, *_INCLUSIVE_PRICES):
        if inputs.has(name) or inputs.has(f"{name}_cents"):
            quantity = next((inputs.number(key) for key in _QUANTITIES if inputs.has(key)), Decimal(1))
            taxes = _inclusive(tax) if name in _INCLUSIVE_PRICES else tax
            return _PricedLine(quantity, inputs.amount(name), taxes, tuple(_line_discounts(inputs)))
    for name in _INCLUSIVE_AMOUNTS:
        if inputs.has(name) or inputs.has(f"{name}_cents"):
            return _AmountLine(inputs.amount(name), _inclusive(tax))
    for name in _AMOUNTS:
        for key in (f"{name}_cents" if name else "cents", name):
            if key and inputs.has(key):
                return _AmountLine(amount_of(inputs.get(key), key), tax)
    raise NotExpressible(f"no amount among {', '.join(inputs.names)}")


def _line_discounts(inputs: DocumentInputs) -> list[Discount]:
    base = inputs.optional("discount_base") if inputs.has("discount_base") else None
    found: list[Discount] = []
    for name in _LINE_DISCOUNTS:
        if inputs.has(name):
            if name.endswith("percent"):
                found.append(Discount(percent=inputs.number(name), percent_of=base))
            else:
                found.append(Discount(amount=inputs.number(name)))
    return found


def _document_discounts(inputs: DocumentInputs) -> list[Discount]:
    """Discounts on the whole document; `percent` and `fixed` may be lists."""
    found: list[Discount] = []
    for name in inputs.names:
        if name == "discount_percent_on_grand_total":
            found.append(Discount(percent=inputs.number(name), base=DiscountBase.GRAND_TOTAL))
        elif name in ("discount_on_grand_total", "discount_amount_on_grand_total"):
            found.append(Discount(amount=inputs.number(name), base=DiscountBase.GRAND_TOTAL))
        elif name in ("coupon_percent", "percent_coupon", "document_discount_percent"):
            found.extend(Discount(percent=number_of(item, name)) for item in inputs.items(name))
        elif re.fullmatch(r"(fixed_)?coupon(_amount)?(_cents)?|document_discount(_cents)?", name):
            found.extend(Discount(amount=amount_of(item, name)) for item in inputs.items(name))
    return found


def with_variant(policies: Policies, name: str) -> Policies:
    """`policies` changed to what the name of a figure says of its convention."""
    return replace(policies, **VARIANTS[name])
