"""Stripe's error answers: `{"error": {type, code, message, param, doc_url, request_log_url}}`.

Every refusal is raised from here, so wording and codes stay in one place. Deciding when one is due is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.stripe.ids import new_id


class Limit(StrEnum):
    """What a `Stripe-Rate-Limited-Reason` may say, and `lock_timeout`, which comes without that header."""

    GLOBAL_RATE = "global-rate"
    ENDPOINT_RATE = "endpoint-rate"
    GLOBAL_CONCURRENCY = "global-concurrency"
    ENDPOINT_CONCURRENCY = "endpoint-concurrency"
    RESOURCE_SPECIFIC = "resource-specific"
    LOCK_TIMEOUT = "lock_timeout"


@dataclass(slots=True)
class StripeError(Exception):
    """A request that Stripe would refuse. `kept` refusals are replayed for an idempotency key."""

    status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    kept: bool = False

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error |= {
                "code": self.code,
                "doc_url": f"https://stripe.com/docs/error-codes/{_dashed(self.code)}",
            }
        if self.param is not None:
            error["param"] = self.param
        error["request_log_url"] = f"https://dashboard.stripe.com/test/workbench/logs?object={request_id}"
        return {"error": error | dict(self.details)}

    def response(self, request_id: str | None = None) -> Response:
        known = request_id or new_id("req")
        return JSONResponse(self.body(known), self.status, {"Request-Id": known, **self.headers})


def invalid(
    message: str, *, param: str | None = None, code: str | None = None, status: int = 400
) -> StripeError:
    return StripeError(status, "invalid_request_error", message, code, param)


def missing(param: str) -> StripeError:
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unknown_parameters(names: list[str]) -> StripeError:
    plural = "s" if len(names) > 1 else ""
    return invalid(
        f"Received unknown parameter{plural}: {', '.join(names)}", param=names[0], code="parameter_unknown"
    )


def no_such(thing: str, identifier: str, *, param: str = "id", status: int = 404) -> StripeError:
    """404 for the object of the path; 400 for one that a parameter names."""
    return invalid(f"No such {thing}: '{identifier}'", param=param, code="resource_missing", status=status)


def unexpected_state(code: str, message: str, param: str | None = None) -> StripeError:
    return invalid(message, code=code, param=param)


def declined(code: str, payment_intent: Mapping[str, Any]) -> StripeError:
    """402; the intent it happened to comes along, and the answer is replayed like a successful one."""
    reasons = {
        "card_declined": "Your card was declined.",
        "expired_card": "Your card has expired.",
    }
    return StripeError(
        402,
        "card_error",
        reasons[code],
        code,
        details={"decline_code": "generic_decline", "payment_intent": dict(payment_intent)},
        kept=True,
    )


def unauthenticated(shown: str | None) -> StripeError:
    """401; `shown` is the presented key with all but its ends starred out, None if there was none."""
    if shown is None:
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    else:
        message = f"Invalid API Key provided: {shown}"
    return StripeError(
        401, "invalid_request_error", message, headers={"WWW-Authenticate": 'Bearer realm="Stripe"'}
    )


def forbidden(shown: str, permission: str) -> StripeError:
    """403 of a restricted key."""
    return invalid(
        f"The provided key '{shown}' does not have the required permissions for this endpoint. Having the "
        f"'{permission}' permission would allow this request to continue.",
        status=403,
    )


def unserved(method: str, path: str) -> StripeError:
    return invalid(f"Unrecognized request URL ({method}: {path}).", status=404)


def limited(limit: Limit) -> StripeError:
    """429. Neither form has a Retry-After; only the lock timeout says that a retry is worth it."""
    if limit is Limit.LOCK_TIMEOUT:
        return StripeError(
            429,
            "invalid_request_error",
            "This object cannot be accessed right now because another API request or Stripe process is "
            "currently accessing it. If you see this error intermittently, retry the request.",
            "lock_timeout",
            headers={"Stripe-Should-Retry": "true"},
        )
    return StripeError(
        429,
        "invalid_request_error",
        "Request rate limit exceeded. You can learn more about rate limits here "
        "https://stripe.com/docs/rate-limits.",
        "rate_limit",
        headers={"Stripe-Rate-Limited-Reason": limit.value},
    )


def idempotency_mismatch(key: str) -> StripeError:
    return StripeError(
        400,
        "idempotency_error",
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
    )


def internal() -> StripeError:
    return StripeError(
        500,
        "api_error",
        "Sorry! There was an error while talking to one of our backends. Support has been notified.",
    )


def _dashed(code: str) -> str:
    return code.replace("_", "-")
