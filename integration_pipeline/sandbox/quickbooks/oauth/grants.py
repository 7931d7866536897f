"""What users have granted: codes, the refresh value in force, access tokens. All times are the sandbox's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.quickbooks.options import Lifetimes
from integration_pipeline.sandbox.storage import SqliteFile


class InvalidGrantError(Exception):
    """A code or a refresh value that is not, or no longer, good for a token."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of the token endpoint; seconds are what is left."""

    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    refresh_hard_expires_in: int


class Grants:
    """One grant per login; its refresh value changes about daily, and an old value is worth nothing."""

    def __init__(self, file: SqliteFile, clock: SandboxClock, lifetimes: Lifetimes) -> None:
        self._file = file
        self._clock = clock
        self.lifetimes = lifetimes
        self._being_refreshed: set[str] = set()

    def code(self, realm: str, redirect_uri: str) -> str:
        """What a user's consent sends back to the app."""
        code = f"XAB1{secrets.token_hex(20)}"
        self._file.write(
            "INSERT INTO codes (code, realm, redirect_uri, expires_s) VALUES (?, ?, ?, ?)",
            (code, realm, redirect_uri, self._now() + self.lifetimes.authorization_code),
        )
        return code

    def exchange(self, code: str, redirect_uri: str) -> Tokens:
        """Tokens for a code, once. Raises InvalidGrantError."""
        row = self._file.row("SELECT realm, redirect_uri, expires_s FROM codes WHERE code = ?", (code,))
        self._file.write("DELETE FROM codes WHERE code = ?", (code,))
        if row is None or row[1] != redirect_uri or row[2] <= self._now():
            raise InvalidGrantError
        return self.grant(row[0])

    def grant(self, realm: str) -> Tokens:
        """A new login at a company."""
        now, lives = self._now(), self.lifetimes
        value = _refresh_value()
        with self._file.transaction():
            number = self._file.insert(
                "INSERT INTO grants (realm, refresh_value, issued_s, expires_s, hard_expires_s)"
                " VALUES (?, ?, ?, ?, ?)",
                (realm, value, now, now + lives.refresh_token, now + lives.refresh_hard),
            )
            access = self._access_token(realm, number)
        return Tokens(access, lives.access_token, value, lives.refresh_token, lives.refresh_hard)

    def begin_refresh(self, value: str) -> None:
        """Raises InvalidGrantError for a value not in force, or one that another request is refreshing."""
        if value in self._being_refreshed:
            if self.lifetimes.second_refresh_revokes:
                self.revoke(value)
            raise InvalidGrantError
        if self._grant(value) is None:
            raise InvalidGrantError
        self._being_refreshed.add(value)

    def end_refresh(self, value: str) -> Tokens:
        """The tokens of a refresh that was begun. Raises InvalidGrantError if it was revoked meanwhile."""
        self._being_refreshed.discard(value)
        row = self._grant(value)
        if row is None:
            raise InvalidGrantError
        number, realm, issued, expires, hard = row
        now, lives = self._now(), self.lifetimes
        with self._file.transaction():
            if now - issued >= lives.refresh_value:
                value, expires = _refresh_value(), min(now + lives.refresh_token, hard)
                self._file.write(
                    "UPDATE grants SET refresh_value = ?, issued_s = ?, expires_s = ? WHERE id = ?",
                    (value, now, expires, number),
                )
            access = self._access_token(realm, number)
        return Tokens(access, lives.access_token, value, expires - now, hard - now)

    def revoke(self, token: str) -> bool:
        """End the login a refresh or access token belongs to; whether there was one."""
        row = self._file.row(
            "SELECT id FROM grants WHERE refresh_value = ?"
            " UNION SELECT grant_id FROM access_tokens WHERE token = ?",
            (token, token),
        )
        if row is None:
            return False
        with self._file.transaction():
            self._file.write("DELETE FROM grants WHERE id = ?", row)
            self._file.write("DELETE FROM access_tokens WHERE grant_id = ?", row)
        return True

    def realm_of(self, access_token: str) -> str | None:
        """The company a token opens; None for one that is unknown or has expired."""
        row = self._file.row("SELECT realm, expires_s FROM access_tokens WHERE token = ?", (access_token,))
        return None if row is None or row[1] <= self._now() else row[0]

    def _grant(self, value: str) -> tuple[int, str, int, int, int] | None:
        row = self._file.row(
            "SELECT id, realm, issued_s, expires_s, hard_expires_s FROM grants WHERE refresh_value = ?",
            (value,),
        )
        if row is None or row[3] <= self._now():
            return None
        number, realm, issued, expires, hard = row
        return number, realm, issued, expires, hard

    def _access_token(self, realm: str, number: int) -> str:
        token = f"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..{secrets.token_urlsafe(96)}"
        now = self._now()
        self._file.write(
            "DELETE FROM access_tokens WHERE grant_id = ? AND expires_s <= ?",
            (number, now),
        )
        self._file.write(
            "INSERT INTO access_tokens (token, realm, grant_id, expires_s) VALUES (?, ?, ?, ?)",
            (token, realm, number, now + self.lifetimes.access_token),
        )
        return token

    def _now(self) -> int:
        return self._clock.now_ms() // 1_000


def _refresh_value() -> str:
    return f"RT1-{secrets.token_hex(24)}"
