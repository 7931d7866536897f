"""How Stripe words what faults make it answer."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from integration_pipeline.sandbox.stripe.errors import Limit, StripeError, internal, limited, unauthenticated


class StripeWording:
    def error(self, status: int) -> Response:
        error = internal()
        return StripeError(status, error.type, error.message).response()

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:
        """429 of the global rate, of the endpoint's for a search, unless named; without a Retry-After."""
        usual = Limit.ENDPOINT_RATE if scope["path"].endswith("/search") else Limit.GLOBAL_RATE
        answer = limited(Limit(policy) if policy is not None else usual).response()
        if retry_after is not None:
            answer.headers["Retry-After"] = str(retry_after)
        return answer

    def unauthorized(self) -> Response:
        return unauthenticated("sk_********0000").response()

    def garbage(self, form: str, body: bytes) -> Response:
        if form == "text":
            return Response("<html><h1>It works!</h1></html>", media_type="text/html")
        if form == "shape":
            return JSONResponse({"object": "list", "data": {"unexpected": True}})
        answer = json.loads(body or b"{}")
        for record in answer.get("data", [answer]):
            record["id"] = {"unexpected": True}
        return JSONResponse(answer)

    def known_policy(self, policy: str) -> bool:
        return policy in list(Limit)
