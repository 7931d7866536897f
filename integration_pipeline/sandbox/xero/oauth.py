"""Sign-in over HTTP: the authorize page, the token and revocation endpoints, the list of connections.

Served under one address what Xero has under login.xero.com, identity.xero.com and api.xero.com.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.exact_json import dump
from integration_pipeline.sandbox.xero.errors import XeroError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid
from integration_pipeline.sandbox.xero.options import App
from integration_pipeline.sandbox.xero.state import Xero, xero
from integration_pipeline.sandbox.xero.tokens import Connection, GrantError

_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


async def authorize(request: Request) -> Response:
    """`GET /identity/connect/authorize`: consents at once and redirects with `code` and `state`.

    A wrong client or redirect address is told to the person, never redirected to.
    """
    asked = request.query_params
    app = xero(request).apps.get(asked.get("client_id", ""))
    redirect_uri = asked.get("redirect_uri", "")
    if app is None or app.organisation is not None:
        return Response("Error: unauthorized_client - Unknown client or client not enabled", 400)
    if not _may_redirect(app, redirect_uri):
        return Response("Error: unauthorized_client - Invalid redirect_uri", 400)
    told = {"state": asked["state"]} if "state" in asked else {}
    scopes = asked.get("scope", "")
    if asked.get("response_type") != "code":
        return _back(redirect_uri, {"error": "unsupported_response_type", **told})
    if not scopes.strip():
        return _back(redirect_uri, {"error": "invalid_scope", **told})
    code = xero(request).tokens.authorize(app, redirect_uri, scopes, asked.get("code_challenge"))
    return _back(redirect_uri, {"code": code, "scope": scopes, **told})


async def token(request: Request) -> Response:
    """`POST /connect/token`: form-encoded; the client by HTTP Basic or in the form."""
    sandbox = xero(request)
    form = await _form(request)
    try:
        app = _client(sandbox, request, form)
        issued = _issued(sandbox, app, form)
    except GrantError as refused:
        return JSONResponse({"error": refused.args[0]}, 400)
    return JSONResponse(issued, headers={"Cache-Control": "no-store, no-cache"})


async def revoke(request: Request) -> Response:
    """`POST /connect/revocation`: 200 also for a token nobody knows."""
    sandbox = xero(request)
    form = await _form(request)
    try:
        sandbox.tokens.revoke(_client(sandbox, request, form), form.get("token", ""))
    except GrantError as refused:
        return JSONResponse({"error": refused.args[0]}, 400)
    return Response()


async def list_connections(request: Request) -> Response:
    """`GET /connections`, with `?authEventId=` those of one consent."""
    sandbox = xero(request)
    try:
        caller = sandbox.tokens.caller(request.headers.get("authorization", ""))
    except XeroError as error:
        return error.response()
    found = sandbox.tokens.connections(caller.app, request.query_params.get("authEventId"))
    return Response(
        dump([_shown(sandbox, connection) for connection in found]),
        media_type="application/json; charset=utf-8",
    )


async def disconnect(request: Request) -> Response:
    """`DELETE /connections/{id}`: 204, or 404."""
    sandbox = xero(request)
    try:
        caller = sandbox.tokens.caller(request.headers.get("authorization", ""))
        if not sandbox.tokens.disconnect(caller.app, as_guid(request.path_params["id"]) or ""):
            raise not_found()
    except XeroError as error:
        return error.response()
    return Response(status_code=204)


# What a custom connection was granted when it was set up.
_ALL_SCOPES = "accounting.transactions accounting.contacts accounting.settings"

ROUTES = [
    Route("/identity/connect/authorize", authorize, methods=["GET"]),
    Route("/connect/token", token, methods=["POST"]),
    Route("/connect/revocation", revoke, methods=["POST"]),
    # Documented in lower case; Xero's own libraries write a capital.
    Route("/connections", list_connections, methods=["GET"]),
    Route("/Connections", list_connections, methods=["GET"]),
    Route("/connections/{id}", disconnect, methods=["DELETE"]),
    Route("/Connections/{id}", disconnect, methods=["DELETE"]),
]


def _shown(sandbox: Xero, connection: Connection) -> dict[str, object]:
    return {
        "id": connection.id,
        "authEventId": connection.event,
        "tenantId": connection.tenant,
        "tenantType": "ORGANISATION",
        "tenantName": sandbox.tenants[connection.tenant].name,
        "createdDateUtc": sandbox.seven_places(connection.created_ms),
        "updatedDateUtc": sandbox.seven_places(connection.updated_ms),
    }


def _issued(sandbox: Xero, app: App, form: dict[str, str]) -> dict[str, object]:
    """Tokens by the grant that is presented. Raises `GrantError`."""
    match form.get("grant_type"):
        case "authorization_code":
            redirect_uri, verifier = form.get("redirect_uri", ""), form.get("code_verifier")
            return sandbox.tokens.exchange(app, form.get("code", ""), redirect_uri, verifier)
        case "refresh_token":
            return sandbox.tokens.refresh(app, form.get("refresh_token", ""))
        case "client_credentials":
            return sandbox.tokens.client_credentials(app, form.get("scope", _ALL_SCOPES))
        case _:
            raise GrantError("unsupported_grant_type")


def _client(sandbox: Xero, request: Request, form: dict[str, str]) -> App:
    """The app that presents its secret. Raises `GrantError`."""
    client_id, secret = _basic(request.headers.get("authorization", "")) or (
        form.get("client_id", ""),
        form.get("client_secret", ""),
    )
    app = sandbox.apps.get(client_id)
    if app is None or not hmac.compare_digest(app.client_secret.get_secret_value().encode(), secret.encode()):
        raise GrantError("invalid_client")
    return app


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", errors="replace"), keep_blank_values=True))


def _may_redirect(app: App, redirect_uri: str) -> bool:
    if app.redirect_uris:
        return redirect_uri in app.redirect_uris
    parts = urlsplit(redirect_uri)
    return parts.scheme in {"http", "https"} and parts.hostname in _HERE


def _back(redirect_uri: str, told: dict[str, str]) -> Response:
    return RedirectResponse(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(told)}", 302)
