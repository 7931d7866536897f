"""Calls of a vendor's token endpoint: a code or a refresh token goes in, a pair of tokens comes out.

Belongs here: one request each, its answer checked, its refusal named. Does not belong here: locking, storing
and trying again (`refreshing`). Nothing a vendor says about a refused token is repeated but the error's code:
the description may hold the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from integration_pipeline.credentials.failures import InvalidGrant, attempted
from integration_pipeline.credentials.vendors import OAuthApp
from integration_pipeline.transport.client import BasicAuth, Reply, TimeLimits, VendorClient
from integration_pipeline.transport.failures import (
    ErrorReply,
    Explanation,
    FailureTable,
    Rejected,
    Unauthorized,
    malformed,
)

TOKEN_TIME_LIMITS = TimeLimits(connect=5.0, read=10.0, answer=15.0)
"""Others wait while a token is renewed."""

_YEAR_SECONDS = 366 * 24 * 3600
_CODE = re.compile(r"[a-z_]{1,40}")
_ACTIONS: Mapping[str, str] = {
    "invalid_client": "Check the client id and the client secret of this app in the settings.",
    "unauthorized_client": "Check at the vendor that this app may use the authorization code flow.",
    "invalid_scope": "Ask for scopes that this app was granted.",
}


@dataclass(frozen=True, slots=True)
class Granted:
    """What one answer of the token endpoint grants. Lifetimes count from when it was asked."""

    access_token: SecretStr
    refresh_token: SecretStr | None
    expires_in: timedelta
    refresh_expires_in: timedelta
    hard_expires_in: timedelta | None
    scopes: str


class _Answer(BaseModel):
    """RFC 6749, section 5.1, with Intuit's own lifetimes of the refresh token."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore")

    access_token: Annotated[SecretStr, Field(min_length=1, max_length=16_384)]
    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=16_384)] | None = None
    expires_in: Annotated[int, Field(gt=0, le=_YEAR_SECONDS)]
    x_refresh_token_expires_in: Annotated[int, Field(gt=0, le=10 * _YEAR_SECONDS)] | None = None
    x_refresh_token_hard_expires_in: Annotated[int, Field(gt=0, le=20 * _YEAR_SECONDS)] | None = None
    scope: Annotated[str, Field(max_length=4_000)] = ""

    @field_validator("access_token", "refresh_token")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch("[!-~]+", value.get_secret_value()):
            raise ValueError("a token holds spaces, line breaks or non-ASCII characters")
        return value


class TokenEndpoint:
    """One app's token and revocation endpoints. Cheap to make; connections live only as long as a call."""

    def __init__(self, app: OAuthApp, time_limits: TimeLimits = TOKEN_TIME_LIMITS) -> None:
        self._app = app
        self._time_limits = time_limits

    def exchange(self, code: SecretStr, redirect_uri: str, verifier: SecretStr | None) -> Granted:
        """The first pair of tokens, for the code of a callback. A code is good once."""
        form = {"code": code.get_secret_value(), "redirect_uri": redirect_uri}
        if verifier is not None:
            form["code_verifier"] = verifier.get_secret_value()
        return self._granted("exchange_code", {"grant_type": "authorization_code", **form})

    def refresh(self, token: SecretStr) -> Granted:
        """The next pair of tokens.

        Raises `InvalidGrant` if this token is taken no more, `Uncertain` if it may have been used up by this
        very call, `Transient` and `Throttled` if it was not.
        """
        form = {"grant_type": "refresh_token", "refresh_token": token.get_secret_value()}
        return self._granted("refresh_token", form)

    def revoke(self, token: SecretStr) -> None:
        """Withdraw the consent. A token that is dead already is no fault (RFC 7009, section 2.2)."""
        url = self._app.endpoints.revoke
        fields = {"token": token.get_secret_value()}
        as_json = self._app.oauth.revokes_by_json
        with self._client(url) as client:
            try:
                client.write(
                    "POST",
                    _path(url),
                    operation="revoke_token",
                    json=fields if as_json else None,
                    form=None if as_json else fields,
                    confidential=True,
                )
            except InvalidGrant:
                return

    def _granted(self, operation: str, form: Mapping[str, str]) -> Granted:
        url = self._app.endpoints.token
        with self._client(url) as client:
            reply = client.write(
                "POST",
                _path(url),
                operation=operation,
                form=form,
                headers=dict(self._app.oauth.token_headers),
                confidential=True,
            )
        return self._read(reply)

    def _read(self, reply: Reply) -> Granted:
        problem = ""
        try:
            answer = _Answer.model_validate_json(reply.body)
        except ValidationError as error:
            fields = (
                ".".join(str(part) for each in error.errors() for part in each["loc"]) or "the whole body"
            )
            problem = f"answered {reply.status} with tokens that cannot be used ({fields})"
            answer = None
        if answer is None:
            # Outside the handler: pydantic's error would hang on to the body.
            raise malformed(attempted(self._app, self._app.endpoints.token), problem, status=reply.status)
        lifetime = answer.x_refresh_token_expires_in
        hard = answer.x_refresh_token_hard_expires_in
        return Granted(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            expires_in=timedelta(seconds=answer.expires_in),
            refresh_expires_in=self._app.oauth.refresh_lifetime
            if lifetime is None
            else timedelta(seconds=lifetime),
            hard_expires_in=None if hard is None else timedelta(seconds=hard),
            scopes=answer.scope,
        )

    def _client(self, url: str) -> VendorClient:
        parts = urlsplit(url)
        return VendorClient(
            self._app.vendor.value,
            f"{parts.scheme}://{parts.netloc}",
            auth=BasicAuth(SecretStr(self._app.client_id), self._app.client_secret),
            failures=FailureTable(_explain),
            time_limits=self._time_limits,
            max_answer_bytes=200_000,
            max_connections=1,
        )


def _path(url: str) -> str:
    return urlsplit(url).path or "/"


def _explain(reply: ErrorReply) -> Explanation:
    """RFC 6749, section 5.2. 401 is `invalid_client`, whatever the body says."""
    found = reply.body.get("error") if isinstance(reply.body, Mapping) else None
    code = found if isinstance(found, str) and _CODE.fullmatch(found) else ""
    trace = reply.headers.get("intuit_tid") or reply.headers.get("xero-correlation-id")
    failure = None
    if reply.status == 400:
        dead = code in ("invalid_grant", "invalid_token")
        failure = InvalidGrant if dead else Unauthorized if code in _ACTIONS else Rejected
    action = "This code or token is used up, expired or revoked." if failure is InvalidGrant else None
    return Explanation(
        message=code, correlation_id=trace, failure=failure, action=action or _ACTIONS.get(code)
    )
