"""Documents, payments and allocations in the accounting systems beside the own ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from integration_pipeline.billing.money import Money
from integration_pipeline.defs import keys, metadata
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.standing import STUCK_STATES, TargetStanding, standing
from integration_pipeline.store import tables


def accounting_documents(force: InForce) -> dg.AssetsDefinition:
    """Deliver. One asset for all targets: which there are is a file's to say, and may change between runs."""

    @dg.asset(
        key=keys.ACCOUNTING_DOCUMENTS,
        deps=[keys.INVOICES, keys.SETTLEMENTS],
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="What the own ledger booked, in the accounting systems that TARGETS_FILE names: each "
        "document, payment and allocation exactly once, under the ledger's number. What is uncertain is "
        "looked up before it is sent again; what a target refuses waits for a person.",
        group_name="accounting",
        owners=keys.OWNERS,
        kinds={"quickbooks", "xero", "postgres"},
        tags={"stage": "deliver"},
        code_version=force.rules.version,
        # One run at a time; a target has one writer anyway.
        pool="accounting",
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=6), warn_window=timedelta(hours=1)
        ),
        metadata=metadata.of_table(tables.posting.intents),
    )
    def asset(
        pipeline: dg.ResourceParam[Pipeline], vendors: dg.ResourceParam[Vendors]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # Here and not above: httpx comes with it, and is not for whoever only loads definitions.
        from integration_pipeline.posting.delivery import deliver

        with vendors.targets(pipeline) as opened:
            report = deliver(pipeline, opened)
            names = [target.name for target in opened]
        with pipeline.engine.connect() as connection:
            held = standing(connection, names)
        shown: metadata.Metadata = {}
        for each in held:
            shown |= of_target(each)
        posted = sum(_in_state(each, "posted") for each in held)
        yield dg.MaterializeResult(metadata={"dagster/row_count": posted, **metadata.of_run(report), **shown})

    return asset


def of_target(target: TargetStanding) -> metadata.Metadata:
    """`xero-eu/posted`, `xero-eu/amount`, `xero-eu/stuck` and what else is known of one target."""
    shown: metadata.Metadata = {
        "posted": _in_state(target, "posted"),
        "open": _in_state(target, "pending", "claimed", "uncertain"),
        "stuck": _in_state(target, *STUCK_STATES),
        "findings": target.findings,
        "customers_waiting": target.customers_waiting,
        "amount": ", ".join(
            Money(int(minor), currency).format() for currency, minor in sorted(target.posted_minor.items())
        ),
    }
    if target.paused_until is not None:
        shown["paused_until"] = dg.MetadataValue.timestamp(target.paused_until)
        shown["paused_for"] = target.paused_for or ""
    return {f"{target.target}/{name}": value for name, value in shown.items()}


def _in_state(target: TargetStanding, *states: str) -> int:
    return sum(count for name, count in target.states.items() if name.split()[-1] in states)
