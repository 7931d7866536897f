"""`alerts`: people are told of failed runs, of webhook events that nobody settles, and of what waits for them
at accounting systems, connections and payments.

Belongs here: noticing, and what is said. Does not belong here: sending (`alerts`).

It is a sensor of its own kind and not Dagster's for failed runs, which moves on when an alert did not get
through. This one keeps in its cursor what is still to be sent. It looks at the runs of every code location.
"""

# Dagster's annotations of event records leave type arguments out.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.event_api import EventLogCursor
from dagster._core.storage.tags import WILL_RETRY_TAG
from sqlalchemy.exc import DBAPIError, OperationalError

from integration_pipeline.alerts.alert import Alert
from integration_pipeline.alerts.redaction import in_one_line
from integration_pipeline.defs import accounts
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.sensors.beyond_the_books import waiting_elsewhere
from integration_pipeline.defs.sensors.database import NotThereYet, looking_at
from integration_pipeline.defs.settling import SETTLE_EVENTS
from integration_pipeline.inbox.standing import InboxStanding, standing
from integration_pipeline.settings import Settings

if TYPE_CHECKING:
    from integration_pipeline.alerts.channels import Send
    from integration_pipeline.alerts.outbox import Outbox

_INTERVAL_SECONDS = 30
_RUNS_AT_ONCE = 50

DATABASE_AWAY = "database_away"
EVENTS_FAILED = "events_failed"
EVENTS_WAIT = "events_wait"
ACCOUNTS_UNKNOWN = "accounts_unknown"


def alerts(force: InForce, settings: Callable[[], Settings]) -> dg.SensorDefinition:
    """Notice, and send what is due."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failed runs (failed checks of the books among them), of a database "
        "that is away, of webhook events that failed or wait too long, and of postings, findings, "
        "connections and payments that wait for a person, by a chat's webhook (ALERT_SLACK_URL) or e-mail "
        "(ALERT_EMAIL_TO, SMTP_HOST).",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        # Here and not above: httpx is for whoever sends, not for whoever only loads definitions.
        from integration_pipeline.alerts.channels import channels
        from integration_pipeline.alerts.outbox import Outbox

        chosen = settings()
        ways = channels(chosen)
        outbox = Outbox.read(context.cursor)
        for alert in _failed_runs(context.instance, chosen, outbox):
            outbox.put(alert, ways)
        unknown = unknown_accounts(force, chosen)
        outbox.put_once(ACCOUNTS_UNKNOWN, bool(unknown), accounts_unknown(unknown), ways)
        _look_at_inbox(context, chosen, outbox, ways)
        sent = outbox.send(ways, time.time())
        context.update_cursor(outbox.as_text())
        if not ways:
            return dg.SkipReason("nobody is told: set ALERT_SLACK_URL, or ALERT_EMAIL_TO and SMTP_HOST")
        return dg.SkipReason(f"{sent} alerts sent, {len(outbox.on_their_way)} to be tried again")

    return sensor


def _failed_runs(instance: dg.DagsterInstance, settings: Settings, outbox: Outbox) -> Iterator[Alert]:
    if outbox.seen is None:
        # What failed before anybody asked to be told is no news.
        newest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1)
        last = newest.records[0].storage_id if newest.records else 0
        outbox.seen = EventLogCursor.from_storage_id(last).to_string()
        return
    failed = instance.fetch_run_status_changes(
        dg.DagsterEventType.RUN_FAILURE, limit=_RUNS_AT_ONCE, cursor=outbox.seen, ascending=True
    )
    outbox.seen = failed.cursor
    for record in failed.records:
        run = instance.get_run_by_id(record.run_id)
        # A run that Dagster tries again by itself is for nobody yet. While the CRM is away, events are taken
        # over every few minutes: that they wait, or failed, is said once.
        if run is not None and run.tags.get(WILL_RETRY_TAG) != "true" and run.job_name != SETTLE_EVENTS:
            yield failed_run(instance, run, settings.dagster_url)


def failed_run(instance: dg.DagsterInstance, run: dg.DagsterRun, dagster_url: str | None) -> Alert:
    """What people are told of a failed run: job, step, months and kind of error, not what records say."""
    step, error = _first_failure(instance, run.run_id)
    facts = [("job", run.job_name), ("run", run.run_id)]
    facts += [("step", step)] if step else []
    facts += [("months", months)] if (months := _months(run.tags)) else []
    facts += [("error", error)]
    return Alert(
        f"The run of {run.job_name} failed",
        tuple(facts),
        link=f"{dagster_url.rstrip('/')}/runs/{run.run_id}" if dagster_url else None,
    )


def _first_failure(instance: dg.DagsterInstance, run_id: str) -> tuple[str | None, str]:
    for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
        for record in instance.get_records_for_run(run_id, of_type=kind, ascending=True).records:
            event = record.event_log_entry.get_dagster_event()
            is_step = kind is dg.DagsterEventType.STEP_FAILURE
            error = event.step_failure_data.error if is_step else event.job_failure_data.error
            # Dagster wraps what a step raised in an error that names only the step.
            while (
                error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster")
            ):
                error = error.cause
            if error is not None or event.message:
                said = in_one_line(error.message if error is not None else event.message or "")
                return event.step_key, said
    return None, "Dagster recorded no error; its log may say more"


def _months(tags: Mapping[str, str]) -> str | None:
    first = tags.get("dagster/asset_partition_range_start")
    last = tags.get("dagster/asset_partition_range_end")
    return f"{first} to {last}" if first and last else tags.get("dagster/partition")


def _look_at_inbox(
    context: dg.SensorEvaluationContext, settings: Settings, outbox: Outbox, ways: Mapping[str, Send]
) -> None:
    try:
        with looking_at(settings) as engine, engine.connect() as connection:
            found = standing(connection)
            beyond = waiting_elsewhere(connection)
    except NotThereYet:
        return
    except DBAPIError as error:
        context.log.error("the pipeline's database cannot be reached: %s", in_one_line(str(error)))  # noqa: TRY400
        if isinstance(error, OperationalError):
            outbox.put_once(DATABASE_AWAY, True, database_away(), ways)
        return
    outbox.put_once(DATABASE_AWAY, False, database_away(), ways)
    outbox.put_once(EVENTS_FAILED, found.failed > 0, events_failed(found), ways)
    oldest = found.oldest_waiting_seconds or 0.0
    waits = oldest > 60 * settings.alert_waiting_minutes
    outbox.put_once(EVENTS_WAIT, waits, events_wait(found), ways)
    for condition, alert in beyond.items():
        outbox.put_once(condition, alert is not None, alert or Alert(condition), ways)


def unknown_accounts(force: InForce, settings: Settings) -> Sequence[str]:
    """Accounts that came to the settings, or left them, after the code location was loaded."""
    now = {*accounts.targets(settings), *accounts.payment_accounts(settings)}
    return sorted(each.slug for each in now ^ {*force.targets, *force.payment_accounts})


def accounts_unknown(names: Sequence[str]) -> Alert:
    """Said once until the location is loaded again."""
    return Alert(
        "Accounts changed, and Dagster does not know it",
        (("accounts", ", ".join(names)),),
        next_step="Reload the code location `pipeline` (Deployment in Dagster's pages), so that each account "
        "has its asset, its jobs and its pool; restart the worker.",
    )


def database_away() -> Alert:
    """Said once until it can be looked at again."""
    return Alert(
        "The pipeline's database cannot be reached",
        next_step="Look whether PostgreSQL runs and takes connections at DATABASE_URL. The log of the sensor "
        "`alerts` says what came back.",
    )


def events_failed(found: InboxStanding) -> Alert:
    """Said once until none is left."""
    return Alert(
        "Webhook events could not be settled",
        (("events", str(found.failed)),),
        next_step="`integration-pipeline events list --state failed` says why. Once the cause is mended, "
        "`integration-pipeline events replay --failed` has them settled.",
    )


def events_wait(found: InboxStanding) -> Alert:
    """Said once until the oldest is young again."""
    minutes = int((found.oldest_waiting_seconds or 0.0) // 60)
    return Alert(
        "Webhook events wait to be settled",
        (("events", str(found.waiting)), ("oldest", f"{minutes} minutes")),
        next_step="Look whether the worker runs, whether runs of settle_events fail in Dagster, and whether "
        "the CRM can be reached.",
    )
