"""Customers, each with the CRM companies and contacts that are the same payer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.store import tables


def customers(force: InForce) -> dg.AssetsDefinition:
    """Link companies and contacts to customers."""

    @dg.asset(
        key=keys.CUSTOMERS,
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[keys.RAW[ObjectType.COMPANY], keys.RAW[ObjectType.CONTACT]],
        description="Who is invoiced. Companies that share a tax id or a domain become one customer; what is "
        "not certain waits as a candidate for a person to decide.",
        group_name="crm",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "customers"},
        code_version=force.mapping.version,
        freshness_policy=freshness.DAILY,
        metadata=metadata.of_table(tables.crm.customers),
    )
    def asset(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.MaterializeResult[Any]]:
        report = link_customers(pipeline)
        with pipeline.engine.connect() as connection:
            known = connection.execute(text("SELECT count(*) FROM crm.customers")).scalar_one()
        yield dg.MaterializeResult(metadata={"dagster/row_count": known, **metadata.of_run(report)})

    return asset
