"""Request bodies; one that does not fit becomes Plaid's 400. Numbers keep their digits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_pipeline.sandbox.plaid.errors import (
    invalid_body,
    invalid_field,
    missing_fields,
    unknown_fields,
)
from integration_pipeline.transport.json_types import JsonObject, parse_json


class Body(BaseModel):
    """Every request may carry the client's credentials, which headers may do as well."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str | None = None
    secret: str | None = None


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Loose(BaseModel):
    """Options that make no difference to an imitation."""

    model_config = ConfigDict(frozen=True, extra="allow")


class OfItem(Body):
    access_token: str


class PublicTokenOptions(Loose):
    webhook: str | None = None


class CreatePublicToken(Body):
    institution_id: str
    initial_products: Annotated[list[str], Field(min_length=1)]
    options: PublicTokenOptions | None = None
    user_token: str | None = None
    user_id: str | None = None


class ExchangePublicToken(Body):
    public_token: str


class UpdateWebhook(OfItem):
    webhook: str | None = None


class AccountsOptions(Loose):
    account_ids: list[str] | None = None


class GetAccounts(OfItem):
    options: AccountsOptions | None = None


class SyncOptions(Loose):
    include_original_description: bool | None = None
    account_id: str | None = None
    days_requested: Annotated[int, Field(ge=1, le=730)] | None = None


class SyncTransactions(OfItem):
    cursor: Annotated[str, Field(max_length=256)] | None = None
    count: Annotated[int, Field(ge=1, le=500)] = 100
    options: SyncOptions | None = None


class GetVerificationKey(Body):
    key_id: str


class FireWebhook(OfItem):
    webhook_code: str
    webhook_type: str | None = None
    options: Loose | None = None


class CustomTransaction(Part):
    date_transacted: date
    date_posted: date
    amount: Decimal
    description: str
    iso_currency_code: str | None = None
    account_id: str | None = None


class CreateTransactions(OfItem):
    transactions: Annotated[list[CustomTransaction], Field(min_length=1, max_length=10)]


class GetInstitution(Body):
    institution_id: str
    country_codes: Annotated[list[str], Field(min_length=1)]
    options: Loose | None = None


class RemoveItem(OfItem):
    reason_code: str | None = None
    reason_note: str | None = None


B = TypeVar("B", bound=BaseModel)


def json_object(raw: bytes) -> JsonObject:
    """The body as an object, with exact numbers. Raises Plaid's 400 for anything else."""
    try:
        parsed = parse_json(raw or b"{}")
    except ValueError as error:
        raise invalid_body(f"body could not be parsed as JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise invalid_body("body must be a JSON object")
    return parsed


def read(body: JsonObject, model: type[B]) -> B:
    """`body` as a model. Raises Plaid's 400 naming the fields that are missing, unknown or wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    missing = [_where(each) for each in problems if each["type"] == "missing"]
    if missing:
        raise missing_fields(missing)
    unknown = [_where(each) for each in problems if each["type"] == "extra_forbidden"]
    if unknown:
        raise unknown_fields(unknown)
    raise invalid_field(f"{_where(problems[0])}: {problems[0]['msg']}")


def _where(problem: Any) -> str:
    return ".".join(str(step) for step in problem["loc"])
