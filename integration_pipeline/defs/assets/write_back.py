"""Deals in the CRM, told about their invoices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import text

from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.store import tables

_SHOWN = 50


def crm_write_back(force: InForce) -> dg.AssetsDefinition:
    """Write back."""

    @dg.asset(
        key=keys.WRITE_BACK,
        deps=[keys.INVOICES, keys.SETTLEMENTS, keys.ACCOUNTING_DOCUMENTS],
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Invoice numbers, status, amounts and dates in the fields of deals that the mapping "
        "names under `write_back`. Only what differs from what was last written is written.",
        # Not `crm`: what is told comes last, and a group on both ends would draw the way in a circle.
        group_name="write_back",
        owners=keys.OWNERS,
        kinds={force.mapping.source, "postgres"},
        tags={"stage": "write_back"},
        code_version=force.mapping.version,
        # One run at a time for an account: vendors count requests per app, whoever sends them.
        pool=force.crm_pool,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.ops.write_backs),
    )
    def asset(
        pipeline: dg.ResourceParam[Pipeline], vendors: dg.ResourceParam[Vendors]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # Without anything to tell nobody is asked for the right to tell it.
        if pipeline.mapping.write_back is None:
            yield dg.MaterializeResult(metadata={"dagster/row_count": 0})
            return
        from integration_pipeline.pipeline.write_back import write_back

        with vendors.crm_writer() as writer:
            report = write_back(pipeline, writer, Scope.everything())
        with pipeline.engine.connect() as connection:
            known = connection.execute(text("SELECT count(*) FROM ops.write_backs")).scalar_one()
        refused = [
            dg.TableRecord({"deal": each.external_id, "reason": each.reason, "next_step": each.next_step})
            for each in report.refused[:_SHOWN]
        ]
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": known,
                "missing_fields": ", ".join(sorted(report.missing_fields)),
                "refused": dg.MetadataValue.table(refused, schema=_REFUSED),
                **metadata.of_run(report),
            }
        )

    return asset


_REFUSED = dg.TableSchema([dg.TableColumn("deal"), dg.TableColumn("reason"), dg.TableColumn("next_step")])
