"""Write back: deals in the CRM are told about their invoices, each only what it does not know yet.

Belongs here: what differs from what was last written, whose turn it is, what became of it. Does not belong
here: what the facts are (`billing_facts`), which field they go to (mapping), the vendor's calls (its
connector).

Several runs may write at once: each call is made under a lock of its source, on facts that are read under it.
A call whose answer is lost was perhaps made: nothing is noted, and the next run makes it again, which changes
nothing at the CRM but once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from sqlalchemy import Connection, RowMapping, text

from integration_pipeline.crm.write_back import CrmWriter, FieldType, FieldValues, Refusal
from integration_pipeline.mapping.write_back import WriteBackFields
from integration_pipeline.pipeline.billing_facts import DealFacts, deals_to_tell, facts_of
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope

_LOCK = 731_062
_COMPARED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Restored:
    """A field that somebody changed in the CRM after it was written, and what it holds again."""

    external_id: str
    field: str
    found: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A deal the CRM did not take the values for, or not all of them."""

    external_id: str
    reason: str
    next_step: str


@dataclass(slots=True)
class WriteBackReport(StageReport):
    """With what was restored, what was refused, and the fields that deals of the CRM do not have."""

    restored: list[Restored] = field(default_factory=list[Restored])
    refused: list[Refused] = field(default_factory=list[Refused])
    missing_fields: set[str] = field(default_factory=set[str])

    def as_json(self) -> dict[str, object]:
        # Not `super()`: a slotted dataclass is made anew, and its methods would look for the first one.
        return {
            **StageReport.as_json(self),
            "restored": [
                {"deal": each.external_id, "field": each.field, "found": each.found, "value": each.value}
                for each in self.restored
            ],
            "refused": [
                {"deal": each.external_id, "reason": each.reason, "next_step": each.next_step}
                for each in self.refused
            ],
            "missing_fields": sorted(self.missing_fields),
        }


def write_back(
    pipeline: Pipeline, target: CrmWriter, scope: Scope, *, check: bool = False
) -> WriteBackReport:
    """Tell the deals in scope what they do not know. Safe to repeat: what was written is not written again.

    `check` reads what the fields hold now, and restores what somebody changed there. What a deal refused is
    not tried again until there is something else to say, unless the scope names the deal, or by `check`.
    Counts: `deals_looked_at`, `deals_written`, `fields_restored`, `deals_refused`, `deals_put_off` (the CRM
    would not just now). Without a section `write_back` in the mapping nothing is done. Raises the transport's
    failures; what was written before is noted.
    """
    report = WriteBackReport("write_back")
    started = time.perf_counter()
    fields = pipeline.mapping.write_back
    if fields is not None and fields.field_names():
        if pipeline.mapping.source != target.name:
            raise ValueError(f"the mapping is of {pipeline.mapping.source}, but {target.name} is written to")
        insist = check or scope.deal_keys is not None
        _Writing(pipeline, target, fields, report, check, insist).run(scope)
    report.seconds = time.perf_counter() - started
    return report


def list_refused(connection: Connection, source: str) -> Sequence[RowMapping]:
    """Deals that were refused at last: `external_id`, `reason`, `next_step`, `at`."""
    return connection.execute(_REFUSED, {"source": source}).mappings().all()


@dataclass(slots=True)
class _Outcome:
    """What became of one call's deals: what each took, and what was refused; the rest is as it was."""

    taken: dict[str, FieldValues] = field(default_factory=dict[str, FieldValues])
    refused: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    tried: dict[str, FieldValues] = field(default_factory=dict[str, FieldValues])


@dataclass(slots=True)
class _Writing:
    """One run. `missing`: fields that deals of this CRM do not have, which are left out."""

    pipeline: Pipeline
    target: CrmWriter
    fields: WriteBackFields
    report: WriteBackReport
    check: bool
    insist: bool
    missing: set[str] = field(default_factory=set[str])

    def run(self, scope: Scope) -> None:
        with self.pipeline.engine.connect() as connection:
            ids = deals_to_tell(connection, self.pipeline, scope)
            noted = set(connection.execute(_MISSING, {"source": self.target.name}).scalars())
        suspects = set(self.fields.field_names()) if self.check else noted & set(self.fields.field_names())
        if suspects:
            # One call, and only while something is missing: somebody may have made it since.
            self.missing = suspects - self.target.writable_fields()
        self.report.counts["deals_looked_at"] = len(ids)
        for some in chunked(ids, _COMPARED_AT_ONCE):
            due = some if self.check else self._due(some)
            for together in chunked(due, self.target.deals_in_a_call):
                with self._turn() as connection:
                    self._write(connection, together)
        self.report.missing_fields = self.missing

    def _due(self, ids: Sequence[str]) -> list[str]:
        with self.pipeline.engine.connect() as connection:
            found = facts_of(connection, self.pipeline, self.fields, ids)
        return [facts.external_id for facts in found if self._change(facts)]

    def _change(self, facts: DealFacts) -> FieldValues:
        """What this deal is to be told by what is noted of it; nothing if it refused just that."""
        known = facts.written.get("values", {})
        change = {
            name: value
            for name, value in facts.wanted.items()
            if name not in self.missing and (name not in known or known[name] != value)
        }
        refused = facts.written.get("refused")
        return {} if refused and not self.insist and refused["values"] == change else change

    @contextmanager
    def _turn(self) -> Generator[Connection]:
        """Nobody else writes to this CRM until the end of the block; no transaction is open meanwhile."""
        key = {"lock": _LOCK, "source": self.target.name}
        with self.pipeline.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(_TAKE_TURN, key)
            try:
                yield connection
            finally:
                connection.execute(_END_TURN, key)

    def _write(self, connection: Connection, ids: Sequence[str]) -> None:
        """One call, as a rule. Another run may have written some of it while this one waited its turn."""
        deals = {each.external_id: each for each in facts_of(connection, self.pipeline, self.fields, ids)}
        if self.check:
            outcome = self._checked(deals)
        else:
            outcome = self._sent(
                {deal: change for deal, facts in deals.items() if (change := self._change(facts))}
            )
        self._note(connection, deals, outcome)

    def _checked(self, deals: Mapping[str, DealFacts]) -> _Outcome:
        """Write what differs from what the fields hold now; what does not is taken as written."""
        names = [name for name in self.fields.field_names() if name not in self.missing]
        if not names:
            return _Outcome()
        types = self.fields.field_types()
        found = self.target.read_deals(list(deals), names)
        changes: dict[str, FieldValues] = {}
        agreed: dict[str, FieldValues] = {}
        for deal in deals.keys() & found.keys():
            wanted = {name: deals[deal].wanted[name] for name in names}
            same = {name for name in names if _same(types[name], found[deal].get(name), wanted[name])}
            agreed[deal] = {name: wanted[name] for name in names if name in same}
            if len(same) < len(names):
                changes[deal] = {name: wanted[name] for name in names if name not in same}
        outcome = self._sent(changes)
        self._tell_restored(deals, found, outcome)
        for deal, values in agreed.items():
            outcome.taken[deal] = {**values, **outcome.taken.get(deal, {})}
        outcome.refused |= dict.fromkeys(deals.keys() - found.keys(), _GONE)
        return outcome

    def _sent(self, changes: Mapping[str, FieldValues]) -> _Outcome:
        """Send the changes; those that name a missing field once more without it."""
        outcome = _Outcome()
        left = changes
        while left:
            answer = self.target.update_deals(left)
            again: dict[str, FieldValues] = {}
            for deal, values in left.items():
                refusal = answer.get(deal)
                if refusal is None:
                    outcome.taken[deal] = values
                    self.report.counts["deals_written"] += 1
                elif refusal.missing & values.keys():
                    self.missing |= refusal.missing
                    if rest := {name: value for name, value in values.items() if name not in self.missing}:
                        again[deal] = rest
                elif refusal.passing:
                    self.report.counts["deals_put_off"] += 1
                else:
                    outcome.refused[deal] = refusal
                    outcome.tried[deal] = values
            left = again
        return outcome

    def _tell_restored(
        self, deals: Mapping[str, DealFacts], found: Mapping[str, FieldValues], outcome: _Outcome
    ) -> None:
        for deal, values in outcome.taken.items():
            known = deals[deal].written.get("values", {})
            self.report.restored += [
                Restored(deal, name, found[deal].get(name), value)
                for name, value in values.items()
                # What was never written, or changed here since, is told and not restored.
                if name in known and known[name] == value
            ]
        self.report.counts["fields_restored"] = len(self.report.restored)

    def _note(self, connection: Connection, deals: Mapping[str, DealFacts], outcome: _Outcome) -> None:
        notes: list[dict[str, object]] = []
        for deal, facts in deals.items():
            taken, refusal = outcome.taken.get(deal, {}), outcome.refused.get(deal)
            known = facts.written.get("values", {})
            values = {name: known[name] for name in facts.wanted if name in known} | dict(taken)
            note: dict[str, object] = {"values": values}
            if self.missing:
                note["missing"] = sorted(self.missing)
            if refusal is not None:
                self.report.refused.append(Refused(deal, refusal.reason, refusal.next_step))
                note["refused"] = {
                    "values": dict(outcome.tried.get(deal, {})),
                    "reason": refusal.reason,
                    "next_step": refusal.next_step,
                    "gone": refusal.gone,
                }
            elif not taken and "refused" in facts.written:
                note["refused"] = facts.written["refused"]
            if note != facts.written:
                notes.append({"external_id": deal, "written": note})
        self.report.counts["deals_refused"] = len(self.report.refused)
        if notes:
            connection.execute(_NOTE, {"source": self.target.name, "notes": json.dumps(notes)})


def _same(kind: FieldType, found: str | None, wanted: str | None) -> bool:
    """Whether a field holds what it should, however the CRM writes it: `1200` is `1200.00`."""
    found, wanted = (found or "").strip(), (wanted or "").strip()
    if found == wanted or not (found and wanted):
        return found == wanted
    if kind is FieldType.NUMBER:
        try:
            return Decimal(found) == Decimal(wanted)
        except InvalidOperation:
            return False
    # A date may come as the moment at which it begins.
    return kind is FieldType.DATE and found[:10] == wanted


_GONE = Refusal(
    "the CRM has no such deal any more, or keeps it in its recycle bin",
    "Nothing to do, unless the deal was deleted by mistake: then restore it in the CRM.",
    gone=True,
)

_TAKE_TURN = text("SELECT pg_advisory_lock(:lock, hashtext(:source))")
_END_TURN = text("SELECT pg_advisory_unlock(:lock, hashtext(:source))")
_MISSING = text("""
    SELECT DISTINCT lacking.name
    FROM ops.write_backs AS told
    CROSS JOIN LATERAL jsonb_array_elements_text(told.written -> 'missing') AS lacking (name)
    WHERE told.source = :source AND told.written ? 'missing'
        AND NOT coalesce(CAST(told.written -> 'refused' ->> 'gone' AS boolean), FALSE)
""")
_NOTE = text("""
    INSERT INTO ops.write_backs AS told (source, external_id, written)
    SELECT :source, note.external_id, note.written
    FROM jsonb_to_recordset(CAST(:notes AS jsonb)) AS note (external_id text, written jsonb)
    ORDER BY note.external_id
    ON CONFLICT (source, external_id) DO UPDATE
    SET written = excluded.written, written_at = clock_timestamp()
""")
_REFUSED = text("""
    SELECT
        told.external_id, told.written -> 'refused' ->> 'reason' AS reason,
        told.written -> 'refused' ->> 'next_step' AS next_step, told.written_at AS at
    FROM ops.write_backs AS told
    WHERE told.source = :source AND told.written ? 'refused'
    ORDER BY length(told.external_id), told.external_id
""")
