"""What people are told of accounting systems, connections and payments: that something waits for them.

Belongs here: noticing, and what is said; numbers and names of targets, nothing of what records hold. Does not
belong here: how often it is said (`alerts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.alerts.alert import Alert
from integration_pipeline.alerts.redaction import in_one_line
from integration_pipeline.posting.standing import STUCK_STATES, TargetStanding, standing

POSTINGS_STUCK = "postings_stuck"
FINDINGS_OPEN = "findings_open"
TARGETS_PAUSED = "targets_paused"
CONNECTIONS_BROKEN = "connections_broken"
PAYMENTS_WAIT = "payments_wait"


def waiting_elsewhere(connection: Connection) -> Mapping[str, Alert | None]:
    """What is to be said of each condition, None where it does not hold. Empty before there are tables."""
    ready = connection.execute(text("SELECT to_regclass('payments.unreadable') IS NOT NULL")).scalar_one()
    if not ready:
        return {}
    targets = standing(connection, ())
    told = connection.execute(text(_COUNTS)).one()
    broken = list(connection.execute(text(_BROKEN)).scalars())
    return {
        POSTINGS_STUCK: postings_stuck(targets),
        FINDINGS_OPEN: findings_open(targets),
        TARGETS_PAUSED: targets_paused(targets),
        CONNECTIONS_BROKEN: connections_broken(broken),
        PAYMENTS_WAIT: payments_wait(told),
    }


def postings_stuck(targets: list[TargetStanding]) -> Alert | None:
    """Said once until nothing is stuck at any target."""
    facts = _facts(targets, lambda each: _stuck(each) + each.customers_waiting)
    if not facts:
        return None
    return Alert(
        "Documents wait for a person before they reach an accounting system",
        facts,
        next_step="`integration-pipeline targets stuck` and `targets customers` say why. Once the cause is "
        "mended, `targets resend` has them sent.",
    )


def findings_open(targets: list[TargetStanding]) -> Alert | None:
    """Said once until both sides agree."""
    facts = _facts(targets, lambda each: each.findings)
    if not facts:
        return None
    return Alert(
        "An accounting system differs from the books",
        facts,
        next_step="`integration-pipeline targets findings` lists the differences, each with what to do.",
    )


def targets_paused(targets: list[TargetStanding]) -> Alert | None:
    """Said once until everything is sent again."""
    facts = tuple(
        (each.target, in_one_line(f"until {each.paused_until:%Y-%m-%d %H:%M %Z}: {each.paused_for}"))
        for each in targets
        if each.paused_until is not None
    )
    if not facts:
        return None
    return Alert(
        "An accounting system is left alone for now",
        facts,
        next_step="What is due for it is kept and sent later. `integration-pipeline targets list` says how "
        "much that is; `integration-pipeline connect list` whether it is connected.",
    )


def connections_broken(broken: list[str]) -> Alert | None:
    """Said once until all are connected again."""
    if not broken:
        return None
    return Alert(
        "A connection has ended",
        (("accounts", ", ".join(broken)),),
        next_step="`integration-pipeline connect quickbooks` (or `xero`) connects it again; somebody has to "
        "sign in there and consent.",
    )


def payments_wait(told: Any) -> Alert | None:
    """Said once until nothing waits."""
    facts = tuple(
        (name, str(count))
        for name, count in (("payments", told.payments), ("unreadable", told.unreadable))
        if count
    )
    if not facts:
        return None
    return Alert(
        "Payments wait for a person",
        facts,
        next_step="`integration-pipeline payments list --waiting` shows them with proposals; `payments "
        "match` or `payments ignore` settles each.",
    )


def _facts(
    targets: list[TargetStanding], count: Callable[[TargetStanding], int]
) -> tuple[tuple[str, str], ...]:
    return tuple((each.target, str(number)) for each in targets if (number := count(each)))


def _stuck(target: TargetStanding) -> int:
    return sum(count for name, count in target.states.items() if name.split()[-1] in STUCK_STATES)


_COUNTS = """
    SELECT
        (SELECT count(*) FROM payments.movements WHERE state = 'waiting') AS payments,
        (SELECT count(*) FROM payments.unreadable) AS unreadable
"""
_BROKEN = """
    SELECT connected.vendor || ' ' || connected.name
    FROM ops.connections AS connected
    INNER JOIN ops.token_sets AS tokens ON tokens.id = connected.token_set_id
    WHERE tokens.state = 'broken'
    ORDER BY connected.vendor, connected.name
"""
