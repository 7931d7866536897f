"""Running the Dagster job from a program: in this process, over all months, on record in Dagster.

Belongs here: what the command line needs to run the job as Dagster's pages would. Does not belong here: the
job (`defs`), and showing progress. Dagster is imported when asked to run: it takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from integration_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry

Progress = Callable[[int, int], None]
"""Told (steps done, steps in all) whenever a step ends."""

# What fails is in the event log; the terminal belongs to the caller.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_all(
    on_progress: Progress | None = None,
    *,
    instance: DagsterInstance | None = None,
    settings: Settings | None = None,
) -> bool:
    """Run `sync_deals` over every close month; True if it succeeded. Safe to repeat.

    `instance` is the one of `DAGSTER_HOME` unless given, `settings` those of the environment. Why a run
    failed is in its event log, which Dagster's pages show. Raises `InvalidDocument` for a mapping or rule set
    that cannot be read.
    """
    from integration_pipeline.definitions import build_defs
    from integration_pipeline.defs.in_force import in_force
    from integration_pipeline.defs.jobs import SYNC_DEALS, all_months

    settings = settings or Settings()
    job = build_defs(settings=settings).resolve_job_def(SYNC_DEALS)
    run_id = str(uuid4())
    with _opened(instance) as chosen:
        if on_progress is not None:
            chosen.add_event_listener(  # pyright: ignore[reportUnknownMemberType] - its callback has no type
                run_id, _steps_ended(on_progress, len(job.graph.node_defs))
            )
        return job.execute_in_process(
            run_config=_QUIET,
            instance=chosen,
            run_id=run_id,
            tags=all_months(in_force(settings)),
            raise_on_error=False,
        ).success


def refresh_read_models() -> bool:
    """Run `refresh_read_models`, the job of the reporting location, in this process; True if it succeeded."""
    from integration_pipeline.reporting.definitions import build_defs

    job = build_defs().resolve_job_def("refresh_read_models")
    with _opened(None) as chosen:
        return job.execute_in_process(run_config=_QUIET, instance=chosen, raise_on_error=False).success


@contextmanager
def _opened(instance: DagsterInstance | None) -> Generator[DagsterInstance]:
    import dagster as dg

    if instance is not None:
        yield instance
        return
    with dg.DagsterInstance.get() as ours:
        # Dagster connects to PostgreSQL anew for every event, 5 ms each, unless told that it serves pages.
        ours.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=10)
        yield ours


def _steps_ended(on_progress: Progress, steps: int) -> Callable[[EventLogEntry], None]:
    done = 0

    def note(entry: EventLogEntry) -> None:
        nonlocal done
        event = entry.dagster_event
        if event is not None and (event.is_step_success or event.is_step_failure or event.is_step_skipped):
            done += 1
            on_progress(done, steps)

    return note
