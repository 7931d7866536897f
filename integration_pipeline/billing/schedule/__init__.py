"""From contract terms to the documents that bill them.

    versions ── timeline ── lanes, segments ── slots ─────────── corrections ── lines ──── documents
    (terms)     (days)      (billing periods)  (rates, amounts,  (bookings)     (wording)  (discounts,
                                                usage_rates)                                taxation)

Belongs here: deciding what is billed when. Does not belong here: the arithmetic it decides over (`pricing`,
`proration`, `discounts`, `tax`), revenue (`revenue`), storing or posting anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from integration_pipeline.billing.custom import billing_of
from integration_pipeline.billing.invoices import (
    BillingSchedule,
    PlannedInvoice,
    PlannedLine,
    RevenueTreatment,
)
from integration_pipeline.billing.policies import DEFAULT, Policies
from integration_pipeline.billing.schedule.corrections import entries_of
from integration_pipeline.billing.schedule.documents import documents_of
from integration_pipeline.billing.schedule.lanes import slots_of
from integration_pipeline.billing.schedule.slots import Planning, Slot
from integration_pipeline.billing.schedule.timeline import Timeline, amended, timeline_of
from integration_pipeline.billing.schedule.usage_rates import UsageBook
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.versions import TermsVersion, versions_of

__all__ = [
    "BillingSchedule",
    "PlannedInvoice",
    "PlannedLine",
    "RevenueTreatment",
    "TermsVersion",
    "UsageBook",
    "build_schedule",
    "schedule_of_versions",
]


def build_schedule(
    terms: ContractTerms,
    policies: Policies = DEFAULT,
    *,
    usage: UsageBook | None = None,
    until: date | None = None,
) -> BillingSchedule:
    """Everything `terms` and their amendments bill, from the contract's start to its end.

    `until` limits what is planned, as an open-ended contract needs: whole service periods that start before
    it. `usage` is what
    metered charges bill; without it they bill as if nothing was used.

    - In advance: issued on the first day of the billing period; revenue deferred over it.
    - In arrears, and usage: issued on the day after the service period; revenue on invoice.
    - One-time: issued on the charge's start, never prorated; revenue on invoice, deferred if it has a period.
    - Amendments: credits for what is no longer served and charges for what is, on the day they are booked or
      take effect, whichever is later.
    - Lines of one issue date share an invoice, in the order of the contract's charges.
    - Lines of zero (no quantity, 100 % discount, rounded to nothing) are left out, and so is an invoice that
      has no other lines. An invoice whose lines cancel out stays, with a total of zero.

    Raises `InvalidTerms` for an amendment that makes the terms impossible or changes what is not there,
    `CustomRuleFailed` (one of them) naming the charge whose custom rule cannot answer, and `ValueError` for
    an open-ended contract without `until`.
    """
    return schedule_of_versions(versions_of(terms, policies), policies, usage=usage, until=until, of=terms)


def schedule_of_versions(
    versions: Sequence[TermsVersion],
    policies: Policies = DEFAULT,
    *,
    usage: UsageBook | None = None,
    until: date | None = None,
    of: ContractTerms | None = None,
) -> BillingSchedule:
    """As `build_schedule`, for a contract whose versions are known as such: in the order they were booked."""
    latest = versions[-1].terms
    planning = Planning(latest.currency, policies, usage, until or date.max)
    timeline: Timeline = {}
    plans: list[tuple[Sequence[Slot], date, str | None]] = []
    for version in versions:
        own = timeline_of(version, until)
        timeline = amended(timeline, own, version.effective) if plans else own
        plans.append((tuple(slots_of(timeline, planning)), version.booked, version.reason))
    with billing_of(latest.contract_id):
        invoices = tuple(documents_of(entries_of(plans, policies), versions, policies))
    return BillingSchedule(
        terms=of or latest,
        policies=policies,
        invoices=invoices,
    )
