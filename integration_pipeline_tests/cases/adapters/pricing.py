"""Cases about what a quantity costs: tiers, packages, percentages, commitments, further runs of a period."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from integration_pipeline.billing.money import Money, RoundingMode, round_to_minor
from integration_pipeline.billing.pricing import (
    ExactPrice,
    FlatPrice,
    GraduatedPercentagePrice,
    PackagePrice,
    PercentagePrice,
    PerUnitPrice,
    PriceModel,
    Quantity,
    QuantityRounding,
    Transactions,
    cap,
    consume_units,
    rate,
    rate_each,
    rate_further,
    rerate,
    rerate_runs,
    sum_of,
    total_quantity,
    true_up,
)
from integration_pipeline_tests.cases.notation import (
    Inputs,
    mapping_of,
    number_of,
)
from integration_pipeline_tests.cases.price_notation import (
    answer_each,
    price_of,
    rows_of,
    tiered_price,
)
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_CURRENCY = "USD"
"""Where a case names no currency: the published cases of prices are all of two decimals."""

_QUANTITIES = ("units", "quantity", "calls", "seats", "usage", "amount_base", "total")


@adapter("tiers/*")
def rated(case: Case) -> Mapping[str, Any]:
    """One or several quantities by one price, with what each tier comes to."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        if isinstance(model, PercentagePrice):
            return _figures(case, rate(model, _transactions(inputs), _CURRENCY, case.policies))
        key = inputs.first_of(*_QUANTITIES)
        quantities = inputs.items(key)
        prices = [rate(model, number_of(item, key), _CURRENCY, case.policies) for item in quantities]
        if not isinstance(case.inputs.get(key), list):
            return _figures(case, prices[0])
        amounts = [price.amount for price in prices]
        totals = [price.rounded(case.policies.rounding) for price in prices]
        return {"totals": totals, "total": totals, "amounts": amounts, "amount": amounts}

    return answer_each(case, read)


@adapter("tiers/volume_prorated")
def volume_by_full_units(case: Case) -> Mapping[str, Any]:
    """Units that were prorated, in the tier that the full units choose."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        prorated, full = inputs.number("prorated_units"), inputs.number("full_units")
        return _figures(case, rate(model, prorated, _CURRENCY, case.policies, tier_by=full))

    return answer_each(case, read)


@adapter("tiers/graduated_percentage_running", "tiers/percentage_running")
def fees_by_transaction(case: Case) -> Mapping[str, Any]:
    """The fee of each transaction, and of all together."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        if not isinstance(model, GraduatedPercentagePrice | PercentagePrice):
            raise NotExpressible(f"fees by transaction of a {model.model} price")
        amounts = [number_of(item, "transactions") for item in inputs.items("transactions")]
        fees = [price.amount for price in rate_each(model, amounts, _CURRENCY, case.policies)]
        together = rate(model, Transactions(tuple(amounts)), _CURRENCY, case.policies).amount
        return {"fee_per_transaction": fees, "cumulative": together, "amount": together, "total": together}

    return answer_each(case, read)


@adapter("tiers/graduated_seats_plus_fixed", "tiers/volume_seats_plus_fixed")
def seats_plus_fixed(case: Case) -> Mapping[str, Any]:
    """A fixed amount and seats in tiers on one line."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        fixed = FlatPrice(amount=inputs.amount("fixed"))
        model = price_of(case, inputs)
        seats = inputs.number(inputs.first_of(*_QUANTITIES))
        prices = [rate(item, seats, _CURRENCY, case.policies) for item in (fixed, model)]
        return _figures(case, sum_of(prices, _CURRENCY))

    return answer_each(case, read)


@adapter("tiers/graduated_multi_unit", "tiers/volume_multi_unit")
def several_units(case: Case) -> Mapping[str, Any]:
    """Units of several kinds on one line, each in tiers of its own."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        key = next((name for name in inputs.names if name.startswith("tiers_by_unit")), "tiers_by_unit")
        tables, usage = mapping_of(inputs.get(key), key), mapping_of(inputs.get("usage"), "usage")
        kind = "volume" if inputs.has("policy") and inputs.text("policy") == "TOP_TIER" else "graduated"
        if unknown := set(usage) - set(tables):
            raise NotExpressible(f"usage of {', '.join(sorted(unknown))}, for which there are no tiers")
        prices = [
            rate(
                tiered_price(rows_of(tables[unit], key), kind),
                number_of(quantity, unit),
                _CURRENCY,
                case.policies,
            )
            for unit, quantity in usage.items()
        ]
        return _figures(case, sum_of(prices, _CURRENCY))

    return answer_each(case, read)


@adapter("usage/two_units_one_tier", "usage/units_one_tier")
def units_in_blocks(case: Case) -> Mapping[str, Any]:
    """Units of several kinds on one line, each by the started block."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        prices: list[ExactPrice] = []
        for item in inputs.items("units"):
            unit = Inputs(mapping_of(item, "units"))
            unit.skip("unit")
            model = PackagePrice(package_size=unit.number("block_size"), package_price=unit.number("price"))
            prices.append(rate(model, unit.number("usage"), _CURRENCY, case.policies))
            unit.done()
        return _figures(case, sum_of(prices, _CURRENCY))

    return answer_each(case, read)


@adapter("tiers/graduated_split_period", "tiers/package_split_period", "tiers/volume_split_period")
def further_units(case: Case) -> Mapping[str, Any]:
    """What units cost after others of the same period."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        return _figures(case, _further(inputs, price_of(case, inputs), case))

    return answer_each(case, read)


@adapter("tiers/cumulative_*")
def cumulative_invoices(case: Case) -> Mapping[str, Any]:
    """Successive invoices of one period, each for all units up to then less what was billed."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        runs = {
            named[1]: inputs.number(name)
            for name in inputs.names
            if (named := re.fullmatch(r"(\w+?)_run_(?:cumulative_)?units", name))
        }
        billed = list(rerate_runs(model, runs.values(), _CURRENCY, case.policies))
        invoices = {f"{which}_invoice": run.amount for which, run in zip(runs, billed, strict=True)}
        return {**invoices, "total": billed[-1].rounded}

    return answer_each(case, read)


@adapter("usage/already_billed_delta")
def delta_to_billed(case: Case) -> Mapping[str, Any]:
    """One new item per period: its usage up to now, less what was billed."""
    inputs = Inputs.of(case)
    model = price_of(case, inputs)
    items: list[Money] = []
    for entry in inputs.items("periods"):
        period = Inputs(mapping_of(entry, "periods"))
        period.skip("from", "to")
        usage = [number_of(item, "usage") for item in period.items("usage")]
        billed = _money(period.amount("already_billed"))
        items.append(rerate(model, total_quantity(usage), billed, case.policies).amount)
        period.done()
    inputs.done()
    return {"new_items": items}


@adapter("rounding/sub_cent_usage_not_rebilled")
def no_item_for_nothing(case: Case) -> Mapping[str, Any]:
    """Usage less what was billed, and no item where nothing is left."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        usage = [number_of(item, "usage") for item in inputs.items("usage")]
        run = rerate(model, total_quantity(usage), _money(inputs.amount("already_billed")), case.policies)
        return {"new_items": [run.amount] if run.amount else []}

    return answer_each(case, read)


@adapter("re_rating/*")
def successive_runs(case: Case) -> Mapping[str, Any]:
    """What each run of a period books, and the lines of one of them."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        model = price_of(case, inputs)
        key = inputs.first_of("cumulative_units", "cumulative_units_per_phase")
        units = [number_of(item, key) for item in inputs.items(key)]
        runs = list(rerate_runs(model, units, _CURRENCY, case.policies))
        amounts = [run.amount for run in runs]
        lines = {
            f"phase_{number}_lines": [line.amount for line in run.change.lines()]
            for number, run in enumerate(runs, start=1)
        }
        return {"delta_totals": amounts, "booked": amounts, "total": runs[-1].rounded, **lines}

    return answer_each(case, read)


@adapter("maximum/overage")
def discount_for_overage(case: Case) -> Mapping[str, Any]:
    """What one line is discounted by, given what was billed before; none where it fits."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        line = rate(*_line(inputs.get("line")), _CURRENCY, case.policies)
        maximum, before = inputs.amount("max_spend"), inputs.optional("billed_before") or Decimal(0)
        (capped,) = cap([line], maximum, _CURRENCY, case.policies, billed_before=before)
        discount = capped.discount or None
        return {"discount": discount, "amount": capped.amount, "total": capped.total}

    return answer_each(case, read)


@adapter("maximum/*")
def capped_usage(case: Case) -> Mapping[str, Any]:
    """Rated usage under a maximum for the period, as one line and part by part."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        price = _usage(inputs, price_of(case, inputs), case)
        maximum, before = inputs.amount("maximum"), inputs.optional("previously_billed") or Decimal(0)
        (whole,) = cap([price], maximum, _CURRENCY, case.policies, billed_before=before)
        lines = list(cap(price.lines(), maximum, _CURRENCY, case.policies, billed_before=before))
        return {
            "amount": whole.amount,
            "discount": whole.discount,
            "total": whole.total,
            "amounts": [line.amount for line in lines],
            "discounts": [line.discount for line in lines],
            "lines": [line.total for line in lines],
            "totals": [line.total for line in lines],
        }

    return answer_each(case, read)


@adapter("minimum/*")
def usage_with_minimum(case: Case) -> Mapping[str, Any]:
    """Rated usage and the line that fills it up to the minimum; none where nothing is missing."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        price = _usage(inputs, price_of(case, inputs), case)
        minimum, before = inputs.amount("minimum"), inputs.optional("previously_billed")
        billed = None if before is None else _money(before)
        filled = true_up([price], minimum, _CURRENCY, case.policies, billed_before=billed)
        line = filled.amount or None
        return {
            "minimum_line": line,
            "true_up": line,
            "amount": price.rounded(case.policies.rounding),
            "lines": [part.amount for part in price.lines()],
            "total": filled.total,
        }

    return answer_each(case, read)


@adapter("discount/free_units", "discount/free_units_*")
def free_units(case: Case) -> Mapping[str, Any]:
    """Units that are free, consumed in the order of time."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        consumed = consume_units(
            inputs.number("free_units"),
            inputs.optional("units_before") or Decimal(0),
            inputs.number("units_in_line"),
        )
        return {
            "billable_in_line": consumed.billable,
            "billable_before": consumed.billable_before,
            "discounted_in_line": consumed.covered,
            "free_units_left": consumed.left,
        }

    return answer_each(case, read)


@adapter("rounding/quantity_rounded_*")
def rounded_quantity(case: Case) -> Mapping[str, Any]:
    """A quantity that is rounded before it is priced."""

    def read(inputs: Inputs) -> Mapping[str, object]:
        decimals = inputs.whole("unit_decimals")
        how = inputs.text("unit_rounding").replace("_", " ")
        if how not in set(RoundingMode):
            raise NotExpressible(f"unit_rounding is {how[:60]!r}")
        model = PerUnitPrice(
            unit_price=inputs.amount("unit_price"),
            quantity_rounding=QuantityRounding(decimals=decimals, mode=RoundingMode(how)),
        )
        price = rate(model, inputs.number("quantity_entered"), _CURRENCY, case.policies)
        (part,) = price.parts
        return {**_figures(case, price), "quantity": part.quantity}

    return answer_each(case, read)


def _figures(case: Case, price: ExactPrice) -> dict[str, object]:
    """A price under every name by which cases ask for it: amounts as they are, totals rounded."""
    rounded = price.rounded(case.policies.rounding)
    return {
        "amount": price.amount,
        "total": rounded,
        "amount_cents": rounded,
        "total_cents": rounded,
        "per_tier": [amount for _, amount in price.tier_amounts()],
        "lines": [line.amount for line in price.lines()],
    }


def _usage(inputs: Inputs, model: PriceModel, case: Case) -> ExactPrice:
    """Usage of a whole period, or what one line of it adds to the lines before."""
    if "units_in_line" in inputs.names:
        return _further(inputs, model, case)
    return rate(model, inputs.number(inputs.first_of(*_QUANTITIES)), _CURRENCY, case.policies)


def _further(inputs: Inputs, model: PriceModel, case: Case) -> ExactPrice:
    before = inputs.optional("units_before")
    return rate_further(model, before, inputs.number("units_in_line"), _CURRENCY, case.policies)


def _transactions(inputs: Inputs) -> Transactions:
    """Transactions one by one, or their number and sum with running totals of the first ones."""
    events = inputs.get("events")
    if isinstance(events, list):
        return Transactions(tuple(number_of(item, "events") for item in cast("list[object]", events)))
    running: list[Quantity] = []
    if "running_total" in inputs.names:
        running = [
            number_of(item, "running_total") for item in inputs.items("running_total") if item is not None
        ]
    return Transactions.from_running_totals(running, inputs.number("total"), inputs.whole("events"))


def _line(line: object) -> tuple[PriceModel, Quantity]:
    """`100 x 10` is a hundred units at ten each; a number alone is one amount."""
    stated: Sequence[str] = str(line).split("x")
    numbers = [number_of(part.strip(), "line") for part in stated]
    if len(numbers) == 1:
        return FlatPrice(amount=numbers[0]), 1
    if len(numbers) == 2:
        return PerUnitPrice(unit_price=numbers[1]), numbers[0]
    raise NotExpressible(f"line is {line!r}")


def _money(amount: Decimal) -> Money:
    """An amount that was billed is of whole minor units already."""
    return round_to_minor(amount, _CURRENCY)
