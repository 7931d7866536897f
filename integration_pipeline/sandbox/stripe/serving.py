"""What every endpoint does: key, limits, version, parameters, idempotency, one transaction, expansion."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.stripe.account import Account, Cause
from integration_pipeline.sandbox.stripe.endpoints import Endpoint
from integration_pipeline.sandbox.stripe.errors import StripeError, invalid, limited
from integration_pipeline.sandbox.stripe.expansion import answer
from integration_pipeline.sandbox.stripe.idempotency import Idempotency, Kept, fingerprint
from integration_pipeline.sandbox.stripe.ids import new_id
from integration_pipeline.sandbox.stripe.keys import KeyRing
from integration_pipeline.sandbox.stripe.limits import RateLimiter
from integration_pipeline.sandbox.stripe.params import Params, parse
from integration_pipeline.sandbox.stripe.versions import is_version
from integration_pipeline.transport.json_types import dump_json

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Office:
    """What serves requests: the account, who may ask, and how often."""

    account: Account
    keys: KeyRing
    limiter: RateLimiter
    idempotency: Idempotency

    def serving(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            body = await request.body()
            request_id = new_id("req")
            try:
                return self._serve(endpoint, request, body, request_id)
            except StripeError as error:
                return error.response(request_id)

        return serve

    def _serve(self, endpoint: Endpoint, request: Request, body: bytes, request_id: str) -> Response:
        access = "read" if endpoint.method == "GET" else "write"
        self.keys.require(request.headers.get("authorization"), endpoint.resource, access)
        exceeded = self.limiter.admit(endpoint.name)
        if exceeded is not None:
            raise limited(exceeded)
        version = self._version(request)
        params = _params(request, body)
        if endpoint.method == "GET":
            kept = self._answer(endpoint, request, params, version, request_id)
            return _response(kept, version, request_id)
        return self._write(endpoint, request, body, params, version, request_id)

    def _write(
        self, endpoint: Endpoint, request: Request, body: bytes, params: Params, version: str, request_id: str
    ) -> Response:
        key = request.headers.get("idempotency-key")
        repeated = fingerprint(request.method, request.url.path, body)
        now_ms = self.account.clock.now_ms()
        if key:
            before = self.idempotency.recall(key, repeated, now_ms)
            if before is not None:
                again = {"Idempotent-Replayed": "true", "Original-Request": before.request_id}
                return _response(before, version, request_id, again | {"Idempotency-Key": key})
        with self.account.changing(Cause(request_id, key)):
            try:
                kept = self._answer(endpoint, request, params, version, request_id)
            except StripeError as error:
                # Most refusals leave nothing behind; a declined card leaves a failed charge.
                if not error.kept:
                    raise
                kept = Kept(error.status, dump_json(error.body(request_id)), request_id)
            if key:
                self.idempotency.keep(key, repeated, now_ms, kept)
        return _response(kept, version, request_id, {"Idempotency-Key": key} if key else {})

    def _answer(
        self, endpoint: Endpoint, request: Request, params: Params, version: str, request_id: str
    ) -> Kept:
        expand = params.texts("expand")
        found = endpoint.handler(self.account, params, *request.path_params.values())
        params.done()
        return Kept(200, dump_json(answer(self.account, found, expand, version)), request_id)

    def _version(self, request: Request) -> str:
        version = request.headers.get("stripe-version")
        if version is None:
            return self.account.api_version
        if not is_version(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        return version


def _params(request: Request, body: bytes) -> Params:
    if request.method != "POST":
        return Params(parse(request.url.query))
    if body and request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise invalid(
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
        )
    try:
        return Params(parse(body.decode()))
    except UnicodeDecodeError:
        raise invalid("Invalid request: the body is not UTF-8.") from None


def _response(kept: Kept, version: str, request_id: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        kept.body,
        kept.status,
        {"Request-Id": request_id, "Stripe-Version": version, **(headers or {})},
        "application/json",
    )
