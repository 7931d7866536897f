"""Jobs that look after accounting systems: what changed there, everything there, and the way in.

Belongs here: the jobs, one for each target. Does not belong here: the work (`posting.sweep`,
`posting.reconcile`, `credentials`), when it is done (the schedules in `jobs`).

They are ops and not assets: they leave findings, not documents.
"""

# A file whose ops take a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.

# Dagster's annotations of jobs leave type arguments out.
# pyright: reportUnknownMemberType=false

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from integration_pipeline.billing.money import Money
from integration_pipeline.defs.accounts import Account
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline

if TYPE_CHECKING:
    from integration_pipeline.accounting.target import AccountingTarget

TEND_CONNECTIONS = "tend_connections"


def sweep_job(target: Account) -> str:
    """The name of the job that sweeps a target."""
    return f"sweep_{target.slug}"


def reconcile_job(target: Account) -> str:
    """The name of the job that reconciles a target."""
    return f"reconcile_{target.slug}"


class NotLookedAt(dg.Failure):
    """An accounting system could not be looked at."""


def sweep(target: Account) -> dg.JobDefinition:
    """The job that compares what changed in one accounting system since the last look."""

    @dg.op(
        name=f"{sweep_job(target)}_op",
        pool=target.slug,
        description=f"Reads what changed in `{target.name}`, and notes where it differs from what was posted "
        "there.",
    )
    def sweep_changes(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> None:
        # Here and not above: they bring httpx, which is not for whoever only loads definitions.
        from integration_pipeline.realtime.looks import look_at, sweep_once

        url = pipeline.database_url
        counts: dict[str, int] = {}
        with _opened(pipeline, vendors, target) as opened:
            if not look_at(
                url, (target.vendor, target.account), lambda: counts.update(sweep_once(url, opened))
            ):
                context.log.info("%s is being looked at by the worker just now", target.name)
        context.add_output_metadata(counts)

    @dg.job(
        name=sweep_job(target),
        description=f"What people edited, voided or deleted in `{target.name}` becomes findings. Safe to "
        "repeat.",
    )
    def job() -> None:
        sweep_changes()

    return job


def reconcile(target: Account) -> dg.JobDefinition:
    """The job that compares everything, in both directions."""

    @dg.op(
        name=f"{reconcile_job(target)}_op",
        pool=target.slug,
        description=f"Holds everything that was posted to `{target.name}` against everything that is there.",
    )
    def reconcile_documents(
        context: dg.OpExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> None:
        from integration_pipeline.posting.reconcile import reconcile
        from integration_pipeline.posting.writer import open_session

        with (
            _opened(pipeline, vendors, target) as opened,
            open_session(pipeline.database_url, f"reconcile {target.name}") as session,
        ):
            found = reconcile(session, opened)
        context.add_output_metadata(
            {
                "agrees": found.agrees,
                "documents_here": found.documents_here,
                "documents_there": found.documents_there,
                "total_here": _amounts(found.totals_here),
                "total_there": _amounts(found.totals_there),
                "findings": found.findings.total(),
                "closed": found.closed,
            }
        )

    @dg.job(
        name=reconcile_job(target),
        description=f"Every document and payment, here and in `{target.name}`; differences become "
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


@contextmanager
def _opened(pipeline: Pipeline, vendors: Vendors, target: Account) -> "Generator[AccountingTarget]":
    """The target; whatever keeps it from being looked at is said with its name, and is not tried again."""
    from integration_pipeline.credentials import ConnectionUnusable, RefreshPostponed
    from integration_pipeline.transport.failures import VendorFailure

    try:
        with vendors.target(pipeline, target.name) as opened:
            yield opened
    except (VendorFailure, ConnectionUnusable, RefreshPostponed) as failure:
        raise NotLookedAt(f"{target.name}: {failure}", allow_retries=False) from failure


def _amounts(totals: Mapping[str, int]) -> str:
    return ", ".join(Money(minor, currency).format() for currency, minor in sorted(totals.items()))
