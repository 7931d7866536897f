"""Round trips to the functions that give out slots in PostgreSQL, over one small connection.

Belongs here: the connection, what is sent and read. Does not belong here: who waits for which slot
(`shared_limit`), how slots are counted (`store/migrations/sql/quotas.sql`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString, TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from integration_pipeline.transport.limits import AtOnce, Limit, Window

# Libpq knows no less than two seconds.
_SESSION: Mapping[str, str | int] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 3_000,
    "application_name": "integration-pipeline quotas",
    # A count lost in a crash of the database costs a 429; waiting for the disk would cost each call
    # milliseconds.
    "options": "-c synchronous_commit=off -c statement_timeout=3s -c lock_timeout=2s -c jit=off",
}
_TAKE = "SELECT waits, again, spent, free_in, remaining FROM ops.take_slots(%s, %s, %s::jsonb, %s, %s, %s)"
_REFUSE = "SELECT ops.refuse_slots(%s, %s::jsonb, %s)"
_SPEND = "SELECT ops.spend_quotas(%s, %s::jsonb, %s)"

_Answer: TypeAlias = "tuple[list[float], float | None, str | None, float | None, list[int]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit as the database counts it; real seconds."""

    account: str
    label: str
    kind: str
    most: int
    span: float
    slack: float

    @classmethod
    def of(cls, limit: Limit, account: str, speed: float) -> Rule:
        """`speed`: how many of the vendor's seconds pass in one of ours."""
        owner = "*" if limit.whole_app else account
        if isinstance(limit, AtOnce):
            return cls(owner, limit.label, "at once", limit.limit, limit.lease_seconds, 0.0)
        slack = _slack(limit) / speed
        return cls(owner, limit.label, _kind(limit, speed), limit.limit, limit.seconds / speed, slack)

    def with_news(self, observed: int | None, unreported: int | None) -> dict[str, str | int | float | None]:
        """As JSON, with what the vendor said is left and what was used unseen by the database."""
        return {
            "account": self.account,
            "label": self.label,
            "kind": self.kind,
            "most": self.most,
            "span": self.span,
            "slack": self.slack,
            "observed": observed,
            "unreported": unreported,
        }


@dataclass(frozen=True, slots=True)
class News:
    """What a trip tells besides asking: by label."""

    observed: Mapping[str, int]
    unreported: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Given:
    """Slots by the seconds until each may be used; `again` says when to ask for those not given.

    `remaining` is what was left of each limit before. Of a `spent` quota nothing is given for `free_in`
    seconds.
    """

    waits: Sequence[float]
    again: float
    spent: str | None
    free_in: float
    remaining: Mapping[str, int]


class QuotaTable:
    """The rows of one vendor. Safe for threads, which share the connection one after the other.

    Every method raises psycopg.Error when the database is away; the next call connects again.
    """

    def __init__(self, database: str, vendor: str) -> None:
        # Whatever driver SQLAlchemy was told of, libpq reads the rest.
        scheme, separator, rest = database.partition("://")
        self._database = SecretStr(f"{scheme.partition('+')[0]}{separator}{rest}")
        self._vendor = vendor
        self._trip = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def take(
        self,
        rules: Sequence[Rule],
        news: News,
        *,
        returned: Sequence[int],
        drawn: Sequence[int],
        horizon: float,
    ) -> Given:
        """Ask for a slot for each of the `drawn` lease numbers; give back those of `returned` calls."""
        limits = [
            rule.with_news(news.observed.get(rule.label), news.unreported.get(rule.label)) for rule in rules
        ]
        asked = (self._vendor, len(drawn), json.dumps(limits), list(returned), list(drawn), horizon)
        with self._trip:
            try:
                row: _Answer | None = self._connected().execute(_TAKE, asked, prepare=True).fetchone()
            except psycopg.Error:
                self._disconnect()
                raise
        if row is None:
            raise psycopg.DataError("ops.take_slots answered nothing")
        waits, again, spent, free_in, remaining = row
        left = {rule.label: each for rule, each in zip(rules, remaining, strict=True)}
        return Given(waits, again or 0.0, spent, free_in or 0.0, left)

    def refuse(self, rules: Sequence[Rule], pause: float) -> None:
        self._execute(_REFUSE, rules, pause)

    def spend(self, rules: Sequence[Rule], free_in: float | None) -> None:
        self._execute(_SPEND, rules, free_in)

    def close(self) -> None:
        with self._trip:
            self._disconnect()

    def _execute(self, statement: LiteralString, rules: Sequence[Rule], seconds: float | None) -> None:
        limits = json.dumps([rule.with_news(None, None) for rule in rules])
        with self._trip:
            try:
                self._connected().execute(statement, (self._vendor, limits, seconds))
            except psycopg.Error:
                self._disconnect()
                raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            where = make_conninfo(self._database.get_secret_value(), **_SESSION)
            self._connection = psycopg.connect(where, autocommit=True)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _kind(window: Window, speed: float) -> str:
    if not window.is_quota:
        return "window"
    # Midnight of a vendor whose time is sped up is nobody's midnight.
    return "utc day" if window.resets == "utc day" and speed == 1.0 else "quota"


def _slack(window: Window) -> float:
    if window.slack is not None:
        return window.slack
    return min(0.04 * window.seconds, 0.02 * window.seconds + 0.02, 2.0)
