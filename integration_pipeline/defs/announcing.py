"""Telling Dagster what was done without a run of its assets: materializations and check results.

Belongs here: which assets and months some activity concerns, and what is shown beside each. Does not belong
here: the versions a materialization carries (`data_versions`), when it is told (`sensors`, `settling`).

One materialization of each asset and month a time, however many batches there were: Dagster keeps every event
for good, and its pages show the newest. Events of one asset are stored together. Measured with PostgreSQL on
two busy cores: 119 ms for twelve months, where `report_runless_asset_event` took 1,040 ms for them one by
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, StepMaterializationData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from sqlalchemy import Engine, text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs import keys, metadata
from integration_pipeline.defs.assets.deals import BY_MONTH as DEALS_BY_MONTH
from integration_pipeline.defs.assets.gate import BY_MONTH as VERDICTS_BY_MONTH
from integration_pipeline.defs.assets.invoices import BY_MONTH as INVOICES_BY_MONTH
from integration_pipeline.defs.assets.planned_invoices import BY_MONTH as PLANNED_BY_MONTH
from integration_pipeline.defs.assets.raw_records import HELD
from integration_pipeline.defs.checks import rows
from integration_pipeline.defs.data_versions import Versions
from integration_pipeline.defs.in_force import MONTH_FORMAT
from integration_pipeline.inbox.reporting import Activity
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.quality.rules import Suite
from integration_pipeline.quality.suites import DEALS, PLANNED_DOCUMENTS, RAW_DEALS, WITHDRAWN_DEALS

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

Graph: TypeAlias = "Callable[[], BaseAssetGraph[Any]]"
"""The graph of the pipeline's assets, made when it is first asked for."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many events were written."""

    materializations: int
    checks: int


@dataclass(frozen=True, slots=True)
class InRun:
    """The run in whose log the events go; without one they belong to none."""

    run_id: str = RUNLESS_RUN_ID
    job_name: str = RUNLESS_JOB_NAME


@dataclass(frozen=True, slots=True)
class _ByMonth:
    stages: tuple[str, ...]
    totals: str


_BY_MONTH: Mapping[dg.AssetKey, _ByMonth] = MappingProxyType(
    {
        keys.DEALS: _ByMonth(("raw_gate", "normalize", "deal_gate"), DEALS_BY_MONTH),
        keys.PLANNED_INVOICES: _ByMonth(("schedule",), PLANNED_BY_MONTH),
        keys.GATE: _ByMonth(("document_gate",), VERDICTS_BY_MONTH),
        keys.INVOICES: _ByMonth(("post",), INVOICES_BY_MONTH),
    }
)
_SUITES: Sequence[tuple[dg.AssetKey, Suite]] = (
    (keys.DEALS, RAW_DEALS),
    (keys.DEALS, DEALS),
    (keys.DEALS, WITHDRAWN_DEALS),
    (keys.GATE, PLANNED_DOCUMENTS),
)


def announce(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph[Any],
    engine: Engine,
    activity: Activity,
    source: str,
    run: InRun | None = None,
) -> Told:
    """Write to Dagster's event log what `activity` did and what its months hold now, parents first.

    Safe to repeat: a second report shows the same totals. `source` is the CRM's name in `raw`.
    """
    journal = _Journal(instance, run or InRun())
    versions = Versions(instance, graph)
    for key, shown, newest in _raw(engine, activity, source):
        tags = versions.of_asset(key, dg.DataVersion(str(newest)))
        journal.materialized([dg.AssetMaterialization(key, metadata=shown, tags=tags)])
    customers = metadata.of_run(*_of_stages(activity, ("customers",)))
    if customers:
        with engine.connect() as connection:
            known = connection.execute(text("SELECT count(*) FROM crm.customers")).scalar_one()
        shown = {"dagster/row_count": known, **customers, **_in_real_time(activity)}
        tags = versions.of_asset(keys.CUSTOMERS)
        journal.materialized([dg.AssetMaterialization(keys.CUSTOMERS, metadata=shown, tags=tags)])
    for key, shown_by_month in _BY_MONTH.items():
        journal.materialized(list(_months(graph, versions, engine, activity, key, shown_by_month)))
    for key, suite in _SUITES:
        journal.checked(rows.evaluation(engine, key, suite))
    return journal.told()


def _raw(
    engine: Engine, activity: Activity, source: str
) -> Iterator[tuple[dg.AssetKey, metadata.Metadata, int]]:
    read = {kind: activity.count("extract", f"read_{kind.value}") for kind in keys.RAW}
    if not any(read.values()):
        return
    with engine.connect() as connection:
        held = {row.object_type: row for row in connection.execute(text(HELD), {"source": source})}
    for kind, key in keys.RAW.items():
        if read[kind]:
            yield key, _of_type(activity, kind, read[kind], held[kind.value].records), held[kind.value].newest


def _of_type(activity: Activity, kind: ObjectType, read: int, held: int) -> metadata.Metadata:
    return {
        "dagster/row_count": held,
        "records_read": read,
        "versions_landed": activity.count("extract", f"new_{kind.value}"),
        **metadata.of_run(*_of_stages(activity, ("extract",))),
        **_in_real_time(activity),
    }


def _months(
    graph: BaseAssetGraph[Any],
    versions: Versions,
    engine: Engine,
    activity: Activity,
    key: dg.AssetKey,
    shown: _ByMonth,
) -> Iterator[dg.AssetMaterialization]:
    definition = graph.get(key).partitions_def
    partitions = set(definition.get_partition_keys()) if definition else set[str]()
    # A close month that no partition stands for yet is shown once the daily run comes to it.
    months = {month.strftime(MONTH_FORMAT): month for month in activity.months}
    months = {partition: month for partition, month in months.items() if partition in partitions}
    if not months:
        return
    span = Scope.months(min(months.values()), max(months.values()))
    held = metadata.month_totals(engine, span, shown.totals)
    did = {**metadata.of_run(*_of_stages(activity, shown.stages)), **_in_real_time(activity)}
    tags = versions.of_partitions(key, months)
    for partition, month in months.items():
        yield dg.AssetMaterialization(
            key, partition=partition, metadata={**did, **held[month]}, tags=tags[partition]
        )


def _of_stages(activity: Activity, stages: Sequence[str]) -> list[StageReport]:
    return [report for report in activity.reports if report.stage in stages]


def _in_real_time(activity: Activity) -> metadata.Metadata:
    shown: metadata.Metadata = {
        "realtime/events": activity.events,
        "realtime/deals": activity.deals,
        "realtime/batches": len(activity.batch_ids),
        "realtime/workers": ", ".join(activity.workers),
        "realtime/from": dg.MetadataValue.timestamp(activity.started_at),
        "realtime/to": dg.MetadataValue.timestamp(activity.finished_at),
    }
    for name, percent in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100)):
        latency = activity.latency_ms(percent)
        if latency is not None:
            shown[f"realtime/latency_{name}_ms"] = latency
    return shown


class _Journal:
    """Writes events into Dagster's log and counts them."""

    def __init__(self, instance: dg.DagsterInstance, run: InRun) -> None:
        self._instance = instance
        self._run = run
        self._materializations = 0
        self._checks = 0

    def told(self) -> Told:
        return Told(self._materializations, self._checks)

    def materialized(self, events: Sequence[dg.AssetMaterialization]) -> None:
        """All of one asset. Dagster's `report_runless_asset_event` writes them one by one."""
        batch = str(uuid4())
        for number, event in enumerate(events, start=1):
            self._write(
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                StepMaterializationData(event),
                DagsterEventBatchMetadata(batch, is_end=number == len(events)),
            )
        self._materializations += len(events)

    def checked(self, evaluation: dg.AssetCheckEvaluation) -> None:
        self._write(dg.DagsterEventType.ASSET_CHECK_EVALUATION, evaluation, None)
        self._checks += 1

    def _write(
        self,
        kind: dg.DagsterEventType,
        data: StepMaterializationData | dg.AssetCheckEvaluation,
        batch: DagsterEventBatchMetadata | None,
    ) -> None:
        event = DagsterEvent(
            event_type_value=kind.value, job_name=self._run.job_name, event_specific_data=data
        )
        self._instance.report_dagster_event(event, run_id=self._run.run_id, batch_metadata=batch)
