"""Tokens at hand: what a connector asks for each time it calls, and how connections are listed and tended.

Belongs here: the cache in the process, and when to look further. Does not belong here: renewing
(`refreshing`), and making or ending a connection (`connecting`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Engine

from integration_pipeline.credentials import storage
from integration_pipeline.credentials.failures import ConnectionUnusable, RefreshPostponed
from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.credentials.refreshing import Known, Refresher, Timing
from integration_pipeline.credentials.rows import Because, ConnectionRow, State, TokenSet
from integration_pipeline.credentials.vendors import OAuthApp, Vendor

_Account = tuple[Vendor, str]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token with what tells it from the one before and the one after."""

    token: SecretStr
    known: Known
    renew_at: datetime
    unusable_at: datetime


@dataclass(frozen=True, slots=True)
class Tended:
    """What `Connections.tend` did: accounts renewed, and those that need somebody, with the reason."""

    renewed: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


class Connections:
    """Access tokens of all connected accounts. Safe for threads; any number of processes may have their own.

    While a token is fresh, asking for it costs a look into a dictionary. `apps` are the apps registered with
    the vendors, one for each.
    """

    def __init__(
        self,
        engine: Engine,
        keys: Keyring,
        apps: Iterable[OAuthApp],
        *,
        timing: Timing | None = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timing = timing or Timing()
        self.refresher = Refresher(engine, keys, {app.vendor: app for app in apps}, self.timing, now, sleep)
        self._now = now
        self._held: dict[_Account, Bearer] = {}
        self._locks: dict[_Account, threading.Lock] = {}

    def __repr__(self) -> str:
        return f"Connections({len(self._held)} at hand)"

    def access_token(self, vendor: Vendor, account: str) -> SecretStr:
        """A token that is good for at least the next request.

        Raises `ConnectionUnusable` (a person has to act) or `RefreshPostponed` (try again shortly).
        """
        return self.bearer(vendor, account).token

    def refresh(self, vendor: Vendor, account: str) -> SecretStr:
        """A new token, whatever the age of the one there is; also for a connection that counts as broken."""
        key = (vendor, account)
        with self._lock_of(key):
            current = self.refresher.stored(vendor, account)
            renewed = self.refresher.renew(vendor, account, (current.id, current.generation), Because.ASKED)
            return self._keep(key, renewed or current).token

    def bearer(self, vendor: Vendor, account: str) -> Bearer:
        """As `access_token`, for one who may have to say that it was refused."""
        key = (vendor, account)
        held = self._held.get(key)
        now = self._now()
        if held is not None and now < held.renew_at:
            return held
        usable = held is not None and now < held.unusable_at
        lock = self._lock_of(key)
        # While one thread renews early, the others go on with what they have.
        if not lock.acquire(blocking=not usable):
            assert held is not None  # noqa: S101 - it is usable
            return held
        try:
            held = self._held.get(key)
            if held is not None and self._now() < held.renew_at:
                return held
            return self._current(key, held)
        finally:
            lock.release()

    def renewed(self, vendor: Vendor, account: str, refused: Bearer) -> Bearer | None:
        """What to send instead of a token that was answered 401; None if there is nothing better."""
        key = (vendor, account)
        with self._lock_of(key):
            held = self._held.get(key)
            if held is not None and held.known != refused.known and self._now() < held.unusable_at:
                return held
            found = self.refresher.renew(vendor, account, refused.known, Because.REFUSED)
            return None if found is None else self._keep(key, found)

    def forget(self, vendor: Vendor, account: str) -> None:
        """Look the next token up in the database."""
        self._held.pop((vendor, account), None)

    def every(self) -> list[ConnectionRow]:
        """All connections, without their secrets."""
        with self.refresher.engine.connect() as connection:
            return storage.every_connection(connection)

    def tend(self) -> Tended:
        """Renew what has expired or was sent to be renewed without an answer; for a job every few minutes.

        An idle connection would end with its refresh token (QuickBooks after 100 days, Xero after 60), and a
        renewal whose answer was lost has to be repeated within half an hour where the vendor allows it at
        all.
        """
        renewed: list[str] = []
        failed: list[tuple[str, str]] = []
        seen: set[UUID] = set()
        for row in self.every():
            if row.token_set_id in seen or row.state is State.BROKEN:
                continue
            seen.add(row.token_set_id)
            try:
                if self._tended(row):
                    renewed.append(row.label)
            except (ConnectionUnusable, RefreshPostponed) as failure:
                failed.append((row.label, str(failure)))
        return Tended(tuple(renewed), tuple(failed))

    def _tended(self, row: ConnectionRow) -> bool:
        current = self.refresher.stored(row.vendor, row.account)
        with self.refresher.engine.connect() as connection:
            unanswered = storage.unanswered_since(connection, current)
        if unanswered is None and self._now() < self._renew_at(current):
            return False
        known = (current.id, current.generation)
        return self.refresher.renew(row.vendor, row.account, known, Because.EXPIRING) is not None

    def _current(self, key: _Account, held: Bearer | None) -> Bearer:
        """Under this account's lock: what is stored, renewed if it is due."""
        try:
            stored = self.refresher.stored(*key)
            found = self._keep(key, stored)
            if self._now() < found.renew_at:
                return found
            held = found if stored.state is State.CONNECTED else None
            renewed = self.refresher.renew(*key, found.known, Because.EXPIRING)
            return self._keep(key, renewed or stored)
        except RefreshPostponed:
            # The database or the vendor is away. While the token lives, nobody else has to notice.
            now = self._now()
            if held is None or now >= held.unusable_at:
                raise
            self._held[key] = replace(held, renew_at=min(now + self.timing.retry, held.unusable_at))
            return self._held[key]

    def _keep(self, key: _Account, token_set: TokenSet) -> Bearer:
        bearer = Bearer(
            self.refresher.opened(token_set, "access_token"),
            (token_set.id, token_set.generation),
            self._renew_at(token_set),
            token_set.access_expires_at - self.timing.spare,
        )
        self._held[key] = bearer
        return bearer

    def _renew_at(self, token_set: TokenSet) -> datetime:
        if token_set.state is State.BROKEN:
            return token_set.obtained_at
        life = token_set.access_expires_at - token_set.obtained_at
        return token_set.access_expires_at - max(min(self.timing.early, life / 5), self.timing.spare)

    def _lock_of(self, key: _Account) -> threading.Lock:
        return self._locks.setdefault(key, threading.Lock())
