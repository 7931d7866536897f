"""The questions on which billing systems disagree, each as an enumeration of its named answers.

Belongs here: what can be chosen, and what each choice means. Does not belong here: which choice a profile
makes (`profiles`), or what a choice computes (that is beside the arithmetic it steers).
"""

from __future__ import annotations

from enum import StrEnum


class MonthEnd(StrEnum):
    """What becomes of an anchor day that a month does not have."""

    KEEPS_DAY = "keeps its day"
    """31 Jan, 28 Feb, 31 Mar."""
    CLAMPS = "clamps for good"
    """31 Jan, 28 Feb, 28 Mar."""
    LAST_DAY = "the last day stays the last day"
    """28 Feb 2023, 31 Mar, 30 Apr: a start on a month's last day bills on every month's last day."""


class DayCount(StrEnum):
    """Which share of a full period's price a part of it costs."""

    ACTUAL = "actual days / actual days of the full period"
    """15 days of 2026-01-01..2026-02-01 cost 15/31; a quarter counts all the days of that quarter."""
    ACTUAL_OVER_30 = "actual days / 30 per month"
    FIXED_MONTH = "days of a fixed month / its length"
    """A month has `fixed_month_days` days in denominator and numerator: crossing a month's end counts the
    first month as that long (Kill Bill's `proration.fixed.days`)."""
    THIRTY_360 = "30/360: every month has 30 days, its last day is the 30th"
    ACTUAL_365 = "actual days / 365 per year"
    ELAPSED = "elapsed seconds / seconds of the full period"
    MONTHS_THEN_DAYS = "whole months first, then actual days of the anchored month"
    """A quarter's stub of one month and ten days costs (1 + 10/31) thirds of the quarter."""
    FULL = "a started period is paid in full"
    FREE = "a part of a period is free"
    CUSTOM = "by the company's own rule"
    """The proration among `Policies.custom`."""


class AmountSplit(StrEnum):
    """How the price of one period is divided among parts of that period."""

    CUMULATIVE = "cumulative"
    """round(total up to the part's end) − round(total up to its start): nothing is lost at any cut."""
    EACH_ALONE = "each part rounded by itself"
    LAST_TAKES_REST = "each part rounded by itself, the last takes the rest"
    LARGEST_REMAINDER = "largest remainder"


class DifferenceRounding(StrEnum):
    """How the difference of two amounts is rounded, such as a true-up up to a minimum."""

    OF_ROUNDED = "difference of the rounded amounts"
    ROUNDED = "the exact difference, rounded"


class StepPrecision(StrEnum):
    """To what the steps inside one line (price × quantity, less discount) are rounded."""

    EXACT = "exact until the line's amount"
    CURRENCY = "every step to the currency's minor unit"
    TWO_MORE = "every step to two places more than the currency"


class LineRounding(StrEnum):
    """Whether a document's total is made of rounded lines."""

    ROUND_THEN_SUM = "round each line, then sum"
    SUM_THEN_ROUND = "sum exactly, then round the total"


class CancellationDay(StrEnum):
    """Whether the day on which a contract ends is served and paid."""

    NOT_BILLED = "not billed"
    BILLED = "billed"
    BILLED_UNLESS_REPLACED = "billed, except when another plan takes over that day"


class ArrearsIssueDay(StrEnum):
    """On which day a charge in arrears is invoiced."""

    DAY_AFTER_PERIOD = "day after the service period"
    """The first day no longer served, which is the half-open end of the period."""
    LAST_DAY_OF_PERIOD = "last day of the service period"


class ZeroUsage(StrEnum):
    """Whether the flat fee of the first tier is charged when nothing was used."""

    NOT_CHARGED = "nothing is charged for no usage"
    FIRST_FLAT_CHARGED = "the first tier's flat fee is charged"


class TierBound(StrEnum):
    """In which tier a quantity lies that equals a tier's bound."""

    UPPER_INCLUSIVE = "upper bound inclusive"
    """Up to 100 holds exactly 100; 100.5 lies in the next tier."""
    UPPER_EXCLUSIVE = "upper bound exclusive"
    """The tier from 100 begins with the unit numbered 100 (counted from zero)."""


class BeyondLastTier(StrEnum):
    """What a quantity costs that lies beyond the last tier, where that one has an upper bound."""

    REFUSED = "refused"
    """No price was agreed for it, so none is guessed."""
    LAST_TIER_GOES_ON = "the last tier goes on"
    NO_FURTHER_TIER = "no tier is entered beyond the last"
    """Graduated tiers bill nothing for what lies beyond; the last volume tier prices the whole quantity."""


class DiscountOrder(StrEnum):
    """In which order the discounts of a line or document are taken, and off what."""

    PERCENT_FIRST = "percentages first, then amounts, each off the remainder"
    AS_STATED = "as listed, each off the remainder"
    OFF_THE_TOTAL = "each off the undiscounted total"


class DiscountShare(StrEnum):
    """How a discount on a document lowers what its lines are taxed on."""

    ROUNDED = "whole minor units, by largest remainder"
    EXACT = "exact shares"
    """Tax is computed on lines less an unrounded share; what a line shows is still whole minor units."""


class CreditTax(StrEnum):
    """From what the tax of a partial credit note is computed. The last note takes what is left."""

    PRORATED = "the credited share of the invoiced tax"
    RECOMPUTED = "the tax rate on the credited net amount"


class FrequencyChange(StrEnum):
    """What a change from one billing frequency to another does to the billing day."""

    NEW_CYCLE = "a new cycle starts at the change"
    ANNIVERSARY_KEPT = "the anniversary stays, the first period of the new cycle is a stub"


class Downgrade(StrEnum):
    """When a change to a cheaper plan takes effect."""

    AT_ONCE = "at once, with a credit"
    PERIOD_END = "at the end of the paid period"


class Correction(StrEnum):
    """On what kind of document credits for a changed contract appear."""

    NET_DOCUMENT = "lines of the next invoice, or a credit note if credits outweigh it"
    CREDIT_NOTE = "a credit note of their own"


class TaxRounding(StrEnum):
    """Where tax is rounded."""

    PER_DOCUMENT = "per document and rate"
    PER_LINE = "per line"


class InclusiveTax(StrEnum):
    """Which part of a price that includes tax is computed and rounded; the other is the rest."""

    TAX_ROUNDED = "tax is rounded, net is the rest"
    NET_ROUNDED = "net is rounded, tax is the rest"
    SUMS_ROUNDED = "a document's net and its taxes are each rounded"
    """A document of 17.79 twice at 12 % has 31.77 net and 3.82 tax, a cent more than its prices (Odoo's
    `round_globally`). Where tax is rounded per line there are no such sums, and net is the rest."""


class RevenueGranularity(StrEnum):
    """By what measure of time revenue is earned over a service period."""

    DAY = "by day"
    """Of a period given by instants, the day on which it ends is cut off."""
    EVEN_MONTHS = "equal months"
    """Every calendar month the period touches earns the same; one that ends on a first adds no month."""
    EVEN_MONTHS_CUT = "equal months, the last cut off"
    """As above, but a month in which the period ends before its last day earns nothing (Stripe)."""
    EVEN_MIDDLE_MONTHS = "first and last month by elapsed time, equal months between"
    """Stripe's "by month evenly, first and last month prorated"."""
    WEIGHTED_MONTHS = "months, the first and last by their share of days"
    """17 days of January weigh 17/31 of a full month, whatever the other months' lengths."""
    TENTHS_OF_MONTHS = "months, a started one in tenths"
    """ERPNext's booking "based on Months": the period is so many months and tenths of a month long."""
    INSTANT = "by elapsed time"


class RevenueSplit(StrEnum):
    """How earned revenue is rounded month by month."""

    CUMULATIVE = "cumulative"
    LAST_TAKES_REST = "each month rounded by itself, the last takes the rest"
    MIDDLE_TAKES_REST = "months between first and last rounded down, the last of them takes the rest"
    """As in Stripe's monthly summary: 15.50, 30.66, 30.66, 30.68, 12.50."""


class ArrearsRevenue(StrEnum):
    """When the revenue of a line invoiced after its service is recognized."""

    ON_INVOICE = "on invoice"
    AS_SERVED = "as the service is given, a contract asset until it is invoiced"


class PriceAllocation(StrEnum):
    """Where the minor units go that are left when a price is divided by standalone selling prices."""

    LARGEST_REMAINDER = "largest remainder, ties to the lowest sequence number"
    REST_TO_LARGEST = "each part rounded by itself, the largest (the first of equals) takes the rest"


class MixedModification(StrEnum):
    """What is allocated when only part of a modified contract's remaining goods is distinct."""

    TOTAL_PRICE = "the updated total price, by total standalone selling prices"
    REMAINING_PRICE = "the updated remaining price, by remaining standalone selling prices"


class ClosedPeriod(StrEnum):
    """What happens to revenue that belongs to a closed accounting period."""

    CATCH_UP = "caught up in the first open period"
    REFUSE = "refused"


class DayZone(StrEnum):
    """Whose time zone decides on which civil day an instant falls."""

    ENTITY = "billing entity"
    CUSTOMER = "customer"
    UTC = "UTC"
