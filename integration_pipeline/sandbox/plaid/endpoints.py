"""Plaid's endpoints, all of them POST: credentials and limits first, then what each does."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integration_pipeline.sandbox.plaid import bodies
from integration_pipeline.sandbox.plaid.bank import Bank
from integration_pipeline.sandbox.plaid.bodies import json_object, read
from integration_pipeline.sandbox.plaid.errors import (
    PlaidError,
    invalid_api_keys,
    invalid_field,
    limited,
    missing_fields,
)
from integration_pipeline.sandbox.plaid.ids import new_request_id
from integration_pipeline.sandbox.plaid.items import Item, Items, NewAccount
from integration_pipeline.sandbox.plaid.keys import KeyRing
from integration_pipeline.sandbox.plaid.limits import RateLimiter
from integration_pipeline.sandbox.plaid.lines import Body, Line
from integration_pipeline.sandbox.plaid.sync import Mutations, page
from integration_pipeline.transport.json_types import JsonObject, dump_json

B = TypeVar("B", bound=BaseModel)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plaid:
    """What serves requests of one client."""

    bank: Bank
    keys: KeyRing
    limiter: RateLimiter
    mutations: Mutations
    client_id: str
    secret: SecretStr

    @property
    def _items(self) -> Items:
        return self.bank.items

    def routes(self) -> list[Route]:
        table: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
            ("/sandbox/public_token/create", self._on(bodies.CreatePublicToken, self.create_public_token)),
            ("/sandbox/item/fire_webhook", self._on(bodies.FireWebhook, self.fire_webhook)),
            ("/sandbox/item/reset_login", self._on(bodies.OfItem, self.reset_login)),
            ("/sandbox/transactions/create", self._on(bodies.CreateTransactions, self.create_transactions)),
            ("/item/public_token/exchange", self._on(bodies.ExchangePublicToken, self.exchange)),
            ("/item/get", self._on(bodies.OfItem, self.get_item)),
            ("/item/remove", self._on(bodies.RemoveItem, self.remove_item)),
            ("/item/webhook/update", self._on(bodies.UpdateWebhook, self.update_webhook)),
            ("/accounts/get", self._on(bodies.GetAccounts, self.get_accounts)),
            ("/accounts/balance/get", self._on(bodies.GetAccounts, self.get_accounts)),
            ("/institutions/get_by_id", self._on(bodies.GetInstitution, self.get_institution)),
            ("/transactions/sync", self._on(bodies.SyncTransactions, self.sync)),
            ("/transactions/refresh", self._on(bodies.OfItem, self.refresh)),
            ("/webhook_verification_key/get", self._on(bodies.GetVerificationKey, self.verification_key)),
        ]
        return [Route(path, handler, methods=["POST"]) for path, handler in table]

    def create_public_token(self, body: bodies.CreatePublicToken) -> Body:
        webhook = body.options.webhook if body.options else None
        _, public_token = self._items.open_item(
            body.institution_id, body.initial_products, [NewAccount()], webhook
        )
        return {"public_token": public_token}

    def exchange(self, body: bodies.ExchangePublicToken) -> Body:
        item = self._items.exchange(body.public_token)
        return {"access_token": item.access_token, "item_id": item.item_id}

    def get_item(self, body: bodies.OfItem) -> Body:
        return {"item": self._shown(self._items.of_token(body.access_token)), "status": None}

    def remove_item(self, body: bodies.RemoveItem) -> Body:
        self._items.remove_item(self._items.of_token(body.access_token))
        return {}

    def update_webhook(self, body: bodies.UpdateWebhook) -> Body:
        return {
            "item": self._shown(
                self._items.set_webhook(self._items.of_token(body.access_token), body.webhook)
            )
        }

    def get_accounts(self, body: bodies.GetAccounts) -> Body:
        item = self._usable(body.access_token)
        accounts = self._items.accounts(item)
        wanted = body.options.account_ids if body.options else None
        if wanted is not None:
            unknown = set(wanted) - {each["account_id"] for each in accounts}
            if unknown:
                raise invalid_field("one or more of the account IDs is invalid")
            accounts = [each for each in accounts if each["account_id"] in wanted]
        return {"accounts": accounts, "item": self._shown(item)}

    def get_institution(self, body: bodies.GetInstitution) -> Body:
        return {
            "institution": {
                "country_codes": body.country_codes,
                "dtc_numbers": [],
                "institution_id": body.institution_id,
                "name": "First Sandbox Bank",
                "oauth": False,
                "products": ["transactions"],
                "routing_numbers": [],
            }
        }

    def sync(self, body: bodies.SyncTransactions) -> Body:
        item = self._usable(body.access_token)
        exceeded = self.limiter.admit_sync(item.item_id)
        if exceeded is not None:
            raise limited(exceeded)
        options = body.options or bodies.SyncOptions()
        return page(
            self.bank,
            self.mutations,
            item,
            body.cursor or "",
            body.count,
            account_id=options.account_id,
            with_original_description=bool(options.include_original_description),
        )

    def refresh(self, body: bodies.OfItem) -> Body:
        self.bank.tell_of_updates(self._usable(body.access_token), 0)
        return {}

    def verification_key(self, body: bodies.GetVerificationKey) -> Body:
        return {"key": self.keys.known(body.key_id).public()}

    def fire_webhook(self, body: bodies.FireWebhook) -> Body:
        item = self._items.of_token(body.access_token)
        if body.webhook_code not in ("SYNC_UPDATES_AVAILABLE", "DEFAULT_UPDATE"):
            raise invalid_field(f"webhook_code {body.webhook_code} is not served by this sandbox")
        self.bank.tell_of_updates(item, 0)
        return {"webhook_fired": True}

    def reset_login(self, body: bodies.OfItem) -> Body:
        self._items.break_login(self._items.of_token(body.access_token))
        return {"reset_login": True}

    def create_transactions(self, body: bodies.CreateTransactions) -> Body:
        item = self._usable(body.access_token)
        for each in body.transactions:
            line = Line(
                amount=each.amount,
                date=each.date_posted,
                authorized_date=each.date_transacted,
                name=each.description,
                original_description=each.description,
                currency=each.iso_currency_code,
            )
            self.bank.add(item, each.account_id, [line])
        return {}

    def _usable(self, access_token: str) -> Item:
        """The item, unless its bank wants a new login."""
        item = self._items.of_token(access_token)
        if item.error is not None:
            raise item.error
        return item

    def _shown(self, item: Item) -> Body:
        created = _EPOCH + timedelta(milliseconds=item.created_ms)
        return {
            "auth_method": None,
            "available_products": ["balance"],
            "billed_products": item.products,
            "consent_expiration_time": None,
            "created_at": created.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "error": item.error and item.error.told(),
            "institution_id": item.institution_id,
            "institution_name": "First Sandbox Bank",
            "item_id": item.item_id,
            "products": item.products,
            "update_type": "background",
            "webhook": item.webhook,
        }

    def _on(
        self, model: type[B], handle: Callable[[B], dict[str, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            raw = await request.body()
            try:
                body = json_object(raw)
                self._require_client(request, body)
                exceeded = self.limiter.admit()
                if exceeded is not None:
                    raise limited(exceeded)
                answer = handle(read(body, model))
            except PlaidError as error:
                return error.response()
            told = dump_json({**answer, "request_id": new_request_id()})
            return Response(told, media_type="application/json")

        return serve

    def _require_client(self, request: Request, body: JsonObject) -> None:
        given = {
            "client_id": request.headers.get("plaid-client-id") or body.get("client_id"),
            "secret": request.headers.get("plaid-secret") or body.get("secret"),
        }
        absent = [name for name, value in given.items() if not value]
        if absent:
            raise missing_fields(absent)
        right = (
            secrets.compare_digest(str(given["client_id"]).encode(), self.client_id.encode()),
            secrets.compare_digest(str(given["secret"]).encode(), self.secret.get_secret_value().encode()),
        )
        if not all(right):
            raise invalid_api_keys()
