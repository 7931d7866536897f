"""`POST /services/oauth2/token`: the client credentials and the JWT bearer flow; and its opposite, `revoke`.

Neither flow gives a refresh token, nor says when the session will end.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline.sandbox.salesforce.org import org
from integration_pipeline.sandbox.salesforce.rendering import Answer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST_ASSERTION = 300
# Clocks of client and org need not agree to the second.
_LEEWAY = 60


class _Denied(Exception):  # noqa: N818 - reads as the statement it makes
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


async def token(request: Request) -> Response:
    """A session for who proves to be an app of this org."""
    form = dict(parse_qsl((await request.body()).decode("latin-1")))
    options = org(request).options
    try:
        match form.get("grant_type"):
            case "client_credentials":
                _check_client(request, form, options)
            case grant if grant == JWT_BEARER:
                _check_assertion(form.get("assertion", ""), options, org(request).clock.now())
            case _:
                _check_no_other()
    except _Denied as denied:
        return Answer({"error": denied.error, "error_description": denied.description}, 400)
    base = str(request.base_url).rstrip("/")
    identity = f"https://login.salesforce.com/id/{options.organization_id}/{org(request).writer.user}"
    issued = str(org(request).clock.now_ms())
    signature = hmac.new(
        options.consumer_secret.get_secret_value().encode(), f"{identity}{issued}".encode(), hashlib.sha256
    )
    return Answer(
        {
            "access_token": org(request).sessions.open(),
            "signature": base64.b64encode(signature.digest()).decode(),
            "scope": "api",
            "instance_url": base,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
            "api_instance_url": "https://api.salesforce.com",
        }
    )


def _check_no_other() -> NoReturn:
    raise _Denied("unsupported_grant_type", "grant type not supported")


def _check_client(request: Request, form: Mapping[str, str], options: Options) -> None:
    """Key and secret, by HTTP Basic or in the form."""
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise _Denied("invalid_client", "invalid client credentials") from None
    if key != options.consumer_key:
        raise _Denied("invalid_client_id", "client identifier invalid")
    if not secrets.compare_digest(secret.encode(), options.consumer_secret.get_secret_value().encode()):
        raise _Denied("invalid_client", "invalid client credentials")


def _check_assertion(assertion: str, options: Options, now: datetime) -> None:
    if options.public_key is None:
        raise _Denied("invalid_client_id", "client identifier invalid")
    try:
        # The library goes by the machine's clock and by numbers; Salesforce takes `exp` as text, too.
        claims = jwt.decode(
            assertion,
            options.public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_sub": False},
        )
        expires = datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, OverflowError):
        raise _Denied("invalid_grant", "invalid assertion") from None
    if claims.get("iss") != options.consumer_key:
        raise _Denied("invalid_client_id", "client identifier invalid")
    if claims.get("aud") not in (options.audience, f"{options.audience}/services/oauth2/token"):
        raise _Denied("invalid_grant", "audience is invalid")
    left = (expires - now).total_seconds()
    if left < -_LEEWAY or left > _LONGEST_ASSERTION + _LEEWAY:
        raise _Denied("invalid_grant", "expired authorization code")
    if claims.get("sub") != options.username:
        raise _Denied("invalid_grant", "user hasn't approved this consumer")
