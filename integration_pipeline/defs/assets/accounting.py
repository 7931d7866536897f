"""Documents, payments and allocations in the accounting systems beside the own ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from integration_pipeline.billing.money import Money
from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.accounts import Account
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.standing import STUCK_STATES, TargetStanding, standing
from integration_pipeline.store import tables


def target_documents(force: InForce) -> Iterator[dg.AssetsDefinition]:
    """Deliver: one asset for each target, so that each has its pool, its history and its freshness."""
    return (_target_documents(force, target) for target in force.targets)


def _target_documents(force: InForce, target: Account) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.of_target(target),
        deps=[keys.INVOICES, keys.SETTLEMENTS],
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=f"What the own ledger booked, in `{target.name}`: each document, payment and allocation "
        "exactly once, under the ledger's number. What is uncertain is looked up before it is sent again; "
        "what is refused there waits for a person.",
        group_name="accounting",
        owners=keys.OWNERS,
        kinds={target.vendor, "postgres"},
        tags={"stage": "deliver"},
        code_version=force.rules.version,
        pool=target.slug,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.posting.intents),
    )
    def asset(
        pipeline: dg.ResourceParam[Pipeline], vendors: dg.ResourceParam[Vendors]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # Here and not above: httpx comes with it, and is not for whoever only loads definitions.
        from integration_pipeline.posting.delivery import deliver

        with vendors.target(pipeline, target.name) as opened:
            report = deliver(pipeline, [opened])
        with pipeline.engine.connect() as connection:
            [held] = [each for each in standing(connection, [target.name]) if each.target == target.name]
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": _in_state(held, "posted"),
                **of_target(held),
                **metadata.of_run(report),
            }
        )

    return asset


def accounting_documents(force: InForce) -> dg.AssetsDefinition:
    """How all targets stand together: under a name, and with checks, that stay whichever there are."""

    @dg.asset(
        key=keys.ACCOUNTING_DOCUMENTS,
        deps=[keys.of_target(each) for each in force.targets] or [keys.INVOICES, keys.SETTLEMENTS],
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="What the own ledger booked, in all accounting systems that TARGETS_FILE names: how much "
        "is there, is still to be sent, or waits for a person.",
        group_name="accounting",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "deliver"},
        code_version=force.rules.version,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.posting.intents),
    )
    def asset(
        pipeline: dg.ResourceParam[Pipeline], vendors: dg.ResourceParam[Vendors]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # A file that cannot be read fails the run; there was no asset for what it names.
        names = vendors.names_of_targets()
        with pipeline.engine.connect() as connection:
            held = standing(connection, sorted(names))
        shown: metadata.Metadata = {}
        for each in held:
            shown |= {f"{each.target}/{name}": value for name, value in of_target(each).items()}
        posted = sum(_in_state(each, "posted") for each in held)
        yield dg.MaterializeResult(metadata={"dagster/row_count": posted, **shown})

    return asset


def of_target(target: TargetStanding) -> metadata.Metadata:
    """`posted`, `amount`, `stuck` and what else is known of one target."""
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
    return shown


def _in_state(target: TargetStanding, *states: str) -> int:
    return sum(count for name, count in target.states.items() if name.split()[-1] in states)
