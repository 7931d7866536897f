"""The gate: verdicts on planned documents. Nothing is posted without one."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.checks import rows
from integration_pipeline.defs.in_force import InForce, scope_of
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.gate import gate_documents
from integration_pipeline.quality.suites import PLANNED_DOCUMENTS
from integration_pipeline.store import tables


def gate(force: InForce) -> dg.AssetsDefinition:
    """Judge planned documents."""

    @dg.asset(
        key=keys.GATE,
        deps=[keys.PLANNED_INVOICES],
        partitions_def=force.months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="A verdict on every planned invoice and credit note: may it be posted? The ledger asks "
        "for this record by itself, whoever starts the posting.",
        group_name="posting",
        owners=keys.OWNERS,
        kinds={"python", "postgres", "greatexpectations"},
        tags={"stage": "gate"},
        code_version=PLANNED_DOCUMENTS.version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.posting.gate_records),
        check_specs=[rows.spec(keys.GATE, PLANNED_DOCUMENTS)],
    )
    def asset(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        scope = scope_of(context)
        report = gate_documents(pipeline, scope)
        metadata.of_months(context, pipeline.engine, scope, BY_MONTH)
        yield dg.MaterializeResult(
            metadata=metadata.of_run(report),
            check_results=[rows.result(pipeline.engine, keys.GATE, PLANNED_DOCUMENTS, [report])],
        )

    return asset


BY_MONTH = """
    SELECT
        document.close_month AS month,
        CASE WHEN gate.passed THEN 'passed' ELSE 'held' END AS what,
        document.currency, count(*) AS records, sum(document.total_minor) AS total_minor
    FROM billing.documents AS document
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'document' AND gate.subject_id = document.id
    WHERE document.state = 'planned' AND crm.in_scope(
        document.close_month, document.deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
        CAST(:deal_keys AS text[])
    )
    GROUP BY document.close_month, gate.passed, document.currency
    ORDER BY document.close_month, gate.passed, document.currency
"""
"""What the asset holds of each month, for `metadata.month_totals`."""
