"""Renewing a pair of tokens: once, whoever and however many want it, and never losing what the vendor gave.

Belongs here: the lock, the order of vendor and commit, what is done after each way it can go wrong. Does not
belong here: keeping tokens at hand (`connections`), and the token endpoint's answers (`tokens`).

The order is: lock the row, commit a line to the log that a renewal is sent, send it, store what came back,
commit, and only then use it. If the process dies in between, the lock goes with its session and the next one
sends the old refresh token again, as each vendor allows: Xero takes it for half an hour; QuickBooks takes it
unless its value changed with the lost answer (which it does about once a day), and then a person has to
connect again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from psycopg.errors import LockNotAvailable
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from integration_pipeline.credentials import storage
from integration_pipeline.credentials.failures import (
    ConnectionUnusable,
    InvalidGrant,
    broken,
    no_app,
    not_connected,
    other_app,
    postponed,
    unreadable,
)
from integration_pipeline.credentials.keys import Keyring, NotOpened
from integration_pipeline.credentials.rows import Because, State, TokenSet, next_token_set
from integration_pipeline.credentials.storage import Event
from integration_pipeline.credentials.tokens import Granted, TokenEndpoint
from integration_pipeline.credentials.vendors import OAuthApp, Vendor
from integration_pipeline.transport.failures import Throttled, Transient, Uncertain, VendorFailure

Known = tuple[UUID, int]
"""A token set and the generation of its tokens that somebody holds."""

_AWAY = (OperationalError, InterfaceError)
_RETRY_WAITS = (0.5, 2.0)
_LONGEST_WAIT = 5.0
_SAVE_WAITS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
# A renewal takes at most three answers of fifteen seconds, twice where the token before is tried as well.
_LOCK_SECONDS = 60
_IDLE_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Timing:
    """When a token counts as due, and how often in a row it is renewed."""

    early: timedelta = timedelta(minutes=5)
    """How long before its end an access token is renewed (at most a fifth of its life): time enough for a
    vendor that is away to come back while the old token still serves."""
    spare: timedelta = timedelta(seconds=30)
    """An access token with less life left is not used any more: requests take time, clocks differ."""
    retry: timedelta = timedelta(seconds=30)
    """After a failed renewal, how long the old token serves before the next attempt."""
    refused_again: timedelta = timedelta(seconds=10)
    """A token that was renewed for a 401, and refused again within this time, is not renewed once more: the
    account is what the vendor refuses, not the token."""


class _Gone:
    """The token set was replaced or deleted while its lock was waited for."""


class Refresher:
    """Renews the token sets of a database. Safe for threads and processes.

    It opens connections of its own, two at a time and only while it works: those of a pool may all be held by
    threads that wait for the very token it renews.
    """

    def __init__(
        self,
        engine: Engine,
        keys: Keyring,
        apps: Mapping[Vendor, OAuthApp],
        timing: Timing,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.engine = create_engine(engine.url, poolclass=NullPool, hide_parameters=True)
        self.keys = keys
        self.timing = timing
        self.now = now
        self._apps = apps
        self._sleep = sleep
        # Pairs that a vendor gave while the database was away: they exist nowhere else.
        self._unsaved: dict[UUID, TokenSet] = {}

    def app(self, vendor: Vendor) -> OAuthApp:
        """The app of a vendor; raises `OtherApp` if the settings name none."""
        found = self._apps.get(vendor)
        if found is None:
            raise no_app(vendor)
        return found

    def stored(self, vendor: Vendor, account: str) -> TokenSet:
        """What is committed. Raises `NotConnected`, `OtherApp`; without a database `RefreshPostponed`."""
        found = None
        answered = True
        try:
            with self.engine.connect() as connection:
                found = storage.read(connection, vendor, account)
        except _AWAY:
            answered = False
        if not answered:
            raise postponed(vendor, "tokens cannot be read: the database does not answer")
        if found is None:
            raise not_connected(vendor, account)
        app = self.app(vendor)
        if (app.client_id, app.endpoints.token) != (found.client_id, found.token_url):
            raise other_app(vendor, found.client_id, found.token_url)
        return found

    def opened(self, token_set: TokenSet, column: str) -> SecretStr:
        """A token in clear; raises `Unreadable`."""
        try:
            return token_set.opened(self.keys, column)
        except NotOpened as closed:
            why = str(closed)
        raise unreadable(token_set.vendor, why)

    def usable(self, token_set: TokenSet) -> bool:
        """Whether its access token has life enough for a request."""
        return self.now() < token_set.access_expires_at - self.timing.spare

    def renew(self, vendor: Vendor, account: str, beyond: Known, because: Because) -> TokenSet | None:
        """A pair of tokens newer than those `beyond`: another's, if somebody was faster, or a new one.

        None if it would be in vain: the vendor refuses one that was renewed a moment ago. Raises
        `ConnectionUnusable` or `RefreshPostponed`. A connection marked broken is tried only if `ASKED`.
        """
        for _ in range(3):
            result = self._renewed(vendor, self.stored(vendor, account).id, beyond, because)
            if isinstance(result, VendorFailure):
                raise result
            if not isinstance(result, _Gone):
                return result
        raise not_connected(vendor, account)

    def _renewed(
        self, vendor: Vendor, id_: UUID, beyond: Known, because: Because
    ) -> TokenSet | VendorFailure | _Gone | None:
        given: list[TokenSet] = []
        try:
            with self.engine.begin() as transaction:
                storage.bound_waiting(transaction, lock_seconds=_LOCK_SECONDS, idle_seconds=_IDLE_SECONDS)
                current = storage.lock(transaction, id_)
                if current is None:
                    return _Gone()
                # Failures are returned, not raised, so that what they changed is committed.
                return self._under_lock(transaction, current, beyond, because, given.append)
        except DBAPIError as error:
            if not given and not isinstance(error, _AWAY):
                raise
            waited_in_vain = isinstance(error.orig, LockNotAvailable)
        if given:
            return self._saved_late(given[-1])
        if waited_in_vain:
            return postponed(
                vendor, f"another process has been renewing the token for {_LOCK_SECONDS} seconds"
            )
        return postponed(vendor, "the token cannot be renewed: the database does not answer")

    def _under_lock(
        self,
        transaction: Connection,
        current: TokenSet,
        beyond: Known,
        because: Because,
        given: Callable[[TokenSet], None],
    ) -> TokenSet | VendorFailure | None:
        kept = self._unsaved.pop(current.id, None)
        if kept is not None and kept.generation == current.generation + 1:
            given(kept)
            self._store(transaction, kept, "kept in memory while the database was away")
            current = kept
        newer = current.id != beyond[0] or current.generation > beyond[1]
        if newer and current.state is State.CONNECTED and self.usable(current):
            return current
        if current.state is State.BROKEN and because is not Because.ASKED:
            return broken(current.vendor, current.why or "")
        again = because is Because.REFUSED and current.obtained_because is Because.REFUSED
        if again and self.now() < current.obtained_at + self.timing.refused_again:
            return None
        return self._sent(transaction, current, because, given)

    def _sent(
        self,
        transaction: Connection,
        current: TokenSet,
        because: Because,
        given: Callable[[TokenSet], None],
    ) -> TokenSet | VendorFailure:
        app = self.app(current.vendor)
        tokens = [self.opened(current, "refresh_token")]
        if current.previous_valid_until is not None and self.now() < current.previous_valid_until:
            tokens.append(self.opened(current, "previous_refresh_token"))
        unanswered = storage.unanswered_since(transaction, current)
        with self.engine.begin() as announcing:
            storage.note(
                announcing, current.vendor, current.id, current.generation, Event.REFRESH_SENT, because
            )
        asked_at = self.now()
        failure: VendorFailure | None = None
        for token in tokens:
            result = self._asked(TokenEndpoint(app), token)
            if isinstance(result, Granted):
                renewed = next_token_set(
                    current,
                    result,
                    token,
                    grace=app.oauth.grace,
                    because=because,
                    keys=self.keys,
                    now=asked_at,
                )
                given(renewed)
                self._store(transaction, renewed, because)
                return renewed
            failure = failure or result
            if not isinstance(result, InvalidGrant):
                failure = result
                break
        assert failure is not None  # noqa: S101 - there is at least one token
        return self._failed(transaction, current, failure, unanswered)

    def _asked(self, endpoint: TokenEndpoint, token: SecretStr) -> Granted | VendorFailure:
        """One answer, or what is still wrong after a few attempts.

        A lost answer is asked for again at once: it may have used up the token, and Xero gives the same
        chance only for half an hour, in which nobody else may come by.
        """
        waits = iter(_RETRY_WAITS)
        while True:
            try:
                return endpoint.refresh(token)
            except VendorFailure as failure:
                # Its frames hold the form that was sent.
                result = failure.with_traceback(None)
            wait = next(waits, None)
            passing = isinstance(result, (Transient, Throttled, Uncertain))
            if wait is None or not passing or (result.retry_after or 0.0) > _LONGEST_WAIT:
                return result
            self._sleep(max(wait, result.retry_after or 0.0))

    def _failed(
        self,
        transaction: Connection,
        current: TokenSet,
        failure: VendorFailure,
        unanswered: datetime | None,
    ) -> VendorFailure:
        said = f"{failure.problem} {failure.vendor_message}".strip()
        trace = f" [correlation id {failure.correlation_id}]" if failure.correlation_id else ""
        if isinstance(failure, InvalidGrant):
            why = f"the refresh token was refused: {said}{trace}"
            if unanswered is not None:
                when = unanswered.astimezone(UTC).isoformat(timespec="seconds")
                why += f"; a renewal sent at {when} brought no answer, and its token is lost"
            storage.store(transaction, replace(current, state=State.BROKEN, why=why))
            self._note(transaction, current, Event.BROKEN, why)
            return broken(current.vendor, why)
        self._note(transaction, current, Event.REFRESH_FAILED, f"{said}{trace}")
        if isinstance(failure, (Transient, Throttled, Uncertain)):
            return postponed(current.vendor, f"the token could not be renewed: the vendor {said}{trace}")
        # Whatever class the token endpoint's refusal has, to the call that wants a token it is this one.
        return ConnectionUnusable(
            failure.attempted,
            failure.problem,
            failure.action,
            status=failure.status,
            vendor_message=failure.vendor_message,
            correlation_id=failure.correlation_id,
        )

    def _saved_late(self, renewed: TokenSet) -> TokenSet | VendorFailure | _Gone:
        """Store what the vendor gave after the transaction it belonged to was lost.

        Somebody may have had the lock since: with Xero they have a pair of their own, and theirs counts; with
        QuickBooks they were refused and marked the connection broken, and this mends it.
        """
        for wait in _SAVE_WAITS:
            self._sleep(wait)
            try:
                with self.engine.begin() as transaction:
                    storage.bound_waiting(transaction, lock_seconds=_LOCK_SECONDS, idle_seconds=_IDLE_SECONDS)
                    current = storage.lock(transaction, renewed.id)
                    if current is None:
                        return _Gone()
                    if current.generation >= renewed.generation:
                        return current
                    self._store(transaction, renewed, "the first attempt to store it failed")
            except DBAPIError:
                continue
            return renewed
        self._unsaved[renewed.id] = renewed
        return postponed(renewed.vendor, "a renewed token cannot be stored: the database does not answer")

    def _store(self, transaction: Connection, renewed: TokenSet, detail: str) -> None:
        storage.store(transaction, renewed)
        self._note(transaction, renewed, Event.REFRESHED, detail)

    def _note(self, transaction: Connection, of: TokenSet, event: Event, detail: str) -> None:
        storage.note(transaction, of.vendor, of.id, of.generation, event, detail)
