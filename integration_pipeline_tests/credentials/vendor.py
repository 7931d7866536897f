"""A vendor reduced to its OAuth: a real HTTP server with the rotation rules of QuickBooks and of Xero.

It is strict where the vendors are: two renewals under way at once end a QuickBooks consent, a refresh token
that was replaced is refused (by Xero only after its grace), and a code is good once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from integration_pipeline.credentials import QUICKBOOKS, XERO, OAuthApp, VendorOAuth

CLIENT_ID = "app-1"
CLIENT_SECRET = "hush-client-secret"
REALM = "4620816365"
TENANTS = {"tenant-nz": "Demo Company (NZ)", "tenant-uk": "Demo Company (UK)"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send instead of the usual; without a status the connection is dropped."""

    status: int | None
    body: str = "{}"


Sent = tuple[int, Any, dict[str, str]]
"""Status, body and further headers."""

Fault = Callable[[], Answer | None]


@dataclass(slots=True)
class _Consent:
    """One person's consent: the refresh tokens it still takes, until when, and its access tokens."""

    takes: dict[str, datetime | None] = field(default_factory=dict[str, datetime | None])
    access: set[str] = field(default_factory=set[str])


class Clock:
    """The time of the test, of the vendor and of ours alike; it moves when it is told to."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def advance(self, span: timedelta) -> None:
        self._moved += span


class FakeVendor:
    """`rotates`: whether each renewal changes the refresh token; QuickBooks' does only about once a day."""

    def __init__(self, oauth: VendorOAuth, clock: Clock, *, rotates: bool = True) -> None:
        self.oauth = oauth
        self.rotates = rotates
        self.clock = clock
        self.expires_in = 3600 if oauth is QUICKBOOKS else 1800
        self.renewals = 0
        self.issued: list[str] = []
        """Every token, code and secret that ever left this server."""
        self.requests: list[tuple[str, str, Mapping[str, str], str]] = []
        self.before_answer: list[Fault] = []
        """Asked one after the other once a renewal has taken place, before its answer is sent."""
        self.instead: list[Answer] = []
        """Sent instead of looking at the next token requests."""
        self.refuses_everything = False
        self._consents: list[_Consent] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._removed: set[str] = set()
        self._number = count(1)
        self._lock = threading.Lock()
        self._renewing = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def app(self) -> OAuthApp:
        """Our app, pointed at this server."""
        return OAuthApp(self.oauth, CLIENT_ID, SecretStr(CLIENT_SECRET)).at(
            authorize=f"{self.url}/authorize",
            token=f"{self.url}/token",
            revoke=f"{self.url}/revoke",
            api=self.url,
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def consented(self) -> tuple[str, str]:
        """An access and a refresh token of a new consent, as if a person had just given it."""
        with self._lock:
            consent = _Consent()
            self._consents.append(consent)
            return self._issue(consent)

    def expire_access_tokens(self) -> None:
        """Earlier than `expires_in` said."""
        with self._lock:
            for consent in self._consents:
                consent.access.clear()

    def forget_all_but(self, refresh_token: str) -> None:
        """From now on only this refresh token is taken."""
        with self._lock:
            for consent in self._consents:
                consent.takes = {refresh_token: None}

    def end_consents(self) -> None:
        """Somebody disconnects the app in the vendor's pages."""
        with self._lock:
            self._consents.clear()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: str) -> Sent | None:
        path = urlsplit(target).path
        self.requests.append((method, target, headers, body))
        if path == "/token":
            return self._token(headers, body)
        if path == "/authorize":
            return self._authorize(target)
        if path == "/revoke":
            return self._revoke(headers, body)
        return self._api(method, path, headers)

    def _authorize(self, target: str) -> Sent:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        code = f"code-{next(self._number)}-{'c' * 20}"
        self.issued.append(code)
        self._codes[code] = asked
        realm = f"&realmId={REALM}" if self.oauth is QUICKBOOKS else ""
        back = f"{asked['redirect_uri']}?code={code}&state={asked['state']}{realm}"
        return 302, {}, {"Location": back}

    def _token(self, headers: Mapping[str, str], body: str) -> Sent | None:
        if self.instead:
            told = self.instead.pop(0)
            return None if told.status is None else (told.status, told.body, {})
        secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if headers.get("authorization") != f"Basic {secret}":
            return 401, {"error": "invalid_client"}, {}
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form["grant_type"] == "authorization_code":
            return self._exchanged(form)
        return self._renewed(form["refresh_token"], headers)

    def _exchanged(self, form: Mapping[str, str]) -> Sent:
        asked = self._codes.pop(form["code"], None)
        challenge = (asked or {}).get("code_challenge")
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proven = challenge is None or base64.urlsafe_b64encode(proof).decode().rstrip("=") == challenge
        if asked is None or asked["redirect_uri"] != form["redirect_uri"] or not proven:
            return 400, {"error": "invalid_grant"}, {}
        access, refresh = self.consented()
        return 200, self._body(access, refresh, {}), {}

    def _renewed(self, token: str, headers: Mapping[str, str]) -> Sent | None:
        refused: Sent = 400, {"error": "invalid_grant", "error_description": f"Token {token} is dead"}, {}
        with self._lock:
            self._renewing += 1
            consent = next((each for each in self._consents if token in each.takes), None)
            if self._renewing > 1 and self.oauth is QUICKBOOKS:
                # Intuit refuses the second and may end the first one's tokens, too.
                self._consents.clear()
                consent = None
            until = consent.takes[token] if consent else None
            if consent is None or (until is not None and self.clock.now() >= until):
                self._renewing -= 1
                return refused
            self.renewals += 1
            access, refresh = self._issue(consent, None if self.rotates else token)
            if refresh != token:
                if self.oauth.grace:
                    consent.takes[token] = until or self.clock.now() + self.oauth.grace
                else:
                    del consent.takes[token]
        try:
            while self.before_answer:
                told = self.before_answer.pop(0)()
                if told is not None:
                    return None if told.status is None else (told.status, told.body, {})
            return 200, self._body(access, refresh, headers), {}
        finally:
            with self._lock:
                self._renewing -= 1

    def _issue(self, consent: _Consent, kept: str | None = None) -> tuple[str, str]:
        number = next(self._number)
        access = f"access-{number}-{'a' * 20}"
        refresh = kept or f"refresh-{number}-{'r' * 20}"
        consent.access.add(access)
        consent.takes.setdefault(refresh, None)
        self.issued += [access, refresh]
        return access, refresh

    def _body(self, access: str, refresh: str, headers: Mapping[str, str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "bearer",
            "expires_in": self.expires_in,
        }
        if self.oauth is QUICKBOOKS:
            body["x_refresh_token_expires_in"] = 8_640_000
            if headers.get("x-include-refresh-token-hard-expires-in") == "true":
                body["x_refresh_token_hard_expires_in"] = 157_680_000
        else:
            body["scope"] = " ".join(self.oauth.scopes)
        return body

    def _revoke(self, headers: Mapping[str, str], body: str) -> Sent:
        as_json = headers["content-type"] == "application/json"
        if as_json != (self.oauth is QUICKBOOKS):
            return 415, {}, {}
        token = json.loads(body)["token"] if as_json else parse_qs(body)["token"][0]
        with self._lock:
            known = [each for each in self._consents if token in each.takes]
            self._consents = [each for each in self._consents if each not in known]
        return (200, {}, {}) if known else (400, {"error": "invalid_token"}, {})

    def _api(self, method: str, path: str, headers: Mapping[str, str]) -> Sent:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        with self._lock:
            good = any(bearer in consent.access for consent in self._consents)
        if not good or self.refuses_everything:
            return 401, {"fault": f"bearer {bearer} is not valid"}, {}
        if path.lower() == "/connections":
            listed = [
                {
                    "id": f"connection-{tenant}",
                    "tenantId": tenant,
                    "tenantType": "ORGANISATION",
                    "tenantName": name,
                }
                for tenant, name in TENANTS.items()
                if tenant not in self._removed
            ]
            return 200, listed, {}
        if method == "DELETE":
            self._removed.add(path.removeprefix("/connections/connection-"))
            return 204, None, {}
        if "/companyinfo/" in path:
            return 200, {"CompanyInfo": {"CompanyName": "Craig's Design"}}, {}
        return 200, {"method": method}, {}


def _handler(vendor: FakeVendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            told = vendor.answer(self.command, self.path, headers, body)
            if told is None:
                self.close_connection = True
                self.connection.close()
                return
            status, content, more = told
            text = content if isinstance(content, str) else "" if content is None else json.dumps(content)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (OSError, ValueError):
                # The caller was killed or hung up, or the connection was dropped on purpose.
                self.close_connection = True

        do_POST = do_GET  # noqa: N815 - the base class calls it by this name
        do_DELETE = do_GET  # noqa: N815

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """A line per request on stderr helps nobody."""

    return Handler


__all__ = ["CLIENT_SECRET", "QUICKBOOKS", "REALM", "TENANTS", "XERO", "Answer", "Clock", "FakeVendor"]
