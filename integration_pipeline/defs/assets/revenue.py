"""Revenue of months that are over, moved there from deferred revenue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import text

from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.recognize import recognize
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.store import tables


def revenue(force: InForce) -> dg.AssetsDefinition:
    """Recognize. A month of revenue is no month in which deals closed, so it has no partitions of those."""

    @dg.asset(
        key=keys.REVENUE,
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[keys.INVOICES],
        description="What each posted line has earned by the end of each month, moved from deferred revenue "
        "to revenue by one entry of each entity, currency and month. A month is released once, when it is "
        "over where the entity is; what comes late is caught up in the next.",
        group_name="ledger",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "recognize"},
        code_version=force.rules.version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.ledger.revenue_releases),
    )
    def asset(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.MaterializeResult[Any]]:
        report = recognize(pipeline, Scope.everything())
        with pipeline.engine.connect() as connection:
            known = connection.execute(text("SELECT count(*) FROM ledger.revenue_releases")).scalar_one()
        yield dg.MaterializeResult(metadata={"dagster/row_count": known, **metadata.of_run(report)})

    return asset
