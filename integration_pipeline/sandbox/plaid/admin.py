"""Endpoints Plaid does not have, under `/_sandbox/`: what happens at the bank, limits, keys, sums."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.plaid.bank import Bank
from integration_pipeline.sandbox.plaid.endpoints import Plaid
from integration_pipeline.sandbox.plaid.items import Item, Items, NewAccount, UnknownRecord
from integration_pipeline.sandbox.plaid.limits import Limits
from integration_pipeline.sandbox.plaid.lines import Line
from integration_pipeline.sandbox.told import ADMIN_ROOT, Refused, told
from integration_pipeline.transport.json_types import dump_json, parse_json

M = TypeVar("M", bound=BaseModel)


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenAccount(_Told):
    name: str = "Operating Account"
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    type: Literal["depository", "credit"] = "depository"
    subtype: str = "checking"
    mask: str = "0000"
    balance: Decimal = Decimal(0)


class OpenItem(_Told):
    """A login at the bank, as if somebody had gone through Link."""

    institution_id: str = "ins_109508"
    products: tuple[str, ...] = ("transactions",)
    accounts: Annotated[tuple[OpenAccount, ...], Field(min_length=1)] = (OpenAccount(),)
    webhook: str | None = None


class NewLines(_Told):
    """Lines of an account: the first of the newest item unless named. Amounts as numbers or as text."""

    item_id: str | None = None
    account_id: str | None = None
    lines: tuple[Line, ...]


class Settled(_Told):
    """A pending line is posted, perhaps with another amount; `forget_pending` gives no link to it."""

    forget_pending: bool = False
    changes: dict[str, Any] = Field(default_factory=dict)


class Modified(_Told):
    changes: dict[str, Any]


class PlannedMutations(_Told):
    """So many requests that continue a sync are refused as if transactions had changed meanwhile."""

    mutations: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Admin:
    """They need the admin key, count against no limit and meet no fault."""

    plaid: Plaid

    @property
    def _bank(self) -> Bank:
        return self.plaid.bank

    @property
    def _items(self) -> Items:
        return self.plaid.bank.items

    def routes(self) -> list[Route]:
        table: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("POST", "/items", self.open_item),
            ("GET", "/items", self.items),
            ("POST", "/items/{id}/break_login", self.break_login),
            ("POST", "/items/{id}/repair_login", self.repair_login),
            ("POST", "/transactions", self.add),
            ("POST", "/transactions/{id}/post", self.settle),
            ("PATCH", "/transactions/{id}", self.modify),
            ("DELETE", "/transactions/{id}", self.remove),
            ("PUT", "/sync", self.plan_mutations),
            ("POST", "/verification_keys", self.rotate),
            ("PUT", "/limits", self.put_limits),
            ("GET", "/totals", self.totals),
            ("POST", "/reset", self.reset),
        ]
        return [Route(f"{ADMIN_ROOT}{path}", handler, methods=[method]) for method, path, handler in table]

    async def open_item(self, request: Request) -> Response:
        """`POST /_sandbox/items`: its `access_token`, `public_token`, `item_id`, `accounts`."""
        new = await told(request, OpenItem)
        accounts = [NewAccount(**each.model_dump()) for each in new.accounts]
        item, public_token = self._items.open_item(new.institution_id, new.products, accounts, new.webhook)
        return _shown({**self._item(item), "public_token": public_token})

    async def items(self, _: Request) -> Response:
        """`GET /_sandbox/items`"""
        return _shown({"items": [self._item(each) for each in self._items.items()]})

    async def break_login(self, request: Request) -> Response:
        """`POST /_sandbox/items/{id}/break_login`: ITEM_LOGIN_REQUIRED from now on."""
        self._items.break_login(_found(self._items.item, request))
        return Response(status_code=204)

    async def repair_login(self, request: Request) -> Response:
        """`POST /_sandbox/items/{id}/repair_login`"""
        self._items.repair_login(_found(self._items.item, request))
        return Response(status_code=204)

    async def add(self, request: Request) -> Response:
        """`POST /_sandbox/transactions`: the transactions as Plaid will show them."""
        new = await _exactly(request, NewLines)
        try:
            added = self._bank.add(self._items.item(new.item_id), new.account_id, new.lines)
        except UnknownRecord as error:
            raise Refused(str(error)) from None
        return _shown({"transactions": added})

    async def settle(self, request: Request) -> Response:
        """`POST /_sandbox/transactions/{id}/post`: the posted transaction."""
        how = await _exactly(request, Settled)
        return _shown(
            _found(
                lambda each: self._bank.settle(each, how.changes, forget_pending=how.forget_pending), request
            )
        )

    async def modify(self, request: Request) -> Response:
        """`PATCH /_sandbox/transactions/{id}`: `{"changes": {"name": …}}`."""
        how = await _exactly(request, Modified)
        return _shown(_found(lambda each: self._bank.modify(each, how.changes), request))

    async def remove(self, request: Request) -> Response:
        """`DELETE /_sandbox/transactions/{id}`: the bank takes it back."""
        _found(self._bank.remove, request)
        return Response(status_code=204)

    async def plan_mutations(self, request: Request) -> Response:
        """`PUT /_sandbox/sync`: `{"mutations": 2}`."""
        self.plaid.mutations.planned = (await told(request, PlannedMutations)).mutations
        return JSONResponse({"mutations": self.plaid.mutations.planned})

    async def rotate(self, _: Request) -> Response:
        """`POST /_sandbox/verification_keys`: webhooks are signed with a new key from now on."""
        return _shown(self.plaid.keys.rotate().public())

    async def put_limits(self, request: Request) -> Response:
        """`PUT /_sandbox/limits`: those named change; `null` switches one off."""
        limits = await told(request, Limits)
        changed = self.plaid.limiter.limits.model_copy(update=limits.model_dump(exclude_unset=True))
        self.plaid.limiter.change(changed)
        return JSONResponse(changed.model_dump())

    async def totals(self, _: Request) -> Response:
        """`GET /_sandbox/totals`: posted lines by account and currency: count and sum."""
        return _shown({"totals": self._bank.totals()})

    async def reset(self, _: Request) -> Response:
        """`POST /_sandbox/reset`: no items any more; keys, limits and faults stay."""
        self._items.reset()
        return Response(status_code=204)

    def _item(self, item: Item) -> dict[str, Any]:
        return {
            "item_id": item.item_id,
            "access_token": item.access_token,
            "accounts": self._items.accounts(item),
            "login_required": item.login_required,
            "webhook": item.webhook,
        }


T = TypeVar("T")


def _found(act: Callable[[str], T], request: Request) -> T:
    try:
        return act(request.path_params["id"])
    except UnknownRecord as error:
        raise Refused(str(error)) from None
    except ValidationError as error:
        raise Refused(_first(error)) from None


async def _exactly(request: Request, model: type[M]) -> M:
    """Like `told`, with amounts to the last digit."""
    try:
        return model.model_validate(parse_json(await request.body() or b"{}"))
    except ValidationError as error:
        raise Refused(_first(error)) from None
    except ValueError as error:
        raise Refused(f"the body is no JSON: {error}") from None


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(step) for step in problem["loc"]) or "the body"
    return f"{where}: {problem['msg']}"


def _shown(body: dict[str, Any]) -> Response:
    return Response(dump_json(body), media_type="application/json")
