"""The CRM's records as received: five assets, one per object type, filled by one reading of the account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source, extract
from integration_pipeline.store import tables

_WHAT_FOR = {
    ObjectType.COMPANY: "who may be invoiced",
    ObjectType.CONTACT: "people at those companies",
    ObjectType.PRODUCT: "what is sold",
    ObjectType.LINE_ITEM: "what each deal charges for, at which price",
    ObjectType.DEAL: "what was agreed with whom, and whether it is won",
}


def raw_records(force: InForce) -> dg.AssetsDefinition:
    """Extract. One step for all types, because a deal must not be read long before its line items."""

    @dg.multi_asset(
        name="raw_crm",
        specs=[
            dg.AssetSpec(
                key,
                description=f"{_things(key)} of {force.crm_name} as received, every version: "
                f"{_WHAT_FOR[object_type]}. Only what changed since the last time is read.",
                group_name="crm_raw",
                owners=keys.OWNERS,
                kinds={force.mapping.source, "postgres"},
                tags={"stage": "extract"},
                code_version=force.mapping.version,
                freshness_policy=freshness.DAILY,
                metadata=metadata.of_table(tables.raw.records),
            )
            for object_type, key in keys.RAW.items()
        ],
        # One reader per account: vendors count requests per app, whoever sends them.
        pool=force.crm_pool,
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def assets(
        pipeline: dg.ResourceParam[Pipeline], crm: dg.ResourceParam[Source]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        report = extract(pipeline, crm)
        with pipeline.engine.connect() as connection:
            rows = {row.object_type: row for row in connection.execute(text(HELD), {"source": crm.name})}
        for object_type, key in keys.RAW.items():
            held = rows.get(object_type.value)
            yield dg.MaterializeResult(
                asset_key=key,
                metadata={
                    "dagster/row_count": held.records if held else 0,
                    "records_read": report.counts[f"read_{object_type.value}"],
                    "versions_landed": report.counts[f"new_{object_type.value}"],
                    **metadata.of_run(report),
                },
                # Nothing new was read: what depends on it is not out of date.
                data_version=dg.DataVersion(str(held.newest if held else 0)),
            )

    return assets


def _things(key: dg.AssetKey) -> str:
    return key.path[0].rpartition("__")[2].replace("_", " ").capitalize()


HELD = """
    SELECT object_type, count(*) AS records, max(record_id) AS newest
    FROM raw.heads
    WHERE source = :source
    GROUP BY object_type
"""
"""Records and newest version of each type of a source."""
