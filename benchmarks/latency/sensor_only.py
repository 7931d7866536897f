"""The path without real time: Dagster's sensor `webhook_events` launches runs for what the inbox holds.

The same deals, the same webhooks, the same gateway; no worker. A run takes seconds, so a few deals are
enough, each closed well after the one before it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.latency.series import Order, Series, prepare, run
from benchmarks.latency.stand import ROOT, Stand
from integration_pipeline.cli import guard
from integration_pipeline.instance import write_dagster_home

_SECONDS_BETWEEN = 17.0
"""Prime to the sensor's ten seconds: deals are closed at different moments between two ticks."""
_WARM_UP_PATIENCE_SECONDS = 180.0


def sensor_only(stand: Stand, deals: int) -> Series:
    """Close `deals` one after another, and one before them, which Dagster needs to get going."""
    with _dagster(stand) as pid:
        first = Order("warm-up", 1.0, 1.0, 0.0, patience=_WARM_UP_PATIENCE_SECONDS)
        run(stand, first, prepare(stand, first), {})
        order = Order("sensor only", 1 / _SECONDS_BETWEEN, deals * _SECONDS_BETWEEN, 0.1, patience=180.0)
        return run(stand, order, prepare(stand, order), {"Dagster": pid})


@contextmanager
def _dagster(stand: Stand) -> Generator[int]:
    """Dagster's daemon with the pipeline's code location, under its guard; answers the guard's process id."""
    write_dagster_home(stand.home / "dagster")
    with (stand.home / "dagster.log").open("ab") as log:
        family = subprocess.Popen(  # noqa: S603 - a fixed program of this environment
            [
                *(sys.executable, str(Path(guard.__file__))),
                *(str(Path(sys.executable).parent / "dagster-daemon"), "run"),
                *("-m", "integration_pipeline.definitions"),
            ],
            cwd=ROOT,
            env={**os.environ, **stand.environment(realtime=False)},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield family.pid
    finally:
        assert family.stdin is not None  # noqa: S101
        family.stdin.close()
        family.wait()
