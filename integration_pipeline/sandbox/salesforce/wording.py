"""How Salesforce words what faults make it answer."""

from __future__ import annotations

import json
from typing import Any, cast

from starlette.responses import Response
from starlette.types import Scope

from integration_pipeline.sandbox.salesforce.errors import (
    Problem,
    SalesforceError,
    invalid_session,
    limit_exceeded,
    unexpected,
)
from integration_pipeline.sandbox.salesforce.rendering import Answer

_POLICIES = frozenset({"TotalRequests", "ConcurrentRequests", "ConcurrentPerOrgLongTxn"})
_UNAVAILABLE = frozenset({502, 503, 504})


class SalesforceWording:
    """`faults.wording.Wording` of Salesforce."""

    def error(self, status: int) -> Response:
        if status in _UNAVAILABLE:
            return _answer(
                SalesforceError(
                    status,
                    Problem(
                        "SERVER_UNAVAILABLE", "We are down for maintenance. Sorry for the inconvenience."
                    ),
                )
            )
        if status == 423:
            return _answer(
                SalesforceError(
                    400, Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", ())
                )
            )
        return _answer(unexpected())

    def throttled(self, scope: Scope, policy: str | None, retry_after: int | None) -> Response:  # noqa: ARG002 - the same for all paths
        if policy is not None and not self.known_policy(policy):
            raise ValueError(f"Salesforce has no limit {policy!r}")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        refusal = limit_exceeded(policy or "ConcurrentRequests (Concurrent API Requests)")
        return Answer(refusal.body(), refusal.status, headers)

    def unauthorized(self) -> Response:
        return _answer(invalid_session())

    def garbage(self, form: str, body: bytes) -> Response:
        if form == "text":
            return Response("<html><body>Loading...</body></html>", media_type="text/html")
        if form == "shape":
            return Answer({"records": {"unexpected": True}, "compositeResponse": "none", "done": "perhaps"})
        text = body.decode()
        try:
            # Every record says what it is; here it is nothing.
            damaged = json.dumps(_damaged(json.loads(text)))
        except ValueError:
            damaged = text.replace(",", ";")
        return Response(damaged, media_type="application/json")

    def known_policy(self, policy: str) -> bool:
        return policy in _POLICIES


def _answer(refusal: SalesforceError) -> Response:
    return Answer(refusal.body(), refusal.status)


def _damaged(value: Any) -> Any:
    if isinstance(value, list):
        return [_damaged(each) for each in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            name: ["damaged"] if name in ("Id", "SystemModstamp") else _damaged(each)
            for name, each in cast("dict[str, Any]", value).items()
        }
    return value
