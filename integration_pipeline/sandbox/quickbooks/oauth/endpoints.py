"""The endpoints of OAuth 2: discovery, the page where a user consents, tokens, revocation.

The page redirects at once: the user of a sandbox always consents, at the company set by
`PUT /_sandbox/consent`, unless told to refuse.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from urllib.parse import parse_qs, urlencode

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.quickbooks.oauth.grants import Grants, InvalidGrantError, Tokens
from integration_pipeline.sandbox.quickbooks.options import Options
from integration_pipeline.sandbox.told import Refused, told

SCOPE = "com.intuit.quickbooks.accounting"
AUTHORIZE, TOKEN, REVOKE = "/connect/oauth2", "/oauth2/v1/tokens/bearer", "/v2/oauth2/tokens/revoke"
_HARD_EXPIRY_HEADER = "x-include-refresh-token-hard-expires-in"


class _Consent(BaseModel):
    """Which company the user chooses at the next logins, or that the answer is no."""

    model_config = ConfigDict(extra="forbid")

    realm: str | None = None
    refuse: bool = False


class _Login(BaseModel):
    model_config = ConfigDict(extra="forbid")

    realm: str


class OAuth:
    """The app of the options, and what its users have granted it."""

    def __init__(self, options: Options, grants: Grants) -> None:
        self._options = options
        self._grants = grants
        self._realms = {company.realm_id for company in options.companies}
        self._consent = _Consent(realm=options.companies[0].realm_id)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid_configuration", self.discovery, methods=["GET"]),
            Route("/.well-known/openid_configuration/", self.discovery, methods=["GET"]),
            Route("/.well-known/openid_sandbox_configuration", self.discovery, methods=["GET"]),
            Route("/.well-known/openid_sandbox_configuration/", self.discovery, methods=["GET"]),
            Route(AUTHORIZE, self.authorize, methods=["GET"]),
            Route(TOKEN, self.token, methods=["POST"]),
            Route(REVOKE, self.revoke, methods=["POST"]),
            Route("/_sandbox/consent", self.put_consent, methods=["PUT"]),
            Route("/_sandbox/tokens", self.post_tokens, methods=["POST"]),
        ]

    async def discovery(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return JSONResponse(
            {
                "issuer": f"{base}/op/v1",
                "authorization_endpoint": base + AUTHORIZE,
                "token_endpoint": base + TOKEN,
                "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
                "revocation_endpoint": base + REVOKE,
                "jwks_uri": f"{base}/op/v1/jwks",
                "response_types_supported": ["code"],
                "scopes_supported": [SCOPE],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def authorize(self, request: Request) -> Response:
        """Back to the app with `code`, `state` and `realmId`, or with `error=access_denied`."""
        asked = request.query_params
        redirect = asked.get("redirect_uri", "")
        known = self._options.redirect_uris
        problem = None
        if asked.get("client_id") != self._options.client_id:
            problem = "The client_id is not that of an app"
        elif not redirect or (known and redirect not in known):
            problem = "The redirect_uri query parameter value is invalid"
        elif asked.get("response_type") != "code" or SCOPE not in asked.get("scope", "").split():
            problem = "The response_type or scope query parameter value is invalid"
        elif not asked.get("state"):
            problem = "The state query parameter is missing"
        if problem is not None:
            return Response(f"<html><h1>{problem}</h1></html>", 400, media_type="text/html")
        sent = {"state": asked["state"]}
        if self._consent.refuse:
            sent["error"] = "access_denied"
        else:
            realm = self._consent.realm or self._options.companies[0].realm_id
            sent |= {"code": self._grants.code(realm, redirect), "realmId": realm}
        mark = "&" if "?" in redirect else "?"
        return RedirectResponse(f"{redirect}{mark}{urlencode(sent)}", 302)

    async def token(self, request: Request) -> Response:
        if not self._is_the_app(request):
            return JSONResponse({"error": "invalid_client"}, 401)
        form = {
            name: values[0] for name, values in parse_qs((await request.body()).decode("latin-1")).items()
        }
        try:
            match form.get("grant_type"):
                case "authorization_code":
                    tokens = self._grants.exchange(form.get("code", ""), form.get("redirect_uri", ""))
                case "refresh_token":
                    tokens = await self._refreshed(form.get("refresh_token", ""))
                case _:
                    return JSONResponse({"error": "unsupported_grant_type"}, 400)
        except InvalidGrantError:
            # The whole of what Intuit says, for a used code as for an old refresh value.
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(_written(tokens, request), headers={"Cache-Control": "no-store"})

    async def revoke(self, request: Request) -> Response:
        if not self._is_the_app(request):
            return JSONResponse({"error": "invalid_client"}, 401)
        try:
            token = json.loads(await request.body())["token"]
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": "invalid_request"}, 400)
        if not isinstance(token, str) or not self._grants.revoke(token):
            return JSONResponse({"error": "invalid_token"}, 400)
        return Response(status_code=200)

    async def put_consent(self, request: Request) -> Response:
        """`PUT /_sandbox/consent`: `{"realm": "..."}` or `{"refuse": true}`, for the logins that follow."""
        consent = await told(request, _Consent)
        if consent.realm is not None and consent.realm not in self._realms:
            raise Refused(f"realm: there is no company {consent.realm}")
        self._consent = consent
        return JSONResponse(consent.model_dump())

    async def post_tokens(self, request: Request) -> Response:
        """`POST /_sandbox/tokens`: `{"realm": "..."}`; the tokens of a login, without the way there."""
        login = await told(request, _Login)
        if login.realm not in self._realms:
            raise Refused(f"realm: there is no company {login.realm}")
        return JSONResponse(_written(self._grants.grant(login.realm), request))

    async def _refreshed(self, value: str) -> Tokens:
        """It takes a moment, in which a second refresh of the same value is refused."""
        self._grants.begin_refresh(value)
        await asyncio.sleep(self._grants.lifetimes.refresh_ms / 1_000)
        return self._grants.end_refresh(value)

    def _is_the_app(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            presented = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        expected = f"{self._options.client_id}:{self._options.client_secret.get_secret_value()}".encode()
        return scheme.lower() == "basic" and secrets.compare_digest(presented, expected)


def _written(tokens: Tokens, request: Request) -> dict[str, object]:
    written: dict[str, object] = {
        "token_type": "bearer",
        "access_token": tokens.access_token,
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "x_refresh_token_expires_in": tokens.refresh_expires_in,
    }
    if request.headers.get(_HARD_EXPIRY_HEADER, "").lower() == "true":
        written["x_refresh_token_hard_expires_in"] = tokens.refresh_hard_expires_in
    return written
