"""Asking a person for consent, and reading what comes back (RFC 6749, section 4.1; RFC 7636; RFC 9700).

Belongs here: the address to open, the state and the proof key that go with it, the checks of the callback.
Does not belong here: waiting for the callback (`callback`), and what the code is exchanged for
(`connecting`). Nothing is kept between the two: whoever has the same keys can read the callback.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import BaseModel, SecretStr

from integration_pipeline.credentials.failures import ConsentFailed, attempted
from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.credentials.vendors import OAuthApp, Vendor
from integration_pipeline.transport.failures import clean

GOOD_FOR = timedelta(minutes=10)
"""How long a person may take; Intuit and Xero end codes within ten minutes, too."""

_ACCOUNT = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What to open in a browser, and the state that must come back from it."""

    url: str
    state: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Callback:
    """A code with what it is exchanged with. `account` is the one the vendor named, where it does."""

    code: SecretStr
    redirect_uri: str
    verifier: SecretStr | None
    account: str | None


class _Claims(BaseModel):
    """What a state carries, signed: nobody else can make one, or turn it to another vendor."""

    vendor: Vendor
    nonce: str
    until: datetime
    redirect_uri: str


class NotOurs(ValueError):  # noqa: N818 - reads as the statement it makes
    """A callback that answers none of our requests: somebody else's, altered, or too old."""


def request_consent(app: OAuthApp, keys: Keyring, redirect_uri: str, now: datetime) -> ConsentRequest:
    """The address at which a person consents. `redirect_uri` is registered with the app, to the letter."""
    nonce = secrets.token_urlsafe(16)
    claims = _Claims(vendor=app.vendor, nonce=nonce, until=now + GOOD_FOR, redirect_uri=redirect_uri)
    payload = _text(claims.model_dump_json().encode())
    state = f"{payload}.{_signature(keys, payload)}"
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(app.oauth.scopes),
        "state": state,
    }
    if app.oauth.takes_pkce:
        proof = hashlib.sha256(_verifier(keys, nonce).get_secret_value().encode()).digest()
        query |= {"code_challenge": _text(proof), "code_challenge_method": "S256"}
    return ConsentRequest(f"{app.endpoints.authorize}?{urlencode(query)}", state, redirect_uri)


def read_callback(app: OAuthApp, keys: Keyring, redirected: str, now: datetime) -> Callback:
    """What the vendor sent the browser back with. `redirected` is the whole address or its query.

    Raises `NotOurs` for a state that is not one of ours, and `ConsentFailed` if the person or the vendor
    declined.
    """
    query = urlsplit(redirected.strip()).query or redirected.strip().lstrip("?")
    given = {name: values[0] for name, values in parse_qs(query).items() if len(values) == 1}
    claims = _of_ours(app, keys, given.get("state", ""), now)
    if "error" in given:
        raise ConsentFailed(
            attempted(app, app.endpoints.authorize, "GET"),
            f"gave no consent ({clean(given['error'])[:60]})",
            f"Run `integration-pipeline connect {app.vendor.value}` again, and allow the access.",
        )
    code = given.get("code", "")
    parameter = app.oauth.account_parameter
    account = given.get(parameter, "") if parameter else None
    if not code or (account is not None and not _ACCOUNT.fullmatch(account)):
        raise NotOurs(f"the address holds no {'code' if not code else parameter}")
    verifier = _verifier(keys, claims.nonce) if app.oauth.takes_pkce else None
    return Callback(SecretStr(code), claims.redirect_uri, verifier, account)


def _of_ours(app: OAuthApp, keys: Keyring, state: str, now: datetime) -> _Claims:
    """What a state says that we signed."""
    payload, _, signature = state.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(keys, payload).encode()):
        raise NotOurs("the address answers no request of ours: its state is not signed with our key")
    claims = _Claims.model_validate_json(base64.urlsafe_b64decode(payload + "=="))
    if claims.vendor != app.vendor:
        raise NotOurs(f"the address answers a request to {claims.vendor.value}")
    if now > claims.until:
        raise NotOurs(f"the address comes too late: {GOOD_FOR.seconds // 60} minutes are given")
    return claims


def _signature(keys: Keyring, payload: str) -> str:
    key = keys.derived("consent state").get_secret_value()
    return _text(hmac.digest(key, payload.encode(), "sha256"))


def _verifier(keys: Keyring, nonce: str) -> SecretStr:
    """43 characters, the fewest RFC 7636 allows; whoever has the keys can tell it from the nonce."""
    key = keys.derived("proof key for code exchange").get_secret_value()
    return SecretStr(_text(hmac.digest(key, nonce.encode(), "sha256")))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
