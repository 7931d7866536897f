"""What one row of tokens holds, what it is sealed with, and how the next one follows from it.

Belongs here: values, sealing, lifetimes counted from a moment. Does not belong here: statements (`storage`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import SecretStr

from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.credentials.tokens import Granted
from integration_pipeline.credentials.vendors import OAuthApp, Vendor


class Because(StrEnum):
    """Why a pair of tokens was asked for."""

    CONNECTED = "connected"
    EXPIRING = "expiring"
    REFUSED = "refused"
    """The vendor answered 401 to the access token before it was due to expire."""
    ASKED = "asked"


class State(StrEnum):
    CONNECTED = "connected"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """One row as stored; the tokens are ciphertext."""

    id: UUID
    vendor: Vendor
    client_id: str
    token_url: str
    access_token: bytes = field(repr=False)
    refresh_token: bytes = field(repr=False)
    previous_refresh_token: bytes | None = field(repr=False)
    previous_valid_until: datetime | None
    key_id: str
    scopes: str
    access_expires_at: datetime
    refresh_expires_at: datetime
    hard_expires_at: datetime | None
    generation: int
    obtained_because: Because
    obtained_at: datetime
    state: State
    why: str | None

    def opened(self, keys: Keyring, column: str) -> SecretStr:
        """One of the three tokens in clear; raises `NotOpened`."""
        sealed: bytes = getattr(self, column)
        return keys.open(sealed, self.key_id, self.place(column))

    def place(self, column: str) -> Sequence[str]:
        """What a ciphertext is bound to. With the address in it, nobody who edits rows can send a token
        elsewhere.
        """
        return ("ops.token_sets", column, self.vendor, str(self.id), self.client_id, self.token_url)

    def sealed(self, keys: Keyring, **tokens: SecretStr | None) -> TokenSet:
        """This row with new tokens under the newest key. All three are named, as they share the key."""
        ciphertexts = {
            column: None if token is None else keys.seal(token, self.place(column))
            for column, token in tokens.items()
        }
        return replace(self, key_id=keys.newest, **ciphertexts)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One account that a token set opens, with what people want to know of it. No secrets."""

    vendor: Vendor
    account: str
    name: str
    remote_id: str | None
    token_set_id: UUID
    connected_at: datetime
    state: State
    why: str | None
    obtained_at: datetime
    access_expires_at: datetime
    refresh_expires_at: datetime
    hard_expires_at: datetime | None
    key_id: str
    scopes: str

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"{self.vendor.value}:{self.account} ({self.name})"


def first_token_set(
    id_: UUID, app: OAuthApp, granted: Granted, refresh_token: SecretStr, keys: Keyring, now: datetime
) -> TokenSet:
    """The row of a consent just given."""
    blank = TokenSet(
        id=id_,
        vendor=app.vendor,
        client_id=app.client_id,
        token_url=app.endpoints.token,
        access_token=b"",
        refresh_token=b"",
        previous_refresh_token=None,
        previous_valid_until=None,
        key_id=keys.newest,
        scopes=granted.scopes or " ".join(app.oauth.scopes),
        access_expires_at=now + granted.expires_in,
        refresh_expires_at=now + granted.refresh_expires_in,
        hard_expires_at=_after(now, granted.hard_expires_in),
        generation=1,
        obtained_because=Because.CONNECTED,
        obtained_at=now,
        state=State.CONNECTED,
        why=None,
    )
    return blank.sealed(
        keys, access_token=granted.access_token, refresh_token=refresh_token, previous_refresh_token=None
    )


def next_token_set(
    current: TokenSet,
    granted: Granted,
    sent: SecretStr,
    *,
    grace: timedelta,
    because: Because,
    keys: Keyring,
    now: datetime,
) -> TokenSet:
    """The row after a renewal. `sent` is the refresh token it was asked with, `now` when it was asked."""
    latest = granted.refresh_token or sent
    changed = latest.get_secret_value() != sent.get_secret_value()
    previous = sent if changed and grace else None
    return replace(
        current,
        previous_valid_until=None if previous is None else now + grace,
        scopes=granted.scopes or current.scopes,
        access_expires_at=now + granted.expires_in,
        refresh_expires_at=now + granted.refresh_expires_in,
        hard_expires_at=_after(now, granted.hard_expires_in) or current.hard_expires_at,
        generation=current.generation + 1,
        obtained_because=because,
        obtained_at=now,
        state=State.CONNECTED,
        why=None,
    ).sealed(
        keys,
        access_token=granted.access_token,
        refresh_token=latest,
        previous_refresh_token=previous,
    )


def _after(now: datetime, span: timedelta | None) -> datetime | None:
    return None if span is None else now + span
