"""Cases about the amount of a single line, and about rounding by itself.

Does not belong here: whole documents (`tax`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import Money, RoundingMode, minor_unit_exponent
from integration_pipeline.billing.policies import DEFAULT, Policies
from integration_pipeline.billing.totals import (
    DocumentLine,
    DocumentTotals,
    Increment,
    LineAmount,
    round_step,
    round_to_increment,
    total_document,
)
from integration_pipeline_tests.cases.document_notation import (
    VARIANTS,
    Document,
    DocumentInputs,
    currency_of,
    read_document,
    with_variant,
)
from integration_pipeline_tests.cases.notation import Inputs, number_of
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_MODES: Mapping[str, RoundingMode] = {
    "normal": RoundingMode.HALF_UP,
    "half-up": RoundingMode.HALF_UP,
    "half-even": RoundingMode.HALF_EVEN,
    "half-down": RoundingMode.HALF_DOWN,
    "upward": RoundingMode.UP,
    "rounding-up": RoundingMode.UP,
    "up": RoundingMode.UP,
    "downward": RoundingMode.DOWN,
    "rounding-down": RoundingMode.DOWN,
    "down": RoundingMode.DOWN,
}
"""What systems call the ways of rounding."""


@adapter(
    "rounding/line_discount_round_then_sum",
    "rounding/line_discount_sum_then_round",
    "rounding/line_discount_regular_price",
    "rounding/line_discount_quantity",
    "rounding/line_*",
    "discount/percent_of_other_base",
)
def line_figures(case: Case) -> Mapping[str, Any]:
    """The steps of one line: sum, discount, total."""
    inputs = DocumentInputs(case.inputs)
    document = read_document(inputs, case)
    inputs.done()
    answers: dict[str, Any] = {}
    for name in case.asked:
        form = case.expected[name]
        if name in VARIANTS and isinstance(form, Mapping):
            policies = with_variant(case.policies, name)
            keys = tuple(cast("Mapping[str, Any]", form))
            answers[name] = {key: _line_figure(key, document, policies) for key in keys}
        else:
            answers[name] = _line_figure(name, document, case.policies)
    return answers


def _line_figure(name: str, document: Document, policies: Policies) -> Any:
    lines = document.line_amounts(policies)
    if len(lines) != 1:
        raise NotExpressible(f"{len(lines)} lines with a price, not one")
    line: LineAmount = lines[0]
    match name:
        case "sum":
            return line.sum
        case "discount":
            return line.discount
        case "total" | "amount":
            return line.exact
        case _:
            raise NotExpressible(f"no figure of a line is known as {name!r}")


@adapter("rounding/rules")
def step_rounding(case: Case) -> Mapping[str, Any]:
    """What a step of a calculation keeps, by the name of the rule and a currency."""
    inputs = Inputs.of(case)
    results: list[Decimal] = []
    for entry in inputs.items("cases"):
        if not isinstance(entry, list):
            raise NotExpressible(f"a case is {str(entry)[:60]!r}, not a rule and a value")
        rule, value = cast("list[str]", entry)
        name, _, currency = rule.partition(" ")
        if name not in VARIANTS:
            raise NotExpressible(f"no rounding rule is known as {name!r}")
        policies = with_variant(case.policies, name)
        results.append(round_step(number_of(value, "cases"), currency or currency_of(inputs), policies))
    inputs.skip("currency")
    inputs.done()
    return dict.fromkeys(case.asked, results)


@adapter("tax/round_to_increment", "rounding/to_increment")
def multiples(case: Case) -> Mapping[str, Any]:
    """A value rounded to each of several increments."""
    inputs = Inputs.of(case)
    value = inputs.number("value")
    mode = _mode(inputs.text("mode")) if inputs.has("mode") else case.policies.rounding
    key = inputs.first_of("increments", "increment")
    results = [round_to_increment(value, number_of(increment, key), mode) for increment in inputs.items(key)]
    inputs.done()
    return dict.fromkeys(case.asked, results if key == "increments" else results[0])


@adapter("rounding/cash_rounding")
def cash_rounding(case: Case) -> Mapping[str, Any]:
    """The line by which a total becomes a multiple of an increment."""
    inputs = Inputs.of(case)
    currency = currency_of(inputs)
    if inputs.has("cases"):
        entries = [cast("list[Any]", entry) for entry in inputs.items("cases")]
    else:
        entries = [[inputs.get(name) for name in ("total", "increment", "mode")]]
    rounded = [_rounded(entry, currency) for entry in entries]
    inputs.skip("currency")
    inputs.done()
    answers: dict[str, Any] = {}
    for name in case.asked:
        figures = [_names(totals).get(name) for totals in rounded]
        if None in figures:
            raise NotExpressible(f"no figure of cash rounding is known as {name!r}")
        answers[name] = figures if inputs.has("cases") else figures[0]
    return answers


def _names(totals: DocumentTotals) -> dict[str, Money]:
    adjustment, rounded = totals.rounding, totals.total
    return {
        "adjustment": adjustment,
        "difference": adjustment,
        "rounding": adjustment,
        "total": rounded,
        "rounded": rounded,
        "rounded_total": rounded,
    }


def _rounded(entry: list[Any], currency: str) -> DocumentTotals:
    if len(entry) != 3:
        raise NotExpressible(f"{entry} is not a total, an increment and a mode")
    total, increment, mode = entry
    minor = number_of(total, "total").scaleb(minor_unit_exponent(currency))
    if minor != minor.to_integral_value():
        raise NotExpressible(f"a total of {total} has more decimals than {currency}")
    step = Increment(step=number_of(increment, "increment"), mode=_mode(str(mode)))
    try:
        return total_document([DocumentLine(int(minor))], currency, DEFAULT, increment=step)
    except BillingError as error:
        raise NotExpressible(str(error)) from None


def _mode(name: str) -> RoundingMode:
    if (mode := _MODES.get(name.strip().lower().replace("_", "-").replace(" ", "-"))) is None:
        raise NotExpressible(f"no way of rounding is known as {name!r}")
    return mode
