"""Typed Plaid calls: one method per endpoint, each answer checked field by field.

Belongs here: requests, answers. Does not belong here: how a sync goes (`source`), what a line means
(`reading`), who sent a webhook (`signature`).
"""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.payments.plaid.config import API_VERSION, SYNC_BUCKET, PlaidClientSettings
from integration_pipeline.payments.plaid.errors import PLAID_FAILURES
from integration_pipeline.transport.client import HeaderAuth, RetryPolicy, TimeLimits, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.rate_limit import RateLimiter
from integration_pipeline.transport.shapes import Json


@dataclass(frozen=True, slots=True)
class Granted:
    """Access to a bank, as somebody granted it in Link. The token does not expire."""

    access_token: SecretStr
    item_id: str


@dataclass(frozen=True, slots=True)
class SyncPage:
    """One page of changes. `ready`: Plaid has read the bank's history at least in part."""

    added: list[Json]
    modified: list[Json]
    removed: list[str]
    next_cursor: str
    has_more: bool
    ready: bool


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account of an item; `mask` are the last digits of its number."""

    id: str
    name: str
    mask: str | None
    currency: str | None


class PlaidApi:
    """The calls this pipeline makes. Whatever goes wrong at Plaid is one of the transport's failures."""

    def __init__(self, client: VendorClient) -> None:
        self._client = client

    def sync(self, access_token: SecretStr, cursor: str | None, count: int) -> SyncPage:
        """Up to `count` changes since `cursor`; None is the beginning. Raises `MutatedDuringSync`."""
        body: JsonObject = {
            "access_token": access_token.get_secret_value(),
            "count": count,
            "options": {"include_original_description": True},
            **({"cursor": cursor} if cursor else {}),
        }
        answer = self._read("/transactions/sync", "transactions.sync", body, bucket=SYNC_BUCKET)
        return SyncPage(
            added=answer.field("added").items(),
            modified=answer.field("modified").items(),
            removed=[each.field("transaction_id").identifier() for each in answer.field("removed").items()],
            next_cursor=answer.field("next_cursor").text(),
            has_more=answer.field("has_more").flag(),
            ready=answer.field("transactions_update_status").text() != "NOT_READY",
        )

    def accounts(self, access_token: SecretStr) -> list[BankAccount]:
        answer = self._read(
            "/accounts/get", "accounts.get", {"access_token": access_token.get_secret_value()}
        )
        return [
            BankAccount(
                each.field("account_id").identifier(),
                each.field("name").text(),
                mask.text() if (mask := each.optional("mask")) else None,
                code.text() if (code := each.field("balances").optional("iso_currency_code")) else None,
            )
            for each in answer.field("accounts").items()
        ]

    def verification_key(self, key_id: str) -> Json:
        """The public key (a JWK) with which a webhook was signed."""
        return self._read(
            "/webhook_verification_key/get", "webhook_verification_key.get", {"key_id": key_id}
        ).field("key")

    def exchange(self, public_token: str) -> Granted:
        """What Link handed out, for an access token; it can be exchanged once.

        Raises `Uncertain` if no answer came: then Link has to be gone through again.
        """
        answer = self._client.write(
            "POST",
            "/item/public_token/exchange",
            operation="public_token.exchange",
            json={"public_token": public_token},
            confidential=True,
        ).json()
        token = SecretStr(answer.field("access_token").text())
        return Granted(token, answer.field("item_id").identifier())

    def _read(self, path: str, operation: str, body: JsonObject, *, bucket: str | None = None) -> Json:
        return self._client.read("POST", path, operation=operation, json=body, bucket=bucket).json()


def connect(
    settings: PlaidClientSettings,
    *,
    limiter: Limiter | None = None,
    retries: RetryPolicy | None = None,
    time_limits: TimeLimits | None = None,
    registry: CollectorRegistry = REGISTRY,
    clock: Clock | None = None,
) -> VendorClient:
    """A client that sends the credentials in Plaid's headers; close it."""
    return VendorClient(
        "plaid",
        settings.base_url,
        auth=HeaderAuth({"PLAID-CLIENT-ID": SecretStr(settings.client_id), "PLAID-SECRET": settings.secret}),
        headers={"Plaid-Version": API_VERSION},
        failures=PLAID_FAILURES,
        limiter=limiter or RateLimiter(settings.windows(), clock),
        retries=retries,
        time_limits=time_limits,
        registry=registry,
        clock=clock,
    )
