"""Sign-ins and their tokens: authorization codes, access tokens, rotating refresh tokens, connections.

Rules only; `oauth` speaks HTTP. Each refresh gives a new refresh token. The one before can be retried for
thirty minutes, for an answer that was lost; afterwards it is worth nothing. What becomes of the successor
when the old one is retried is not documented: here both stay valid.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import jwt

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero.errors import XeroError, unauthenticated
from integration_pipeline.sandbox.xero.options import App, Lifetimes, Tenant

SCHEMA = """
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    challenge TEXT,
    event TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS access_tokens (
    token TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    event TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    token TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    event TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER
);
CREATE TABLE IF NOT EXISTS connections (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    tenant TEXT NOT NULL,
    event TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (app, tenant)
);
"""

_SIGNING_KEY = secrets.token_bytes(32)


class GrantError(Exception):
    """A token request is refused; the argument is OAuth's name of the reason, such as `invalid_grant`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever presents a valid access token."""

    app: App
    scopes: frozenset[str]
    event: str


@dataclass(frozen=True, slots=True)
class Connection:
    id: str
    tenant: str
    event: str
    created_ms: int
    updated_ms: int


class Tokens:
    def __init__(
        self,
        storage: SqliteFile,
        clock: SandboxClock,
        lifetimes: Lifetimes,
        apps: Mapping[str, App],
        tenants: Mapping[str, Tenant],
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._lifetimes = lifetimes
        self._apps = apps
        self._tenants = tenants

    def authorize(self, app: App, redirect_uri: str, scopes: str, challenge: str | None) -> str:
        """A person consents, for all organisations there are; the code their browser brings back."""
        code, event = secrets.token_urlsafe(32), str(uuid4())
        with self._storage.transaction():
            self._storage.write(
                "INSERT INTO codes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    code,
                    app.client_id,
                    redirect_uri,
                    scopes,
                    challenge,
                    event,
                    self._in(self._lifetimes.authorization_code),
                ),
            )
            for tenant in self._tenants:
                self._connect(app, tenant, event)
        return code

    def exchange(self, app: App, code: str, redirect_uri: str, verifier: str | None) -> dict[str, object]:
        """Tokens for a code, once. Raises `GrantError`."""
        row = self._storage.row(
            "SELECT app, redirect_uri, scopes, challenge, event, expires_ms FROM codes WHERE code = ?",
            (code,),
        )
        self._storage.write("DELETE FROM codes WHERE code = ?", (code,))
        if row is None or row[0] != app.client_id or row[1] != redirect_uri or row[5] <= self._now():
            raise GrantError("invalid_grant")
        if row[3] is not None and row[3] != _challenge(verifier or ""):
            raise GrantError("invalid_grant")
        return self._issue(app, row[2], row[4])

    def refresh(self, app: App, token: str) -> dict[str, object]:
        """New tokens for a refresh token. Raises `GrantError`."""
        row = self._storage.row(
            "SELECT app, scopes, event, expires_ms, used_ms FROM refresh_tokens WHERE token = ?", (token,)
        )
        now = self._now()
        if row is None or row[0] != app.client_id or row[3] <= now:
            raise GrantError("invalid_grant")
        if row[4] is not None and now - row[4] > self._lifetimes.grace * 1000:
            raise GrantError("invalid_grant")
        with self._storage.transaction():
            self._storage.write(
                "UPDATE refresh_tokens SET used_ms = coalesce(used_ms, ?) WHERE token = ?", (now, token)
            )
            return self._issue(app, row[1], row[2])

    def client_credentials(self, app: App, scopes: str) -> dict[str, object]:
        """An access token of a custom connection, without a refresh token. Raises `GrantError`."""
        if app.organisation is None:
            raise GrantError("unauthorized_client")
        with self._storage.transaction():
            event = str(uuid4())
            self._connect(app, app.organisation, event)
            return self._issue(app, scopes, event)

    def revoke(self, app: App, token: str) -> None:
        """End the sign-in a refresh token belongs to, with all connections. Unknown tokens are ignored."""
        row = self._storage.row("SELECT app FROM refresh_tokens WHERE token = ?", (token,))
        if row is None or row[0] != app.client_id:
            return
        with self._storage.transaction():
            for table in ("refresh_tokens", "access_tokens", "connections"):
                self._storage.write(f"DELETE FROM {table} WHERE app = ?", (app.client_id,))  # noqa: S608 - ours

    def caller(self, authorization: str) -> Caller:
        """Whose `Bearer` token this is. Raises the 401 for an unknown or expired one."""
        scheme, _, token = authorization.partition(" ")
        row = (
            self._storage.row(
                "SELECT app, scopes, event, expires_ms FROM access_tokens WHERE token = ?", (token,)
            )
            if scheme.lower() == "bearer"
            else None
        )
        if row is None or row[0] not in self._apps:
            raise unauthenticated()
        if row[3] <= self._now():
            raise _expired(row[3])
        return Caller(self._apps[row[0]], frozenset(cast("str", row[1]).split()), row[2])

    def connections(self, app: App, event: str | None = None) -> list[Connection]:
        """The organisations an app is connected to, those of one consent if its `event` is given."""
        rows = self._storage.rows(
            "SELECT id, tenant, event, created_ms, updated_ms FROM connections"
            " WHERE app = ? AND (? IS NULL OR event = ?) ORDER BY updated_ms DESC, tenant",
            (app.client_id, event, event),
        )
        return [Connection(*row) for row in rows]

    def is_connected(self, app: App, tenant: str) -> bool:
        return (
            self._storage.row(
                "SELECT 1 FROM connections WHERE app = ? AND tenant = ?", (app.client_id, tenant)
            )
            is not None
        )

    def disconnect(self, app: App, connection: str) -> bool:
        """Whether there was such a connection."""
        return bool(
            self._storage.write(
                "DELETE FROM connections WHERE app = ? AND id = ?", (app.client_id, connection)
            )
        )

    def _connect(self, app: App, tenant: str, event: str) -> None:
        now = self._now()
        self._storage.write(
            "INSERT INTO connections VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (app, tenant)"
            " DO UPDATE SET event = excluded.event, updated_ms = excluded.updated_ms",
            (str(uuid4()), app.client_id, tenant, event, now, now),
        )

    def _issue(self, app: App, scopes: str, event: str) -> dict[str, object]:
        issued, expires = self._now(), self._in(self._lifetimes.access_token)
        access = jwt.encode(
            {
                "nbf": issued // 1000,
                "exp": expires // 1000,
                "iss": "https://identity.xero.com",
                "aud": "https://identity.xero.com/resources",
                "client_id": app.client_id,
                "jti": secrets.token_hex(16),
                "authentication_event_id": event,
                "scope": scopes.split(),
            },
            _SIGNING_KEY,
            "HS256",
        )
        self._storage.write(
            "INSERT INTO access_tokens VALUES (?, ?, ?, ?, ?)",
            (access, app.client_id, scopes, event, expires),
        )
        answer: dict[str, object] = {
            "access_token": access,
            "expires_in": self._lifetimes.access_token,
            "token_type": "Bearer",
            "scope": scopes,
        }
        if app.organisation is None and "offline_access" in scopes.split():
            refresh = secrets.token_urlsafe(32)
            self._storage.write(
                "INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?, NULL)",
                (refresh, app.client_id, scopes, event, self._in(self._lifetimes.refresh_token)),
            )
            answer["refresh_token"] = refresh
        return answer

    def _now(self) -> int:
        return self._clock.now_ms()

    def _in(self, seconds: int) -> int:
        return self._now() + seconds * 1000


def _challenge(verifier: str) -> str:
    """PKCE's S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _expired(at_ms: int) -> XeroError:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return unauthenticated(f"TokenExpired: token expired at {at:%m/%d/%Y %H:%M:%S}")
