"""Xero's refusals: every one the sandbox makes is raised from here, so that words and shapes stay together.

Two families: the platform's (`{"Title": "Unauthorized", "Status": 401, ...}`) and the Accounting API's
(`{"ErrorNumber": 10, "Type": "ValidationException", ...}`). Both shapes are those of recorded answers. What
is wrong with one element of a write is an `InvalidError`; `answers` makes an answer of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.responses import Response

from integration_pipeline.sandbox.exact_json import JsonObject, dump


class InvalidError(Exception):
    """One element of a write breaks Xero's rules; `messages` are its validation errors."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages


@dataclass(slots=True)
class XeroError(Exception):
    """A whole request is refused."""

    status: int
    body: JsonObject | str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def response(self) -> Response:
        if isinstance(self.body, str):
            return Response(self.body, self.status, self.headers, "text/html; charset=utf-8")
        return Response(dump(self.body), self.status, self.headers, "application/json; charset=utf-8")


def validation_failed(elements: Sequence[JsonObject]) -> XeroError:
    """The 400 for a write whose errors are summarised; nothing of it was kept."""
    return _accounting(10, "ValidationException", "A validation exception occurred", elements)


def post_data_invalid(message: str) -> XeroError:
    """A body that cannot be read, or a value of the wrong type in it."""
    return _accounting(14, "PostDataInvalidException", message)


def query_not_understood(message: str) -> XeroError:
    """`where` or `order` that does not parse."""
    return _accounting(16, "QueryParseException", message)


def key_of_another_request(key: str) -> XeroError:
    """Idempotency keys: Xero's words as quoted by integrators, the shape around them is not confirmed."""
    message = f"Idempotency Key: {key} is used with a different request."
    return _accounting(10, "ValidationException", message)


def key_too_long() -> XeroError:
    return _accounting(10, "ValidationException", "Idempotency Key exceeds the maximum of 128 characters.")


def not_found() -> XeroError:
    """No JSON: plain text under a text/html content type."""
    return XeroError(404, "The resource you're looking for cannot be found")


def too_large() -> XeroError:
    return XeroError(413, "Request Entity Too Large")


def unauthenticated(detail: str = "AuthenticationUnsuccessful") -> XeroError:
    return _platform(401, "Unauthorized", detail)


def scope_missing() -> XeroError:
    """A valid token that was not granted what the call needs."""
    error = _platform(401, "Unauthorized", "AuthorizationUnsuccessful")
    error.headers = {"WWW-Authenticate": "insufficient_scope"}
    return error


def foreign_tenant() -> XeroError:
    """`xero-tenant-id` is missing, or names an organisation the token's user has not connected."""
    return _platform(403, "Forbidden", "AuthenticationUnsuccessful")


def internal_error() -> XeroError:
    return _platform(500, "InternalServerError", "An error occurred in Xero. Check the API Status page.")


def rate_limited(problem: str, headers: Mapping[str, str], retry_after: int | None) -> XeroError:
    """`problem` is `concurrent`, `minute`, `day` or `appminute`; the body is empty."""
    told = {**headers, "X-Rate-Limit-Problem": problem}
    if retry_after is not None:
        told["Retry-After"] = str(retry_after)
    return XeroError(429, "", told)


def _accounting(number: int, kind: str, message: str, elements: Sequence[JsonObject] = ()) -> XeroError:
    body: JsonObject = {"ErrorNumber": number, "Type": kind, "Message": message}
    if elements:
        body["Elements"] = elements
    return XeroError(400, body)


def _platform(status: int, title: str, detail: str) -> XeroError:
    body: JsonObject = {
        "Type": None,
        "Title": title,
        "Status": status,
        "Detail": detail,
        "Instance": str(uuid4()),
        "Extensions": {},
    }
    return XeroError(status, body)
