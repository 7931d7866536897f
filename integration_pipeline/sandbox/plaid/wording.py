"""How Plaid words what faults make it answer."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from integration_pipeline.sandbox.plaid.errors import Limit, internal, item_login_required, limited


class PlaidWording:
    def error(self, status: int) -> Response:
        return internal(status).response()

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:
        """429 of the item's limit for a sync, of the client's for the rest, unless named otherwise."""
        usual = Limit.TRANSACTIONS_SYNC if scope["path"] == "/transactions/sync" else Limit.CLIENT
        answer = limited(Limit(policy) if policy is not None else usual).response()
        if retry_after is not None:
            answer.headers["Retry-After"] = str(retry_after)
        return answer

    def unauthorized(self) -> Response:
        """A login that the bank no longer takes, which is how access ends here; Plaid has no 401 for it."""
        return item_login_required().response()

    def garbage(self, form: str, body: bytes) -> Response:
        if form == "text":
            return Response("<html><h1>It works!</h1></html>", media_type="text/html")
        if form == "shape":
            return JSONResponse({"added": {"unexpected": True}})
        answer = json.loads(body or b"{}")
        for record in answer.get("added", [answer]):
            record["transaction_id"] = {"unexpected": True}
        return JSONResponse(answer)

    def known_policy(self, policy: str) -> bool:
        return policy in list(Limit)
