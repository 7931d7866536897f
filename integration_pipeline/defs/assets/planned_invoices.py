"""Planned invoices and credit notes, by close month of their deal."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce, scope_of
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.store import tables


def planned_invoices(force: InForce) -> dg.AssetsDefinition:
    """Schedule."""

    @dg.asset(
        key=keys.PLANNED_INVOICES,
        deps=[keys.DEALS],
        partitions_def=force.months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Every invoice a won deal leads to, computed from its terms under the rule set in force, "
        "each line with its explanation. What no longer holds is superseded; if it is posted already, a "
        "credit note over it is planned. A partition holds the documents of the deals that closed in its "
        "month, whenever they are issued.",
        group_name="billing",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "schedule"},
        code_version=force.rules.version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.billing.documents),
    )
    def asset(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        scope = scope_of(context)
        report = schedule(pipeline, scope)
        metadata.of_months(context, pipeline.engine, scope, BY_MONTH)
        yield dg.MaterializeResult(metadata=metadata.of_run(report))

    return asset


BY_MONTH = """
    SELECT
        close_month AS month, kind || 's' AS what, currency, count(*) AS records,
        sum(total_minor) AS total_minor
    FROM billing.documents
    WHERE state = 'planned' AND crm.in_scope(
        close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
        CAST(:deal_keys AS text[])
    )
    GROUP BY close_month, kind, currency
    ORDER BY close_month, kind, currency
"""
"""What the asset holds of each month, for `metadata.month_totals`."""
