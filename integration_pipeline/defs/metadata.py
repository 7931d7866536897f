"""What Dagster shows beside an asset: its table, what a run did, what each month holds.

Belongs here: turning tables and stage reports into metadata. Does not belong here: check results (`checks`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeAlias

import dagster as dg
from sqlalchemy import Engine, Table, text
from sqlalchemy.dialects import postgresql

from integration_pipeline.billing.money import Money
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope

Metadata: TypeAlias = dict[str, Any]

REPORTS = "reports"

_POSTGRESQL = postgresql.dialect()


def of_table(table: Table) -> Metadata:
    """The table's name and columns, as static metadata of the asset that fills it."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type.compile(dialect=_POSTGRESQL).lower(),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=bool(column.unique)),
        )
        for column in table.columns
    ]
    return {
        "dagster/table_name": table.fullname,
        "dagster/storage_kind": "postgres",
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def of_run(*reports: StageReport) -> Metadata:
    """What the stages of one run did: `post/invoices_posted`, `post/invoiced`, `post/seconds`.

    `reports` holds the same once more as plain data, money in minor units.
    """
    shown: Metadata = {}
    for report in reports:
        shown |= {f"{report.stage}/{name}": count for name, count in sorted(report.counts.items())}
        amounts: dict[str, list[Money]] = defaultdict(list)
        for (name, currency), minor in report.money.items():
            amounts[name].append(Money(minor, currency))
        shown |= {f"{report.stage}/{name}": _amounts(amounts[name]) for name in sorted(amounts)}
        shown[f"{report.stage}/seconds"] = round(report.seconds, 3)
    return {**shown, REPORTS: dg.MetadataValue.json([report.as_json() for report in reports])}


def of_months(context: dg.AssetExecutionContext, engine: Engine, scope: Scope, totals: str) -> None:
    """Attach to each month of the run what the asset holds of it now, whichever run put it there.

    A range of months is one run, and the run's own figures would repeat in each of them.
    """
    held = month_totals(engine, scope, totals)
    for key in context.partition_keys:
        context.add_asset_metadata(held[date.fromisoformat(f"{key}-01")], partition_key=key)


def month_totals(engine: Engine, scope: Scope, totals: str) -> defaultdict[date, Metadata]:
    """What an asset holds of each of the scope's months, by first day: no rows for months it does not name.

    `totals` selects `month` (a first day), `what`, `currency` (or null), `records` and `total_minor`.
    """
    rows: Counter[date] = Counter()
    counts: dict[date, Counter[str]] = defaultdict(Counter[str])
    amounts: dict[date, dict[str, list[Money]]] = defaultdict(lambda: defaultdict(list))
    with engine.connect() as connection:
        for row in connection.execute(text(totals), scope.parameters()):
            rows[row.month] += row.records
            counts[row.month][f"month/{row.what}"] += row.records
            if row.currency is not None:
                amounts[row.month][f"month/{row.what}_amount"].append(
                    Money(int(row.total_minor or 0), row.currency)
                )
    held: defaultdict[date, Metadata] = defaultdict(lambda: {"dagster/partition_row_count": 0})
    for month, count in rows.items():
        held[month] = {
            "dagster/partition_row_count": count,
            **counts[month],
            **{label: _amounts(money) for label, money in amounts[month].items()},
        }
    return held


def _amounts(amounts: Iterable[Money]) -> str:
    return ", ".join(amount.format() for amount in sorted(amounts, key=lambda each: each.currency))
