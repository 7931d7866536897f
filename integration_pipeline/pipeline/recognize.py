"""Recognize: what a month has earned moves from deferred revenue to revenue, when the month is over.

Belongs here: which months are due, which posted lines they concern. Does not belong here: how much a line has
earned (`billing.revenue`), accounts and storing (accounting).

A month is released once. What is posted later for its days is caught up in the first month not yet released.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.accounting.postgres_ledger.releases import (
    LineRelease,
    MonthRelease,
    post_releases,
)
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.periods import Period, add_months
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.revenue.events import last_of_month
from integration_pipeline.billing.revenue.releases import (
    Booked,
    Books,
    RevenueLine,
    line_over,
    release_entries,
)
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope

# First half of the two-part advisory lock key; the second is a hash of the entity.
_RELEASE_LOCK = 731_059


def recognize(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Release every month that has ended, in each entity's time zone, and was not released. Safe to repeat.

    A month is released for all deals at once: a run over some of them leaves it to the next run over all.
    Counts: `entries_posted` (one of each entity, currency and month), `months_released`, `lines_released`
    (each once a month). Money: `released`, less what credit notes took back.
    """
    with reporting("recognize") as report:
        if scope != Scope.everything():
            return report
        months: set[date] = set()
        for entity in pipeline.rules.entities:
            with pipeline.engine.begin() as connection:
                releases = _releases(connection, pipeline, entity)
                if releases:
                    post_releases(connection, entity, releases, pipeline.rules.accounts)
            for release in releases:
                months.add(release.month_end)
                report.counts["entries_posted"] += 1
                report.counts["months_released"] = len(months)
                report.counts["lines_released"] += len(release.lines)
                report.money["released", release.currency] += sum(line.minor for line in release.lines)
    return report


def _releases(connection: Connection, pipeline: Pipeline, entity: str) -> list[MonthRelease]:
    """What is due of an entity, under a lock that makes the releasing of its months single file."""
    connection.execute(text(_LOCK), {"lock": _RELEASE_LOCK, "entity": entity})
    newest: date | None = connection.execute(text(_NEWEST_MONTH), {"entity": entity}).scalar()
    last = add_months(pipeline.today(entity).replace(day=1), -1)
    if newest is not None and newest >= last:
        return []
    rows = connection.execute(text(_DEFERRED_LINES), {"entity": entity, "until": last_of_month(last)}).all()
    deferred = _Deferred.of(rows)
    first_open = add_months(newest, 1) if newest else date.min
    return list(deferred.releases(first_open, last, pipeline.rules.policies))


@dataclass(slots=True)
class _Deferred:
    """The posted lines of an entity whose revenue was deferred, and what was released of them so far."""

    lines: dict[str, RevenueLine] = field(default_factory=dict[str, RevenueLine])
    released: dict[str, Booked] = field(default_factory=dict[str, Booked])
    reversals: dict[str, str] = field(default_factory=dict[str, str])
    """Line and the line that takes it back in full, both ways round."""

    @staticmethod
    def of(rows: Iterable[Row[Any]]) -> _Deferred:
        """`rows` in order of issue."""
        deferred = _Deferred()
        charged: dict[tuple[str, str], list[RevenueLine]] = defaultdict(list)
        for row in rows:
            key = _key(row.document_id, row.position)
            period = Period(row.service_start, row.service_end) if row.service_start else None
            of_charge = charged[row.deal_key, row.charge_id]
            reverses: str | None = None
            if row.reverses_id is not None:
                reverses = _key(row.reverses_id, row.position)
                deferred.reversals |= {key: reverses, reverses: key}
            elif row.kind == "credit" and period is not None:
                reverses = line_over(period, of_charge)
            amount = Money(row.minor, row.currency)
            line = RevenueLine(key, amount, row.issue_date, RevenueTreatment.DEFERRED, period, reverses)
            deferred.lines[key] = line
            deferred.released[key] = Booked(revenue=row.released_minor, deferred=-row.released_minor)
            if row.kind == "charge" and row.reverses_id is None:
                of_charge.append(line)
        return deferred

    def releases(self, first_open: date, last: date, policies: Policies) -> Iterator[MonthRelease]:
        """An entry for each month and currency that moves something, in order; `first_open` to `last`."""
        for month, lines in sorted(self._lines_by_month(first_open, last).items()):
            month_end = last_of_month(month)
            due = {line.key: line for line in lines if not self._is_settled(line, month_end)}
            moved: dict[str, list[LineRelease]] = defaultdict(list)
            with_reversed = [*due.values(), *self._reversed_by(due)]
            for entry in release_entries(with_reversed, month_end, policies, Books(self.released, month)):
                if entry.key in due and entry.moved.revenue:
                    self.released[entry.key] += entry.moved
                    document_id, position = entry.key.split("/")
                    moved[entry.currency].append(
                        LineRelease(int(document_id), int(position), entry.moved.revenue, entry.formula)
                    )
            for currency, of_currency in sorted(moved.items()):
                yield MonthRelease(month_end, currency, tuple(of_currency))

    def _lines_by_month(self, first_open: date, last: date) -> dict[date, list[RevenueLine]]:
        """The lines that may move in each month: sixty months times all lines would be mostly idle."""
        by_month: dict[date, list[RevenueLine]] = defaultdict(list)
        for line in self.lines.values():
            first, final = _months_of(line)
            if final < first_open and self.released[line.key].revenue == line.amount.minor:
                continue
            month = max(first, first_open)
            while month <= min(max(final, first_open), last):
                by_month[month].append(line)
                month = add_months(month, 1)
        return by_month

    def _is_settled(self, line: RevenueLine, month_end: date) -> bool:
        """Whether a line and what takes it back in full are both issued and cancel out in revenue."""
        partner = self.reversals.get(line.key)
        if partner is None:
            return False
        issued = max(line.issue_date, self.lines[partner].issue_date)
        both = self.released[line.key] + self.released[partner]
        return issued <= month_end and not both.revenue

    def _reversed_by(self, due: dict[str, RevenueLine]) -> list[RevenueLine]:
        """The lines that `due` ones reverse and that are not due themselves, and what those reverse."""
        found: dict[str, RevenueLine] = {}
        for line in due.values():
            key = line.reverses
            while key is not None and key not in due and key not in found:
                found[key] = self.lines[key]
                key = found[key].reverses
        return list(found.values())


def _key(document_id: int, position: int) -> str:
    return f"{document_id}/{position}"


def _months_of(line: RevenueLine) -> tuple[date, date]:
    """The first and the last month in which a line earns, if each is released in time."""
    issued = line.issue_date.replace(day=1)
    if line.service_period is None:
        return issued, issued
    first, final = line.service_period.start, line.service_period.end - timedelta(days=1)
    return max(issued, first.replace(day=1)), max(issued, final.replace(day=1))


_LOCK = "SELECT pg_advisory_xact_lock(:lock, hashtext(:entity))"
_NEWEST_MONTH = """
    SELECT max(CAST(date_trunc('month', accounting_date) AS date)) FROM ledger.journal_entries
    WHERE entity = :entity AND kind = 'release'
"""
_DEFERRED_LINES = """
    SELECT
        document.id AS document_id, line.position, line.kind, line.charge_id, line.service_start,
        line.service_end, document.deal_key, document.reverses_id, document.currency, document.issue_date,
        CASE document.kind WHEN 'invoice' THEN line.amount_minor ELSE -line.amount_minor END AS minor,
        coalesce(CAST(released.minor AS bigint), 0) AS released_minor
    FROM ledger.documents AS issued
    INNER JOIN posting.ledger_intents AS intent ON intent.id = issued.intent_id
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN billing.lines AS line ON line.document_id = document.id
    LEFT JOIN (
        SELECT document_id, position, sum(amount_minor) AS minor
        FROM ledger.revenue_releases
        GROUP BY document_id, position
    ) AS released ON released.document_id = line.document_id AND released.position = line.position
    WHERE document.entity = :entity AND document.issue_date <= :until
        AND line.revenue = 'deferred' AND line.amount_minor <> 0
    ORDER BY document.issue_date, document.id, line.position
"""
