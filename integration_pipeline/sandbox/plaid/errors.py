"""Plaid's error answers: `{error_type, error_code, error_message, display_message, request_id, …}`.

Every refusal is raised from here, so types and codes stay in one place. Deciding when one is due is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.plaid.ids import new_request_id


class Limit(StrEnum):
    """The rate limits Plaid names in a 429."""

    TRANSACTIONS_SYNC = "TRANSACTIONS_SYNC_LIMIT"
    """Calls of /transactions/sync for one item."""
    CLIENT = "RATE_LIMIT"
    """All calls of a client."""


@dataclass(slots=True)
class PlaidError(Exception):
    """A request that Plaid would refuse."""

    status: int
    type: str
    code: str
    message: str
    display_message: str | None = None

    def told(self) -> dict[str, Any]:
        """As an item keeps it, and a webhook tells of it."""
        return {
            "display_message": self.display_message,
            "documentation_url": f"https://plaid.com/docs/?ref=error#{self.type.lower()}",
            "error_code": self.code,
            "error_message": self.message,
            "error_type": self.type,
            "suggested_action": None,
        }

    def response(self) -> Response:
        return JSONResponse({**self.told(), "request_id": new_request_id()}, self.status)


def missing_fields(names: Sequence[str]) -> PlaidError:
    listed = ", ".join(names)
    return _invalid("MISSING_FIELDS", f"the following required fields are missing: {listed}")


def unknown_fields(names: Sequence[str]) -> PlaidError:
    listed = ", ".join(names)
    return _invalid("UNKNOWN_FIELDS", f"the following fields are not recognized by this endpoint: {listed}")


def invalid_field(message: str) -> PlaidError:
    return _invalid("INVALID_FIELD", message)


def invalid_body(message: str) -> PlaidError:
    return _invalid("INVALID_BODY", message)


def not_found(path: str) -> PlaidError:
    return PlaidError(404, "INVALID_REQUEST", "NOT_FOUND", f"the requested resource {path} does not exist")


def invalid_api_keys() -> PlaidError:
    return PlaidError(400, "INVALID_INPUT", "INVALID_API_KEYS", "invalid client_id or secret provided")


def invalid_access_token() -> PlaidError:
    return PlaidError(400, "INVALID_INPUT", "INVALID_ACCESS_TOKEN", "could not find matching access token")


def invalid_public_token() -> PlaidError:
    return PlaidError(400, "INVALID_INPUT", "INVALID_PUBLIC_TOKEN", "could not find matching public token")


def invalid_verification_key_id() -> PlaidError:
    return PlaidError(
        400,
        "INVALID_INPUT",
        "INVALID_WEBHOOK_VERIFICATION_KEY_ID",
        "invalid key_id provided. note that key_ids are specific to Plaid environments, and verification "
        "requests must be made to the same environment that the webhook was sent from",
    )


def item_login_required() -> PlaidError:
    return PlaidError(
        400,
        "ITEM_ERROR",
        "ITEM_LOGIN_REQUIRED",
        "the login details of this item have changed (credentials, MFA, or required user action) and a user "
        "login is required to update this information. use Link's update mode to restore the item to a good "
        "state",
        "The login details for this account have changed.",
    )


def mutation_during_pagination() -> PlaidError:
    return PlaidError(
        400,
        "TRANSACTIONS_ERROR",
        "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
        "Underlying transaction data changed since last page was fetched. Please restart pagination from "
        "last update.",
    )


def limited(limit: Limit) -> PlaidError:
    what = "this item" if limit is Limit.TRANSACTIONS_SYNC else "this client"
    return PlaidError(
        429,
        "RATE_LIMIT_EXCEEDED",
        limit.value,
        f"rate limit exceeded for {what}. please try again later",
    )


def internal(status: int = 500) -> PlaidError:
    return PlaidError(status, "API_ERROR", "INTERNAL_SERVER_ERROR", "an unexpected error occurred")


def _invalid(code: str, message: str) -> PlaidError:
    return PlaidError(400, "INVALID_REQUEST", code, message)
