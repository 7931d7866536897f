"""`realtime_activity`: what the real-time worker did becomes materializations and check results.

The worker does not wait for Dagster: it leaves a row for each batch, and this sensor tells of them some
seconds later. A batch counts as told after the events are stored, so a crash between the two tells it twice,
and never not at all.
"""

# Dagster annotates the metadata of sensors with a bare `PathLike`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable

import dagster as dg

from integration_pipeline.defs.announcing import Graph, announce
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.sensors.database import NotThereYet, looking_at, skipped
from integration_pipeline.inbox.reporting import mark_reported, unreported
from integration_pipeline.settings import Settings

# With the daemon's own five seconds and two of work, Dagster's pages are never half a minute behind.
_INTERVAL_SECONDS = 15


def realtime_activity(force: InForce, settings: Callable[[], Settings], graph: Graph) -> dg.SensorDefinition:
    """Report up to 2,000 batches a tick."""

    @dg.sensor(
        name="realtime_activity",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows what webhooks led to: deals, invoices and verdicts that the real-time worker has "
        "dealt with appear here as materializations and check results, with the latency from webhook to "
        "books.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        try:
            with looking_at(settings()) as engine:
                with engine.connect() as connection:
                    activity = unreported(connection)
                if activity is None:
                    return dg.SkipReason("nothing was settled since the last time")
                told = announce(context.instance, graph(), engine, activity, force.mapping.source)
                with engine.begin() as connection:
                    mark_reported(connection, activity.batch_ids)
        except NotThereYet as reason:
            return skipped(reason)
        return dg.SkipReason(
            f"{activity.events} events of {activity.deals} deals in {len(activity.batch_ids)} batches told "
            f"as {told.materializations} materializations and {told.checks} check results"
        )

    return sensor
