"""The lookout: goes to look at accounts that announced a change, and at each of them every few minutes.

Webhooks of accounting and payment systems say only that something changed, and some get lost. So what they
lead to is a look from where the last one ended; without any of them it comes a little later.

Belongs here: when to look. Does not belong here: the looks, which are handed in.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

import psycopg

from integration_pipeline.inbox.nudges import looking, nudged
from integration_pipeline.inbox.receiving import NUDGES_CHANNEL
from integration_pipeline.realtime.settling import in_short

Account: TypeAlias = tuple[str, str]
"""A source and its account."""
Look: TypeAlias = Callable[[], None]

_IDLE_SECONDS = 1.0
_LOST_SECONDS = 1.0
_AFTER_FAILURE_SECONDS = 5.0

_log = logging.getLogger(__name__)


class Lookout:
    """Looks at `accounts` until told to stop. Several processes may have one: looks never overlap."""

    def __init__(
        self, accounts: Mapping[Account, Look], database_url: str, *, every_seconds: float = 300.0
    ) -> None:
        self._looks = dict(accounts)
        self._url = database_url
        self._every = every_seconds
        # The first look at each comes at once: nobody knows what was missed while no process ran.
        self._due = dict.fromkeys(self._looks, 0.0)
        self._not_before = dict.fromkeys(self._looks, 0.0)

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Outlives the absence of the database and of every vendor."""
        while not stop.is_set():
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {NUDGES_CHANNEL}")
                    while not stop.is_set():
                        self._look_around(connection, stop)
                        for _ in connection.notifies(timeout=_IDLE_SECONDS, stop_after=1):
                            pass
            except psycopg.Error as error:
                _log.warning("the lookout lost the database, next try in a second: %s", in_short(error))
                stop.wait(_LOST_SECONDS)

    def _look_around(self, connection: psycopg.Connection, stop: threading.Event) -> None:
        told = set(nudged(connection))
        for account, look in self._looks.items():
            now = time.monotonic()
            if stop.is_set() or self._not_before[account] > now:
                continue
            if account in told or self._due[account] <= now:
                self._look(connection, account, look)

    def _look(self, connection: psycopg.Connection, account: Account, look: Look) -> None:
        try:
            with looking(connection, *account) as mine:
                if mine:
                    look()
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as failure:
            _log.warning("%s %s could not be looked at: %s", *account, in_short(failure))
            self._not_before[account] = time.monotonic() + _AFTER_FAILURE_SECONDS
        else:
            self._due[account] = time.monotonic() + self._every
