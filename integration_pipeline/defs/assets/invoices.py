"""Invoices and credit notes in the books, by close month of their deal."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce, scope_of
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import post
from integration_pipeline.store import tables


def invoices(force: InForce) -> dg.AssetsDefinition:
    """Post."""

    @dg.asset(
        key=keys.INVOICES,
        deps=[keys.GATE],
        partitions_def=force.months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Invoices and credit notes in the double-entry ledger, each posted exactly once, on or "
        "after its issue date, and never edited. A partition holds the documents of the deals that closed "
        "in its month.",
        group_name="ledger",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "post"},
        code_version=force.rules.version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.ledger.documents),
    )
    def asset(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        scope = scope_of(context)
        report = post(pipeline, scope)
        metadata.of_months(context, pipeline.engine, scope, BY_MONTH)
        yield dg.MaterializeResult(metadata=metadata.of_run(report))

    return asset


BY_MONTH = """
    SELECT
        document.close_month AS month, issued.kind || 's' AS what, issued.currency, count(*) AS records,
        sum(issued.total_minor) AS total_minor
    FROM ledger.documents AS issued
    INNER JOIN posting.ledger_intents AS intent ON intent.id = issued.intent_id
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    WHERE crm.in_scope(
        document.close_month, document.deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
        CAST(:deal_keys AS text[])
    )
    GROUP BY document.close_month, issued.kind, issued.currency
    ORDER BY document.close_month, issued.kind, issued.currency
"""
"""What the asset holds of each month, for `metadata.month_totals`."""
