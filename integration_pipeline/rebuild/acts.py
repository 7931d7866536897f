"""From recorded facts to the acts that they are traces of: when what was done, and what it touched.

A stage leaves moments behind: of deal versions, verdicts, schedules, documents, postings. What it left no
trace of changed nothing. An act that is found twice does no harm, since stages do only what is due.

Belongs here: reading traces of work on deals and on the books. Does not belong here: companies and contacts
(`parties`), the order in which acts can be repeated (`order`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row

from integration_pipeline.billing.periods import add_months
from integration_pipeline.rebuild.calendar import Calendar
from integration_pipeline.rebuild.facts import Facts
from integration_pipeline.rebuild.in_force import InForce, Versions
from integration_pipeline.rebuild.order import Act, Phase, Touch, alone, reads, writes
from integration_pipeline.rebuild.parties import parties
from integration_pipeline.rebuild.payments import settlings
from integration_pipeline.rebuild.traces import (
    AFTERWARDS,
    Claim,
    Trace,
    after_claims,
    plannings,
    without_repeated_gates,
)
from integration_pipeline.rebuild.work import (
    DealVersion,
    DealWork,
    Decision,
    Landing,
    PastAct,
    Postings,
    Release,
    Usage,
)


def past_acts(facts: Facts, in_force: InForce) -> Iterator[PastAct]:
    """Everything that was done, in no particular order."""
    past = _Past(facts, in_force)
    yield from parties(facts, in_force)
    for acts in past.of_deals().values():
        yield from without_repeated_gates(acts)
    yield from past.postings()
    yield from past.releases()
    yield from settlings(facts, in_force, past.calendar)
    for row in facts.usage:
        yield Act(row.recorded_at, Phase.USAGE, (writes("contract", row.contract_id),), Usage(row.event_id))


class _Past:
    """The facts by deal, and acts read from them."""

    def __init__(self, facts: Facts, in_force: InForce) -> None:
        self._facts = facts
        self._in_force = in_force
        self._versions = {row.id: row for row in facts.versions}
        self._posted = {row.document_id: row.moment for row in facts.postings}
        self.calendar = Calendar(self._recorded_days())
        self._acts: dict[str, list[PastAct]] = defaultdict(list)
        of_deals = {(row.deal_key, _twin_key(row)) for row in facts.versions}
        deals = Counter(twin for _, twin in of_deals if twin is not None)
        self._twins = {twin for twin, count in deals.items() if count > 1}

    def of_deals(self) -> Mapping[str, Sequence[PastAct]]:
        """What was done with single deals, by their keys: landed, read, judged, planned, decided.

        What belongs to no deal in particular is under an empty key.
        """
        self._landed()
        read = self._normalized()
        planned = self._planned()
        self._judged(read, planned)
        self._decided()
        for deal_key, claims in self._claims().items():
            self._acts[deal_key] = after_claims(self._acts[deal_key], claims)
        return self._acts

    def _claims(self) -> Mapping[str, Sequence[Claim]]:
        """When documents of each deal were in a poster's hands."""
        claims: dict[str, list[Claim]] = defaultdict(list)
        for row in self._facts.postings:
            if row.claimed_at is not None:
                claims[row.deal_key].append(Claim(row.claimed_at, row.moment))
        return claims

    def postings(self) -> Iterator[PastAct]:
        """Documents posted at the same moment were posted together."""
        for moment, group in groupby(self._facts.postings, key=lambda row: row.moment):
            documents = tuple(group)
            touches = {alone("deal", row.deal_key) for row in documents}
            touches |= {reads("customer", str(row.customer_id)) for row in documents}
            touches.add(Touch(("chain",), "posts", in_turn=True))
            when = self.calendar.day(moment, max(row.issue_date for row in documents))
            yield Act(
                moment, Phase.POST, tuple(touches), Postings(when, self._in_force.at(moment), documents)
            )

    def releases(self) -> Iterator[PastAct]:
        """Months of an entity released at the same moment were released together."""
        for row in self._facts.releases:
            over = add_months(row.month_end.replace(day=1), 1)
            when = self.calendar.day(row.moment, over)
            work = Release(when, self._in_force.at(row.moment), row.entity, row.sequence, row.hash_before)
            yield Act(row.moment, Phase.RECOGNIZE, (Touch(("chain",), "releases", in_turn=True),), work)

    def _recorded_days(self) -> Iterator[tuple[datetime, date | None]]:
        for row in self._facts.versions:
            rules = self._in_force.rules(Versions.of(row.mapping_version).rules)
            entity = rules.entities.get(row.entity or "")
            by_clock = row.created_at.astimezone(entity.zone if entity else UTC).date()
            # Between drawing the day and storing the version midnight may pass.
            is_by_clock = abs((row.recorded_on - by_clock).days) <= 1
            yield row.created_at, None if is_by_clock else row.recorded_on

    def _landed(self) -> None:
        """Raw versions of deals and of what is no company or contact.

        A deal's version did not count before the deal had been read from an earlier one, whenever it landed:
        which one a deal version was made from is recorded.
        """
        read: dict[str, list[Row[Any]]] = defaultdict(list)
        for version in self._facts.versions:
            read[version.deal_key].append(version)
        for row in self._facts.records:
            if row.object_type in ("company", "contact"):
                continue
            deal_key, moment = "", row.received_at
            touch = writes("record", row.object_type, row.external_id)
            if row.object_type == "deal":
                deal_key = f"{row.source}:{row.external_id}"
                touch = alone("deal", deal_key)
                earlier = [each.created_at for each in read[deal_key] if each.raw_record_id < row.id]
                moment = max([moment, *(each + AFTERWARDS for each in earlier)])
            work = Landing(row.id, self._in_force.at(moment))
            self._acts[deal_key].append(Act(moment, Phase.LAND, (touch,), work))

    def _normalized(self) -> dict[int, datetime]:
        """Reading deals. Answers when each raw version was first read."""
        first_read: dict[int, datetime] = {}
        newest: dict[str, Row[Any]] = {}
        for row in self._facts.versions:
            known = first_read.get(row.raw_record_id, row.created_at)
            first_read[row.raw_record_id] = min(known, row.created_at)
            before = newest.get(row.deal_key)
            self._normalize(row, row.created_at, row.mapping_version, before, row.associations)
            newest[row.deal_key] = row
        for head in self._facts.heads:
            row = newest.get(head.deal_key)
            if row is not None:
                self._normalize(row, head.updated_at, head.mapping_version, row, head.associations)
        return first_read

    def _normalize(
        self,
        row: Row[Any],
        moment: datetime,
        mapping_version: str,
        before: Row[Any] | None,
        associations: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    ) -> None:
        touches = {alone("deal", row.deal_key), reads("customer", str(row.customer_id))}
        for kind, links in (associations or {}).items():
            what = "party" if kind in ("company", "contact") else "record"
            touches |= {reads(what, kind, link["id"]) for link in links}
        touches |= {writes("twin", twin) for each in (row, before) if each and (twin := self._twin(each))}
        result = DealVersion(
            row.version, row.content_hash, row.customer_id, row.company_name, is_new=before is not row
        )
        work = DealWork(row.deal_key, self.calendar.day(moment), Versions.of(mapping_version), result)
        self._acts[row.deal_key].append(Act(moment, Phase.NORMALIZE, tuple(touches), work))

    def _twin(self, row: Row[Any]) -> str | None:
        key = _twin_key(row)
        return key if key in self._twins else None

    def _planned(self) -> dict[int, datetime]:
        """Planning deals. Answers when each deal version was first planned."""
        first: dict[int, datetime] = {}
        traces: dict[str, list[Trace]] = defaultdict(list)
        for row in self._facts.schedules:
            traces[row.deal_key].append(Trace(row.created_at, row.deal_id, row.rule_set_version, None))
        for row in self._facts.documents:
            day = self._known_to_wait_for(row)
            traces[row.deal_key].append(Trace(row.created_at, row.deal_id, row.rule_set_version, day))
            if row.superseded_at is not None:
                traces[row.deal_key].append(Trace(row.superseded_at, None, None, None))
        for row in self._facts.failures:
            if row.rule == "deal_can_be_billed":
                traces[row.deal_key].append(Trace(row.created_at, row.subject_id, None, None))
        for row in self._facts.verdicts:
            if row.suite_version == "withdrawn by billing" and row.deal_key:
                traces[row.deal_key].append(Trace(row.evaluated_at, row.subject_id, None, None))
        breaks = self._breaks()
        for deal_key, of_deal in traces.items():
            for planning in plannings(of_deal, breaks[deal_key]):
                self._plan(deal_key, planning)
                for trace in planning:
                    if trace.deal_id is not None:
                        known = first.get(trace.deal_id, planning[0].moment)
                        first[trace.deal_id] = min(known, planning[0].moment)
        return first

    def _known_to_wait_for(self, document: Row[Any]) -> date | None:
        """The day on which a document must have been planned at the earliest, from its issue date.

        A reversal is issued on the day itself or with what it reverses. A contract without an end is planned
        so many months ahead; of one with an end, documents may lie years ahead, which tells nothing.
        """
        if document.reversed_issue_date is not None:
            return document.issue_date
        version = self._versions.get(document.deal_id)
        if version is None or not version.open_ended:
            return None
        horizon = self._in_force.rules(document.rule_set_version).horizon_months
        return add_months(document.issue_date.replace(day=1), 1 - horizon)

    def _plan(self, deal_key: str, planning: Sequence[Trace]) -> None:
        moment = planning[0].moment
        days = [trace.at_least for trace in planning if trace.at_least is not None]
        rules = next((trace.rules for trace in planning if trace.rules), None)
        versions = self._in_force.at(moment)
        if rules is not None:
            versions = Versions(versions.mapping, rules)
        touches = {alone("deal", deal_key)}
        for trace in planning:
            row = self._versions.get(trace.deal_id or 0)
            if row is not None:
                touches |= {reads("contract", row.contract_id)} if row.contract_id else set()
                touches |= {writes("twin", twin)} if (twin := self._twin(row)) else set()
        work = DealWork(deal_key, self.calendar.day(moment, max(days, default=None)), versions)
        self._acts[deal_key].append(Act(moment, Phase.SCHEDULE, tuple(touches), work))

    def _breaks(self) -> Mapping[str, Sequence[datetime]]:
        """Moments between which a deal was planned at most once: without one of these nothing is due."""
        breaks: dict[str, list[datetime]] = defaultdict(list)
        deals_of: dict[str, set[str]] = defaultdict(set)
        for row in self._facts.versions:
            breaks[row.deal_key].append(row.created_at)
            if row.contract_id:
                deals_of[row.contract_id].add(row.deal_key)
        for row in self._facts.postings:
            breaks[row.deal_key].append(row.moment)
        for row in self._facts.usage:
            for deal_key in deals_of.get(row.contract_id, ()):
                breaks[deal_key].append(row.recorded_at)
        return defaultdict(list, {deal_key: sorted(moments) for deal_key, moments in breaks.items()})

    def _judged(self, read: Mapping[int, datetime], planned: Mapping[int, datetime]) -> None:
        """Verdicts. One that was given again was given first before its subject went on."""
        phases = {
            "raw_record": (Phase.RAW_GATE, read),
            "deal": (Phase.DEAL_GATE, planned),
            "document": (Phase.DOCUMENT_GATE, self._posted),
        }
        given = [(row, row.evaluated_at) for row in self._facts.verdicts]
        given += [(row, row.created_at) for row in self._facts.failures]
        # What the pipeline closed was closed by a gate, be it that there was nothing more to judge.
        given += [(row, row.closed_at) for row in self._facts.failures if row.closed_by == "pipeline"]
        for row, moment in given:
            if row.deal_key is None:
                continue
            phase, went_on = phases[row.subject_kind]
            moment = min(moment, went_on.get(row.subject_id, moment))
            touches = {alone("deal", row.deal_key)}
            version = self._versions.get(row.subject_id) if row.subject_kind == "deal" else None
            if version is not None and (twin := self._twin(version)):
                touches.add(reads("twin", twin))
            work = DealWork(row.deal_key, self.calendar.day(moment), self._in_force.at(moment))
            self._acts[row.deal_key].append(Act(moment, phase, tuple(touches), work))

    def _decided(self) -> None:
        deal_of = {(row.subject_kind, row.subject_id): row.deal_key for row in self._facts.failures}
        for row in self._facts.decisions:
            kind, _, subject_id = row.subject.partition(" ")
            deal_key = deal_of.get((kind, int(subject_id)), "")
            work = Decision(
                subject_kind=kind,
                subject_id=int(subject_id),
                rule=row.details["rule"],
                reason=row.details["reason"],
                by=row.actor,
            )
            self._acts[deal_key].append(Act(row.at, Phase.DECIDE, (alone("deal", deal_key),), work))


def _twin_key(row: Row[Any]) -> str | None:
    """What two deals have in common of which one is held as a copy of the other."""
    if row.state != "won" or row.customer_id is None:
        return None
    return "|".join(
        map(str, (row.customer_id, row.name.lower(), row.close_date, row.amount_minor, row.currency))
    )
