"""Contracts: what a deal's stored versions say together, and which documents follow from them.

Belongs here: telling an amendment from a correction, the horizon of contracts without an end, usage for
metered charges. Does not belong here: reading versions (`schedule`), what was planned before (`plan`), the
billing of versions (`billing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from integration_pipeline.billing.custom import billing_of
from integration_pipeline.billing.invoices import DocumentKind, PlannedInvoice
from integration_pipeline.billing.schedule import UsageBook, schedule_of_versions
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.billing.versions import TermsVersion, terms_known_on
from integration_pipeline.pipeline.context import Pipeline


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """The terms of one version of a deal, as JSON; `recorded_on` is the civil day on which it became known.

    `amendment_effective` is the first day on which they hold; None if they are what always held.
    """

    version: int
    terms: str
    amendment_effective: date | None
    recorded_on: date


@dataclass(frozen=True, slots=True)
class PlannedContract:
    """A contract and its documents, by issue date.

    `planned_until` (exclusive) is set for a contract without an end, `usage_events` is how many events a
    contract with metered charges was planned from. `held_for` says which documents have to wait for a person,
    and why.
    """

    versions: tuple[TermsVersion, ...]
    documents: tuple[PlannedInvoice, ...]
    terms_hash: str
    planned_until: date | None
    usage_events: int | None
    held_for: Mapping[tuple[date, DocumentKind], str]

    @property
    def currency(self) -> str:
        """The currency of all documents."""
        return self.versions[-1].terms.currency

    def terms_on(self, day: date) -> ContractTerms:
        """The terms by which a document of `day` goes."""
        return terms_known_on(day, self.versions)


def plan_contract(
    pipeline: Pipeline, versions: Sequence[TermsVersion], events: Sequence[UsageEvent]
) -> PlannedContract:
    """Everything the contract bills under the rule set, up to the horizon if nothing ends it.

    Raises `InvalidTerms` for a contract that its own terms, or a rule of the company's, make impossible to
    bill.
    """
    latest = versions[-1].terms
    open_ended = any(version.terms.open_ended for version in versions)
    until = pipeline.horizon(latest.entity) if open_ended else None
    entity = pipeline.rules.entities.get(latest.entity)
    usage = UsageBook(events, entity.time_zone if entity else "UTC") if events else None
    planned = schedule_of_versions(versions, pipeline.rules.policies, usage=usage, until=until)
    documents = tuple(each for each in planned.invoices if until is None or each.issue_date < until)
    return PlannedContract(
        versions=tuple(versions),
        documents=documents,
        terms_hash=planned.terms_hash,
        planned_until=until,
        usage_events=len(events) if is_metered(versions) else None,
        held_for=_held_for(pipeline, documents, versions),
    )


def _held_for(
    pipeline: Pipeline, documents: Sequence[PlannedInvoice], versions: Sequence[TermsVersion]
) -> dict[tuple[date, DocumentKind], str]:
    """What the company's own rules hold back, by issue date and kind, with their reasons."""
    rules = pipeline.rules.policies.custom
    if not rules:
        return {}
    held: dict[tuple[date, DocumentKind], str] = {}
    with billing_of(versions[-1].terms.contract_id):
        for document in documents:
            terms = terms_known_on(document.issue_date, versions)
            reasons = [f"{rule.name}: {reason}" for rule, reason in rules.holds(document, terms)]
            if reasons:
                held[document.issue_date, document.kind] = "; ".join(reasons)
    return held


def is_metered(versions: Iterable[TermsVersion]) -> bool:
    """Whether any version charges for usage."""
    return any(charge.metric is not None for version in versions for charge in version.terms.charges)


def versions_of_deal(stored: Sequence[StoredTerms]) -> tuple[TermsVersion, ...]:
    """The contract that a deal's versions, in their order, come to. `stored` is not empty.

    - A version without an effective day corrects what was always meant: it replaces all before it.
    - One with an effective day amends: earlier days keep their terms, and what was invoiced is corrected by
      documents of the day on which the version was recorded.
    - One that says the same terms again (a renamed deal, a cleared effective day) says nothing, and one that
      only moves the effective day moves the amendment.
    - Another entity, customer or currency is another contract, never an amendment of this one.
    """
    history = _History()
    for each in stored:
        history.add(each)
    return tuple(history.versions)


class _History:
    def __init__(self) -> None:
        self.versions: list[TermsVersion] = []
        self._amended: ContractTerms | None = None
        """What the newest amendment changed; None if the newest version amends nothing."""
        self._newest: str | None = None

    def add(self, stored: StoredTerms) -> None:
        if stored.terms == self._newest:
            self._move(stored)
            return
        self._newest = stored.terms
        terms = ContractTerms.model_validate_json(stored.terms)
        if stored.amendment_effective is None or not self._is_amendable_to(terms):
            self._amended = None
            self.versions = [TermsVersion(terms, terms.start, date.min)]
            return
        self._amended = self.versions[-1].terms
        self.versions.append(self._amendment(terms, stored.amendment_effective, stored))

    def _move(self, stored: StoredTerms) -> None:
        last, effective = self.versions[-1], stored.amendment_effective
        if self._amended is None or effective is None or effective == last.effective:
            return
        if effective > last.effective:
            self.versions.append(self._amendment(self._amended, last.effective, stored))
        self.versions.append(self._amendment(last.terms, effective, stored))

    def _amendment(self, terms: ContractTerms, effective: date, stored: StoredTerms) -> TermsVersion:
        # Days of recording never run backwards, but a rehearsal of an earlier day may.
        booked = max(stored.recorded_on, self.versions[-1].booked)
        return TermsVersion(terms, effective, booked, f"in version {stored.version} of the deal")

    def _is_amendable_to(self, terms: ContractTerms) -> bool:
        if not self.versions:
            return False
        before = self.versions[-1].terms
        return (before.entity, before.customer, before.currency) == (
            terms.entity,
            terms.customer,
            terms.currency,
        )
