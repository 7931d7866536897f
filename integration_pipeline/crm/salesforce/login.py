"""A session of the org: had by logging in, used until it is refused, then had anew.

Salesforce says of no session when it ends (a policy of the org decides), so a 401 is the only sign. It came
before anything was done: what was refused so may be sent once more, writes included.

Belongs here: both flows of server-to-server log-in. Does not belong here: what is then asked for (`api`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping

import httpx
import jwt
from pydantic import SecretStr

from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.transport.client import BasicAuth, VendorClient

_TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - a path
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS = 180
_UNAUTHORIZED = 401


class Login:
    """Gets sessions through `client`, whose authentication is that of the app (`app_auth`)."""

    def __init__(self, client: VendorClient, settings: SalesforceSettings) -> None:
        self._client = client
        self._settings = settings

    def session(self) -> SecretStr:
        """A new session. Raises the transport's failures, without a word of key, secret or session."""
        reply = self._client.read(
            "POST", _TOKEN_PATH, operation="log_in", form=self._form(), confidential=True
        )
        return SecretStr(reply.json().field("access_token").text())

    def _form(self) -> Mapping[str, str]:
        settings = self._settings
        if settings.private_key is None:
            return {"grant_type": "client_credentials"}
        claims = {
            "iss": settings.consumer_key,
            "sub": settings.username,
            "aud": settings.audience,
            "exp": int(time.time()) + _ASSERTION_SECONDS,
        }
        assertion = jwt.encode(claims, settings.private_key.get_secret_value(), algorithm="RS256")
        return {"grant_type": _JWT_BEARER, "assertion": assertion}


def app_auth(settings: SalesforceSettings) -> httpx.Auth | None:
    """How the app shows who it is when it logs in; a signed assertion says so itself."""
    if settings.consumer_secret is None:
        return None
    return BasicAuth(SecretStr(settings.consumer_key), settings.consumer_secret)


class SessionAuth(httpx.Auth):
    """`Authorization: Bearer …` of the session all calls of one connector share. Safe for threads."""

    # The body is read into memory, so that it can be sent twice.
    requires_request_body = True

    def __init__(self, login: Login) -> None:
        self._login = login
        self._lock = threading.Lock()
        self._session: SecretStr | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        session = self._current(None)
        request.headers["Authorization"] = f"Bearer {session.get_secret_value()}"
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            return
        session = self._current(session)
        request.headers["Authorization"] = f"Bearer {session.get_secret_value()}"
        yield request

    def _current(self, refused: SecretStr | None) -> SecretStr:
        """The session, another one than was refused: who waits here takes what the first one got."""
        with self._lock:
            if self._session is None or self._session is refused:
                self._session = self._login.session()
            return self._session
