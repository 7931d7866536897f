"""Jobs that look after accounting systems: what changed there, everything there, and the way in.

Belongs here: the jobs, and one target's failure not being another's. Does not belong here: the work
(`posting.sweep`, `posting.reconcile`, `credentials`), when it is done (the schedules in `jobs`).

They are ops and not assets: they leave findings, not documents.
"""

# A file whose ops take a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.

# Dagster's annotations of jobs leave type arguments out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import dagster as dg

from integration_pipeline.billing.money import Money
from integration_pipeline.defs import metadata
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline

if TYPE_CHECKING:
    from integration_pipeline.accounting.target import AccountingTarget

SWEEP_TARGETS = "sweep_targets"
RECONCILE_TARGETS = "reconcile_targets"
TEND_CONNECTIONS = "tend_connections"


class NotLookedAt(dg.Failure):
    """Some accounting systems could not be looked at; the others were."""


def sweep_targets() -> dg.JobDefinition:
    """The job that compares what changed in accounting systems since the last look."""

    @dg.op(
        pool="accounting",
        description="Reads what changed in each accounting system, and notes where it differs from what was "
        "posted there.",
    )
    def sweep_changes(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> None:
        # Here and not above: they bring httpx, which is not for whoever only loads definitions.
        from integration_pipeline.realtime.looks import look_at, sweep_once

        def sweep(target: "AccountingTarget") -> metadata.Metadata:
            counts: dict[str, int] = {}
            account = (target.vendor, vendors.account_of(target.name))
            url = pipeline.database_url
            if not look_at(url, account, lambda: counts.update(sweep_once(url, target))):
                context.log.info("%s is being looked at by the worker just now", target.name)
            return dict(counts)

        _for_each(context, pipeline, vendors, sweep)

    @dg.job(
        name=SWEEP_TARGETS,
        description="What people edited, voided or deleted in accounting systems becomes findings. Safe to "
        "repeat.",
    )
    def job() -> None:
        sweep_changes()

    return job


def reconcile_targets() -> dg.JobDefinition:
    """The job that compares everything, in both directions."""

    @dg.op(
        pool="accounting",
        description="Holds everything that was posted to each accounting system against everything that is "
        "there.",
    )
    def reconcile_documents(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> None:
        from integration_pipeline.posting.reconcile import reconcile
        from integration_pipeline.posting.writer import open_session

        def compare(target: "AccountingTarget") -> metadata.Metadata:
            with open_session(pipeline.database_url, f"reconcile {target.name}") as session:
                found = reconcile(session, target)
            return {
                "agrees": found.agrees,
                "documents_here": found.documents_here,
                "documents_there": found.documents_there,
                "total_here": _amounts(found.totals_here),
                "total_there": _amounts(found.totals_there),
                "findings": found.findings.total(),
                "closed": found.closed,
            }

        _for_each(context, pipeline, vendors, compare)

    @dg.job(
        name=RECONCILE_TARGETS,
        description="Every document and its total, here and in each accounting system; differences become "
        "findings, and findings that are gone are closed. Safe to repeat.",
    )
    def job() -> None:
        reconcile_documents()

    return job


def tend_connections() -> dg.JobDefinition:
    """The job that keeps connections from ending."""

    @dg.op(description="Renews the tokens of connected accounts that expired, and those no answer came for.")
    def tend(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> None:
        opened = vendors.connections(pipeline)
        if opened is None:
            context.log.info("no account is connected")
            return
        tended = opened.tend()
        context.add_output_metadata({"renewed": ", ".join(tended.renewed), "failed": len(tended.failed)})
        if tended.failed:
            raise NotLookedAt("; ".join(f"{name}: {why}" for name, why in tended.failed), allow_retries=False)

    @dg.job(
        name=TEND_CONNECTIONS,
        description="Connections that nobody uses would end with their tokens; they are renewed.",
    )
    def job() -> None:
        tend()

    return job


def _for_each(
    context: dg.OpExecutionContext,
    pipeline: Pipeline,
    vendors: Vendors,
    look: "Callable[[AccountingTarget], metadata.Metadata]",
) -> None:
    """Look at every target; those that cannot be looked at are named at the end."""
    from integration_pipeline.credentials import ConnectionUnusable, RefreshPostponed
    from integration_pipeline.transport.failures import VendorFailure

    shown: metadata.Metadata = {}
    failures: list[str] = []
    with vendors.targets(pipeline) as opened:
        for target in opened:
            try:
                seen = look(target)
            except (VendorFailure, ConnectionUnusable, RefreshPostponed) as failure:
                failures.append(f"{target.name}: {failure}")
            else:
                shown |= {f"{target.name}/{name}": value for name, value in seen.items()}
    context.add_output_metadata(shown)
    if failures:
        raise NotLookedAt("; ".join(failures), metadata=shown, allow_retries=False)


def _amounts(totals: Mapping[str, int]) -> str:
    return ", ".join(Money(minor, currency).format() for currency, minor in sorted(totals.items()))
