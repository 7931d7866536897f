"""Salesforce's refusals: an array of `{message, errorCode, fields?}`, and which status each has.

Which request is refused is each resource's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integration_pipeline.sandbox.salesforce.rendering import JsonObject


@dataclass(frozen=True, slots=True)
class Problem:
    """One entry of the array. `fields` are names of fields that are to blame."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None

    def as_json(self) -> JsonObject:
        """As the body of a request that was refused has it."""
        named: JsonObject = {} if self.fields is None else {"fields": list(self.fields)}
        return {"message": self.message, "errorCode": self.code, **named}

    def as_result(self) -> JsonObject:
        """As the result of one record among several has it."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class SalesforceError(Exception):
    """A refused request, with its status."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.status = status
        self.problems = problems

    def body(self) -> Sequence[JsonObject]:
        return [each.as_json() for each in self.problems]


def refused(code: str, message: str, *fields: str) -> SalesforceError:
    """The usual 400 about a record or a query."""
    return SalesforceError(400, Problem(code, message, fields or None))


def invalid_value(code: str, message: str, *fields: str) -> SalesforceError:
    """A 400 about a record that was written: it always lists fields, if only none."""
    return SalesforceError(400, Problem(code, message, fields))


def malformed_query(message: str) -> SalesforceError:
    return refused("MALFORMED_QUERY", message)


def no_such_column(name: str, entity: str, shown: str = "") -> SalesforceError:
    """A field that a query names and the org, or the permission of its user, does not know."""
    head = f"\n{shown}\n" if shown else ""
    return refused(
        "INVALID_FIELD",
        f"{head}ERROR at Row:1:Column:1\nNo such column '{name}' on entity '{entity}'. If you are attempting "
        "to use a custom field, be sure to append the '__c' after the custom field name. Please reference "
        "your WSDL or the describe call for the appropriate names.",
    )


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    return SalesforceError(404, Problem("NOT_FOUND", message))


def entity_deleted() -> SalesforceError:
    return SalesforceError(404, Problem("ENTITY_IS_DELETED", "entity is deleted", ()))


def json_error(message: str) -> SalesforceError:
    return refused("JSON_PARSER_ERROR", message)


def invalid_session() -> SalesforceError:
    return SalesforceError(401, Problem("INVALID_SESSION_ID", "Session expired or invalid"))


def limit_exceeded(limit: str = "TotalRequests") -> SalesforceError:
    return SalesforceError(403, Problem("REQUEST_LIMIT_EXCEEDED", f"{limit} Limit exceeded."))


def unexpected() -> SalesforceError:
    return SalesforceError(
        500,
        Problem(
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: "
            "1386450247-51230 (1525684507)",
        ),
    )
