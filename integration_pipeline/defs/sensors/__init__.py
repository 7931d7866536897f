"""The sensors, a file each: what Dagster looks for by itself, every few seconds.

A sensor is evaluated in the code location's process, which lives on between ticks. So the first tick pays for
imports and connections' pools, and the others are short. What takes longer than a moment is a job's work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from integration_pipeline.defs.announcing import Graph
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.sensors.alerts import alerts
from integration_pipeline.defs.sensors.realtime_activity import realtime_activity
from integration_pipeline.defs.sensors.webhook_events import webhook_events
from integration_pipeline.settings import Settings

__all__ = ["build_sensors"]


def build_sensors(
    force: InForce, settings: Callable[[], Settings], graph: Graph
) -> Sequence[dg.SensorDefinition]:
    """Every sensor of the pipeline; `settings` is read anew by each tick."""
    return [realtime_activity(force, settings, graph), webhook_events(settings), alerts(force, settings)]
