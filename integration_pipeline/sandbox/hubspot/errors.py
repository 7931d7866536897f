"""HubSpot's error answers: `{status, message, correlationId, category, ...}`.

Every refusal the sandbox makes is raised from here, so wording and category stay in one place. Rate limit
answers have another shape and are also here; deciding when they are due is `limits`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import uuid4

JsonObject = dict[str, object]


class Policy(StrEnum):
    """The rate limit policies HubSpot names in a 429."""

    DAILY = "DAILY"
    TEN_SECONDLY = "TEN_SECONDLY_ROLLING"
    SECONDLY = "SECONDLY"


@dataclass(frozen=True, slots=True)
class InvalidProperty:
    """Why one property of a write was refused; `code` is HubSpot's, such as `INVALID_OPTION`."""

    name: str
    code: str
    message: str

    def as_validation(self) -> JsonObject:
        return {
            "isValid": False,
            "message": self.message,
            "error": self.code,
            "name": self.name,
            "localizedErrorMessage": self.message,
        }

    def as_detail(self) -> JsonObject:
        return {"message": self.message, "code": self.code, "context": {"propertyName": [self.name]}}


@dataclass(slots=True)
class HubSpotError(Exception):
    """A request, or one input of a batch, that HubSpot would refuse."""

    status_code: int
    category: str
    message: str
    sub_category: str | None = None
    context: Mapping[str, Sequence[str]] | None = None
    errors: Sequence[JsonObject] = field(default_factory=list[JsonObject])

    def body(self) -> JsonObject:
        """The answer to a whole request."""
        body: JsonObject = {"status": "error", "message": self.message, "correlationId": str(uuid4())}
        if self.context:
            body["context"] = self.context
        body["category"] = self.category
        if self.sub_category:
            body["subCategory"] = self.sub_category
        if self.errors:
            body["errors"] = self.errors
        return body

    def as_batch_error(self, trace_id: str | None = None) -> JsonObject:
        """One entry of `errors` in a 207 answer; the trace id tells the client which input it was."""
        context = dict(self.context or {})
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        body: JsonObject = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "errors": self.errors,
            "links": {},
        }
        if self.sub_category:
            body["subCategory"] = self.sub_category
        return body


def validation_error(message: str) -> HubSpotError:
    return HubSpotError(400, "VALIDATION_ERROR", message)


def invalid_properties(found: Sequence[InvalidProperty]) -> HubSpotError:
    """The 400 whose message carries the refused properties as JSON text, as clients know it from HubSpot."""
    listing = json.dumps([invalid.as_validation() for invalid in found], separators=(",", ":"))
    return HubSpotError(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {listing}",
        errors=[invalid.as_detail() for invalid in found],
    )


def unknown_object_type(name: str) -> HubSpotError:
    return validation_error(f"Unable to infer object type from: {name}")


def object_not_found() -> HubSpotError:
    return HubSpotError(404, "OBJECT_NOT_FOUND", "Object not found.  objectId are usually numeric.")


def resource_not_found(message: str = "resource not found") -> HubSpotError:
    return HubSpotError(404, "OBJECT_NOT_FOUND", message)


def objects_not_found(object_type: str, ids: Iterable[str]) -> HubSpotError:
    """The one `errors` entry with which a batch reports all of its missing records."""
    return HubSpotError(
        404,
        "OBJECT_NOT_FOUND",
        f"Could not get some {object_type} objects, they may be deleted or not exist. "
        "Check that ids are valid.",
        context={"ids": list(ids)},
    )


def conflict(message: str) -> HubSpotError:
    return HubSpotError(409, "CONFLICT", message)


def internal_error() -> HubSpotError:
    return HubSpotError(500, "INTERNAL_ERROR", "internal error")


def unauthenticated() -> HubSpotError:
    return HubSpotError(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
        "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )


def rate_limited(policy: Policy) -> JsonObject:
    """A 429 body. It has `errorType` and `policyName` where other errors have `category`."""
    return {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid4()),
        "policyName": policy.value,
        "requestId": str(uuid4()),
    }
