"""The acts of the past, done again by the stages themselves in the scratch database.

Belongs here: which stage an act is, on which deals, under which mapping, rules and day. Does not belong here:
the acts and their order (`acts`, `order`), posting (`books`), what comes of it (`compare`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

from sqlalchemy import text

from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Evaluate, register
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.gate import gate_deals, gate_documents, gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.pipeline.quarantine import NotReleasable, release
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.rebuild.books import Books
from integration_pipeline.rebuild.calendar import Moment, PastPipeline
from integration_pipeline.rebuild.in_force import InForce, Versions
from integration_pipeline.rebuild.order import Phase
from integration_pipeline.rebuild.readings import Customers, Readings
from integration_pipeline.rebuild.resettle import Resettle
from integration_pipeline.rebuild.scratch import Scratch
from integration_pipeline.rebuild.work import (
    DealWork,
    Decision,
    Landing,
    PastAct,
    Postings,
    Release,
    Settling,
    Usage,
    Work,
)

_CHUNK = 1_000
_ANALYZE_AFTER = 2_000
# Linking customers asks for no day.
_ANY_DAY = Moment(datetime(2000, 1, 1, tzinfo=UTC), None)

Stage = Callable[[PastPipeline, Scope], StageReport]
_STAGES: Mapping[Phase, Stage] = {
    Phase.RAW_GATE: gate_raw_deals,
    Phase.DEAL_GATE: gate_deals,
    Phase.SCHEDULE: schedule,
    Phase.DOCUMENT_GATE: gate_documents,
}


@dataclass(slots=True)
class Replay:
    """Repeats acts in a scratch database. `problems` says what could not be done again."""

    scratch: Scratch
    in_force: InForce
    customers: Customers
    evaluate: Evaluate
    problems: list[str] = field(default_factory=list[str])
    _pipelines: dict[Versions, PastPipeline] = field(default_factory=dict[Versions, PastPipeline], init=False)
    _registered: str | None = field(default=None, init=False)
    _resettle: Resettle = field(init=False)

    def __post_init__(self) -> None:
        self._resettle = Resettle(self.scratch, self.customers)

    def do(self, phase: Phase, acts: Sequence[PastAct]) -> None:
        """Do a part of a round: acts of one phase that may be done together."""
        match phase:
            case Phase.LAND:
                self._land(_of(acts, Landing))
            case Phase.COMPANIES | Phase.CONTACTS:
                self._link(_of(acts, Landing))
            case Phase.DECIDE:
                for decision in _of(acts, Decision):
                    self._decide(decision)
            case Phase.USAGE:
                self._record([usage.event_id for usage in _of(acts, Usage)])
            case Phase.POST | Phase.SETTLE | Phase.RECOGNIZE:
                for act in acts:
                    self._book(act.work)
            case Phase.NORMALIZE:
                readings = Readings(self.scratch, self.customers, lambda works: self._stage(normalize, works))
                readings.read(_of(acts, DealWork))
            case _:
                self._stage(_STAGES[phase], _of(acts, DealWork))

    def close(self) -> None:
        """All is done again: each chain ends with its newest entry, whichever was repeated last."""
        with self.scratch.engine.begin() as connection:
            connection.execute(text(_NEWEST))

    def _pipeline(self, versions: Versions, when: Moment) -> PastPipeline:
        """The pipeline as it was, its entities and accounts in force in the scratch database."""
        pipeline = self._pipelines.get(versions)
        if pipeline is None:
            pipeline = PastPipeline(
                engine=self.scratch.engine,
                mapping=self.in_force.mapping(versions.mapping),
                rules=self.in_force.rules(versions.rules),
                evaluate=self.evaluate,
            )
            self._pipelines[versions] = pipeline
        if self._registered != versions.rules:
            register(pipeline)
            self._registered = versions.rules
        return pipeline.at(when)

    def _stage(self, stage: Stage, works: Iterable[DealWork]) -> None:
        """One run of the stage for all deals that went by the same documents on the same days."""
        runs: dict[tuple[Versions, tuple[date, ...]], tuple[PastPipeline, list[str]]] = {}
        for work in works:
            pipeline = self._pipeline(work.in_force, work.when)
            days = (pipeline.today(), *pipeline.days_by_entity().values())
            runs.setdefault((work.in_force, days), (pipeline, []))[1].append(work.deal_key)
        for (versions, _), (pipeline, deal_keys) in runs.items():
            self._pipeline(versions, Moment(pipeline.now, pipeline.as_of))
            for chunk in chunked(deal_keys, _CHUNK):
                stage(pipeline, Scope.deals(chunk))

    def _land(self, landings: Sequence[Landing]) -> None:
        with self.scratch.engine.begin() as connection:
            connection.execute(text(_LAND), {"ids": [landing.record_id for landing in landings]})
        if len(landings) > _ANALYZE_AFTER:
            with self.scratch.engine.begin() as connection:
                connection.execute(text("ANALYZE raw.heads"))

    def _link(self, landings: Sequence[Landing]) -> None:
        under: dict[Versions, list[Landing]] = defaultdict(list)
        for landing in landings:
            under[landing.in_force].append(landing)
        for versions, group in under.items():
            self._land(group)
            link_customers(self._pipeline(versions, _ANY_DAY))
            with self.scratch.engine.begin() as connection:
                connection.execute(text(_TAKE_CUSTOMER_KEYS))

    def _book(self, work: Work) -> None:
        match work:
            case Postings():
                books = Books(self.scratch, self._pipeline(work.in_force, work.when))
                seen = {row.customer_id: row.customer_name for row in work.documents}
                with self.customers.named(seen):
                    self.problems += books.post(work)
            case Settling():
                self.problems += self._resettle.settle(work, self._pipeline(work.in_force, work.when))
            case Release():
                Books(self.scratch, self._pipeline(work.in_force, work.when)).release(work)
            case _:
                pass

    def _record(self, event_ids: Sequence[str]) -> None:
        with self.scratch.engine.begin() as connection:
            connection.execute(text(_RECORD_USAGE), {"ids": list(event_ids)})

    def _decide(self, decision: Decision) -> None:
        held = {"kind": decision.subject_kind, "subject": decision.subject_id, "rule": decision.rule}
        with self.scratch.engine.begin() as connection:
            row: int | None = connection.execute(text(_HELD), held).scalar()
            if row is None:
                self.problems.append(f"{decision}: nothing was held back for it this time")
                return
            try:
                release(connection, row, decision.by, decision.reason)
            except NotReleasable as refusal:
                self.problems.append(f"{decision}: {refusal}")


_Kind = TypeVar("_Kind")


def _of(acts: Iterable[PastAct], kind: type[_Kind]) -> list[_Kind]:
    return [act.work for act in acts if isinstance(act.work, kind)]


# Of versions that nobody looked at in between only the last counts.
_LAND = """
    INSERT INTO raw.heads (source, object_type, external_id, record_id, modified_at)
    SELECT DISTINCT ON (source, object_type, external_id)
        source, object_type, external_id, id, modified_at
    FROM raw.records
    WHERE id = ANY(CAST(:ids AS bigint[]))
    ORDER BY source, object_type, external_id, id DESC
    ON CONFLICT (source, object_type, external_id) DO UPDATE
    SET record_id = excluded.record_id, modified_at = excluded.modified_at
"""
_TAKE_CUSTOMER_KEYS = """
    UPDATE crm.customers AS customer SET id = known.id
    FROM crm.customer_links AS link
    INNER JOIN replay.keys AS known
        ON known.relation = 'crm.customers'
        AND known.name = link.source || ':' || link.object_type || ':' || link.external_id
    WHERE customer.id >= 1000000000000000 AND link.customer_id = customer.id AND link.rule = 'first_seen'
"""
_RECORD_USAGE = """
    INSERT INTO billing.usage_events
    SELECT * FROM replay.usage_events WHERE event_id = ANY(CAST(:ids AS text[]))
"""
_HELD = """
    SELECT id FROM posting.quarantine
    WHERE subject_kind = :kind AND subject_id = :subject AND rule = :rule AND state = 'open'
    ORDER BY id
    LIMIT 1
"""
_NEWEST = """
    UPDATE ledger.chain_heads AS head SET sequence = newest.sequence, hash = newest.hash
    FROM (
        SELECT DISTINCT ON (entity) entity, sequence, hash
        FROM ledger.journal_entries
        ORDER BY entity, sequence DESC
    ) AS newest
    WHERE head.entity = newest.entity
"""
