"""Deals in our own terms, by close month: read, mapped, and judged."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.checks import rows
from integration_pipeline.defs.in_force import InForce, scope_of
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.gate import gate_deals, gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.quality.suites import DEALS, RAW_DEALS, WITHDRAWN_DEALS
from integration_pipeline.store import tables

_SUITES = (RAW_DEALS, DEALS, WITHDRAWN_DEALS)


def deals(force: InForce) -> dg.AssetsDefinition:
    """Judge raw deals, normalize those that passed, judge the result.

    The three belong to one asset, so that a backfill after a change of the rules or of a suite is complete
    without reading the CRM again.
    """

    @dg.asset(
        key=keys.DEALS,
        deps=[keys.RAW[ObjectType.DEAL], keys.RAW[ObjectType.LINE_ITEM], keys.CUSTOMERS],
        partitions_def=force.months,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Deals with their customer, amount and contract terms, read from the CRM through the "
        "mapping. A partition holds the deals that closed in its month. Deals that break a rule are set "
        "aside with the reason and the next step; the others go on.",
        group_name="crm",
        owners=keys.OWNERS,
        kinds={"python", "postgres", "greatexpectations"},
        tags={"stage": "normalize"},
        code_version=force.deal_version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.crm.deals),
        check_specs=[rows.spec(keys.DEALS, suite) for suite in _SUITES],
    )
    def asset(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        scope = scope_of(context)
        reports = (
            gate_raw_deals(pipeline, scope),
            normalize(pipeline, scope),
            gate_deals(pipeline, scope),
        )
        metadata.of_months(context, pipeline.engine, scope, BY_MONTH)
        yield dg.MaterializeResult(
            metadata=metadata.of_run(*reports),
            check_results=[rows.result(pipeline.engine, keys.DEALS, suite, reports) for suite in _SUITES],
        )

    return asset


BY_MONTH = """
    SELECT
        close_month AS month, state AS what, currency, count(*) AS records,
        sum(amount_minor) AS total_minor
    FROM crm.current_deals
    WHERE crm.in_scope(
        close_month, deal_key, CAST(:first_month AS date), CAST(:last_month AS date),
        CAST(:deal_keys AS text[])
    )
    GROUP BY close_month, state, currency
    ORDER BY close_month, state, currency
"""
"""What the asset holds of each month, for `metadata.month_totals`."""
