"""What a change of a contract does to its revenue (ASC 606-10-25-10 to 25-13).

Belongs here: which treatment applies, and the four treatments. Does not belong here: the shape of the result
(`modified`), what the change costs and how it is invoiced (`amendments`), or entries (`entries`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.money import Money, minor_unit_exponent
from integration_pipeline.billing.periods import Period
from integration_pipeline.billing.policies import MixedModification, Policies
from integration_pipeline.billing.revenue.allocation import allocate_price
from integration_pipeline.billing.revenue.curves import ServiceSpan
from integration_pipeline.billing.revenue.modified import (
    ModifiedContract,
    ModifiedObligation,
    ModifiedPromise,
    Treatment,
    total_of,
)
from integration_pipeline.billing.revenue.obligations import (
    ByProgress,
    Obligation,
    OnUsage,
    OverTime,
    PointInTime,
    Recognition,
    plan_of,
)
from integration_pipeline.billing.revenue.recognition import StepPlan


def treatment_of(
    remaining_distinct: Collection[bool],
    added_price: Money | None = None,
    added_standalone_price: Money | None = None,
    *,
    added_distinct: bool = True,
) -> Treatment:
    """Which treatment the facts ask for; `remaining_distinct` says so of every promise not yet fulfilled.

    Added goods are a separate contract if they are distinct and their price is their standalone price.
    """
    at_standalone_price = added_price is not None and added_price == added_standalone_price
    if at_standalone_price and added_distinct:
        return Treatment.SEPARATE_CONTRACT
    distinct = [*remaining_distinct, *([added_distinct] if added_price is not None else [])]
    if all(distinct):
        return Treatment.PROSPECTIVE
    return Treatment.MIXED if any(distinct) else Treatment.CATCH_UP


def updated_price(obligations: Sequence[Obligation], added: Money) -> Money:
    """The transaction price after consideration was added (negative: taken away) to what was agreed."""
    return sum((each.amount for each in obligations), added)


def add_separate_contract(
    original: Sequence[Obligation], added: Sequence[Obligation], day: date, policies: Policies
) -> ModifiedContract:
    """Both sets of obligations side by side, each earned as it was agreed.

    Raises `InvalidTerms` if what is added does not cost its standalone price: then another treatment applies.
    """
    problems = [
        (
            f"added[{index}].amount",
            f"{each.amount.format()} is not the standalone price; treat it as a change of the contract",
        )
        for index, each in enumerate(added)
        if each.standalone_price * 10 ** minor_unit_exponent(each.amount.currency) != each.amount.minor
    ]
    if not original:
        problems.append(("original", "there are no obligations to add to"))
    if problems:
        raise InvalidTerms(problems)
    obligations: list[ModifiedObligation] = []
    for each in (*original, *added):
        plan = each.plan(policies)
        recognized = plan.until(day)
        none = Money(0, each.amount.currency)
        obligations.append(ModifiedObligation(each.key, recognized, none, none, plan, plan))
    currency = original[0].amount.currency
    return ModifiedContract(
        Treatment.SEPARATE_CONTRACT,
        day,
        total_of((each.amount for each in (*original, *added)), currency),
        total_of((each.recognized for each in obligations), currency),
        tuple(obligations),
    )


def modify(
    price: Money,
    promises: Sequence[ModifiedPromise],
    day: date,
    policies: Policies,
    treatment: Treatment | None = None,
) -> ModifiedContract:
    """Account for a modification on `day` after which the whole transaction price is `price`.

    Without a `treatment`, the one that the promises' distinctness asks for. Promises fulfilled before `day`
    keep their revenue, except in a catch-up of the whole contract. Raises `InvalidTerms` where more was
    recognized than the price leaves, or nothing remains to which the rest could be allocated.
    """
    _refuse_impossible(price, promises)
    if treatment is None:
        open_promises = [each for each in promises if not _fulfilled(each.promise.recognition, day)]
        treatment = treatment_of([each.distinct for each in open_promises])
    match treatment:
        case Treatment.CATCH_UP:
            return _catch_up(price, promises, day, policies)
        case Treatment.PROSPECTIVE | Treatment.MIXED:
            return _reallocate_rest(price, promises, day, policies, treatment)
        case Treatment.SEPARATE_CONTRACT:
            raise InvalidTerms([("treatment", "a separate contract changes nothing; add it beside this one")])


def _catch_up(
    price: Money, promises: Sequence[ModifiedPromise], day: date, policies: Policies
) -> ModifiedContract:
    allocation = allocate_price(price, [each.promise for each in promises], policies)
    obligations = tuple(
        _restated(each, amount, day, policies)
        for each, amount in zip(promises, allocation.amounts.values(), strict=True)
    )
    historical = total_of((each.recognized for each in promises), price.currency)
    return ModifiedContract(
        Treatment.CATCH_UP, day, price, historical, obligations, allocation, restates=True
    )


def _reallocate_rest(
    price: Money, promises: Sequence[ModifiedPromise], day: date, policies: Policies, treatment: Treatment
) -> ModifiedContract:
    """Prospective and mixed: fulfilled promises keep what they earned, the others share what is left."""
    historical = total_of((each.recognized for each in promises), price.currency)
    kept = [each for each in promises if _fulfilled(each.promise.recognition, day)]
    rest = [each for each in promises if not _fulfilled(each.promise.recognition, day)]
    if not rest:
        raise InvalidTerms([("promises", f"all were fulfilled before {day}; nothing remains to be modified")])
    by_total = treatment is Treatment.MIXED and policies.mixed_modification is MixedModification.TOTAL_PRICE
    # Under the total-price policy revenue already recognized counts towards the shares; otherwise it is gone.
    spent = kept if by_total else promises
    to_allocate = price - total_of((each.recognized for each in spent), price.currency)
    if to_allocate.minor < 0:
        raise InvalidTerms(
            [
                (
                    "price",
                    f"{price.format()} is less than the {historical.format()} recognized before {day}; "
                    "reverse revenue with a catch-up, or credit it first",
                )
            ]
        )
    shared = [
        each.promise
        if by_total or each.remaining_standalone_price is None
        else replace(each.promise, standalone_price=each.remaining_standalone_price)
        for each in rest
    ]
    allocation = allocate_price(to_allocate, shared, policies)
    amounts = allocation.amounts
    if by_total:
        _refuse_over_recognized(rest, amounts)
    obligations = tuple(
        _unchanged(each)
        if each.key not in amounts
        else _goes_on(each, amounts[each.key], day, policies, includes_recognized=by_total)
        if each.distinct or treatment is Treatment.PROSPECTIVE
        else _restated(
            each, amounts[each.key] if by_total else amounts[each.key] + each.recognized, day, policies
        )
        for each in promises
    )
    return ModifiedContract(
        treatment, day, price, historical, obligations, allocation, restates=treatment is Treatment.MIXED
    )


def _restated(each: ModifiedPromise, amount: Money, day: date, policies: Policies) -> ModifiedObligation:
    """As if `amount` had been the obligation's price from the start."""
    plan = plan_of(amount, each.promise.recognition, policies)
    catch_up = plan.until(day) - each.recognized
    none = Money(0, amount.currency)
    return ModifiedObligation(each.key, each.recognized, catch_up, none, plan, each.original)


def _goes_on(
    each: ModifiedPromise, amount: Money, day: date, policies: Policies, *, includes_recognized: bool
) -> ModifiedObligation:
    """Revenue so far stays; the allocated amount, less what it includes of that, is earned from `day` on."""
    rest = amount - each.recognized if includes_recognized else amount
    plan = plan_of(rest, _from(each.promise.recognition, day), policies)
    none = Money(0, amount.currency)
    return ModifiedObligation(each.key, each.recognized, none, each.recognized, plan, each.original)


def _unchanged(each: ModifiedPromise) -> ModifiedObligation:
    none = Money(0, each.recognized.currency)
    return ModifiedObligation(
        each.key, each.recognized, none, each.recognized, StepPlan(none, ()), each.original
    )


def _fulfilled(recognition: Recognition, day: date) -> bool:
    match recognition:
        case OverTime(period):
            return _civil(period).end <= day
        case PointInTime(transferred):
            return transferred < day
        case OnUsage() | ByProgress():
            return False


def _from(recognition: Recognition, day: date) -> Recognition:
    """What of a recognition lies on or after `day`; of progress, the share of what then remains."""
    match recognition:
        case OverTime(period):
            civil = _civil(period)
            return OverTime(Period(max(civil.start, day), civil.end))
        case PointInTime():
            return recognition
        case OnUsage(amounts):
            return OnUsage(tuple(each for each in amounts if each[0] >= day))
        case ByProgress(reached):
            before = max((share for on, share in reached if on < day), default=Fraction(0))
            return ByProgress(
                tuple(
                    (on, (share - before) / (1 - before)) for on, share in reached if on >= day and before < 1
                )
            )


def _civil(period: Period | ServiceSpan) -> Period:
    return period.civil() if isinstance(period, ServiceSpan) else period


def _refuse_impossible(price: Money, promises: Sequence[ModifiedPromise]) -> None:
    problems = [("promises", "there are none; name what the contract still promises")] if not promises else []
    if price.minor < 0:
        problems.append(("price", f"{price.format()} is negative; a contract's price is not"))
    problems += [
        (f"promises[{index}].recognized", f"is in {each.recognized.currency}, the price in {price.currency}")
        for index, each in enumerate(promises)
        if each.recognized.currency != price.currency
    ]
    if problems:
        raise InvalidTerms(problems)


def _refuse_over_recognized(rest: Sequence[ModifiedPromise], amounts: dict[str, Money]) -> None:
    """A distinct remainder is never restated, so its share of the total must hold what it earned already."""
    problems = [
        (
            f"promises.{each.key[:80]}",
            f"{each.recognized.format()} is recognized, more than its share of the price, "
            f"{amounts[each.key].format()}; allocate the remaining price instead",
        )
        for each in rest
        if each.distinct and each.recognized.minor > amounts[each.key].minor
    ]
    if problems:
        raise InvalidTerms(problems)
