"""Endpoints Xero does not have, under `/_sandbox/`: sign in without a browser, fill, look into, change.

A person at work in Xero's pages is imitated by `seed` and `edit`: what they write belongs to no app, keeps
Xero's rules and is told by webhooks.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.exact_json import dump, parse
from integration_pipeline.sandbox.told import ADMIN_ROOT, Refused, told
from integration_pipeline.sandbox.xero import (
    bank_transactions,
    contacts,
    credit_notes,
    invoices,
    items,
    manual_journals,
    payments,
    settings,
)
from integration_pipeline.sandbox.xero.calls import Act, Endpoint, in_person
from integration_pipeline.sandbox.xero.errors import XeroError
from integration_pipeline.sandbox.xero.fields import as_guid
from integration_pipeline.sandbox.xero.kinds import CONTACTS, CREDIT_NOTES, INVOICES, Kind
from integration_pipeline.sandbox.xero.options import Limits
from integration_pipeline.sandbox.xero.organisation import Organisation
from integration_pipeline.sandbox.xero.state import Xero, xero
from integration_pipeline.sandbox.xero.tokens import GrantError

_SCOPES = "offline_access accounting.transactions accounting.contacts accounting.settings"
# In an order in which nothing refers to what comes later.
_CREATE: dict[str, Endpoint] = {
    "Accounts": settings.create_account,
    "TaxRates": settings.create_tax_rates,
    "Contacts": contacts.create_contacts,
    "Items": items.create_items,
    "Invoices": invoices.create_invoices,
    "CreditNotes": credit_notes.create_credit_notes,
    "Payments": payments.create_payments,
    "ManualJournals": manual_journals.create_manual_journals,
    "BankTransactions": bank_transactions.create_bank_transactions,
}
_CHANGE: dict[str, tuple[Kind | None, Endpoint]] = {
    "Contacts": (CONTACTS, contacts.update_contact),
    "Invoices": (INVOICES, invoices.update_invoice),
    "CreditNotes": (CREDIT_NOTES, credit_notes.update_or_create_credit_notes),
    "Payments": (None, payments.delete_payment),
    "ManualJournals": (None, manual_journals.update_or_create_manual_journals),
    "BankTransactions": (None, bank_transactions.update_or_create_bank_transactions),
}


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _SignIn(_Told):
    client_id: str | None = None
    scope: str = _SCOPES


class _Edit(_Told):
    """`id` is also a number where the kind has one; `changes` are fields of Xero's."""

    tenant: str | None = None
    kind: str
    id: str
    changes: dict[str, Any]


class _Settings(_Told):
    """None switches a lock date off; what is not named stays."""

    tenant: str | None = None
    period_lock_date: date | None = None
    end_of_year_lock_date: date | None = None
    rates: dict[str, Decimal] | None = None


async def sign_in(request: Request) -> Response:
    """`POST /_sandbox/connect` `{"client_id"?, "scope"?}`: tokens as from a sign-in, and the `tenants`."""
    sandbox, asked = xero(request), await told(request, _SignIn)
    app = sandbox.apps.get(asked.client_id or next(iter(sandbox.apps), ""))
    if app is None:
        raise Refused(f"there is no app {asked.client_id!r}; there are {', '.join(sandbox.apps)}")
    try:
        if app.organisation is not None:
            issued = sandbox.tokens.client_credentials(app, asked.scope)
        else:
            code = sandbox.tokens.authorize(app, "", asked.scope, None)
            issued = sandbox.tokens.exchange(app, code, "", None)
    except GrantError as error:
        raise Refused(str(error)) from None
    tenants = [connection.tenant for connection in sandbox.tokens.connections(app)]
    return JSONResponse({**issued, "tenants": tenants})


async def reset(request: Request) -> Response:
    """`POST /_sandbox/reset`: new organisations, nobody signed in."""
    xero(request).reset()
    return Response(status_code=204)


async def totals(request: Request) -> Response:
    """`GET /_sandbox/totals`: `{"totals": [{tenant, kind, type, status, currency, count, total}]}`."""
    rows = xero(request).storage.rows(
        "SELECT tenant, kind, type, status, currency, count(*), sum(total) FROM records"
        " WHERE total IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
    )
    names = ("tenant", "kind", "type", "status", "currency", "count")
    return JSONResponse(
        {
            "totals": [
                {**dict(zip(names, row[:6], strict=True)), "total": f"{Decimal(row[6]).scaleb(-4):.2f}"}
                for row in rows
            ]
        }
    )


async def seed(request: Request) -> Response:
    """`POST /_sandbox/seed`: `{"tenant"?, "Contacts": [...], "Invoices": [...], ...}` as Xero takes them.

    The answer has the same lists as they are now. Nothing is kept if any element is refused.
    """
    sandbox = xero(request)
    asked = _object(await request.body())
    organisation = _organisation(sandbox, asked.pop("tenant", None))
    if unknown := set(asked) - set(_CREATE):
        raise Refused(f"{sorted(unknown)[0]} cannot be seeded; there are {', '.join(_CREATE)}")
    wanted = [plural for plural in _CREATE if plural in asked]
    acts = [Act(_CREATE[plural], {plural: asked[plural]}) for plural in wanted]
    try:
        answers = in_person(sandbox, organisation, acts)
    except XeroError as error:
        return error.response()
    made = {plural: answer[plural] for plural, answer in zip(wanted, answers, strict=True)}
    return Response(dump(made), media_type="application/json")


async def edit(request: Request) -> Response:
    """`POST /_sandbox/edit`: `{"tenant"?, "kind": "Invoices", "id", "changes": {"Status": "VOIDED"}}`."""
    sandbox, asked = xero(request), await told(request, _Edit)
    organisation = _organisation(sandbox, asked.tenant)
    if asked.kind not in _CHANGE:
        raise Refused(f"{asked.kind} cannot be edited; there are {', '.join(_CHANGE)}")
    kind, change = _CHANGE[asked.kind]
    identifier = as_guid(asked.id)
    if identifier is None and kind is not None:
        record = sandbox.records(organisation.id).by_number(kind, asked.id)
        identifier = record.id if record is not None else None
    if identifier is None:
        raise Refused(f"there is no {asked.kind} {asked.id!r} at {organisation.tenant.name}")
    changes = _object(await request.body())["changes"]
    try:
        answer = in_person(sandbox, organisation, [Act(change, changes, {"id": identifier})])[0]
    except XeroError as error:
        return error.response()
    return Response(dump(answer), media_type="application/json")


async def change_settings(request: Request) -> Response:
    """`PUT /_sandbox/organisation`: `{"tenant"?, "period_lock_date"?, "end_of_year_lock_date"?, "rates"?}`"""
    sandbox, asked = xero(request), await told(request, _Settings)
    changes = {name: getattr(asked, name) for name in asked.model_fields_set - {"tenant"}}
    organisation = _organisation(sandbox, asked.tenant)
    organisation.change(**changes)
    return JSONResponse(organisation.settings.model_dump(mode="json"))


async def change_limits(request: Request) -> Response:
    """`PUT /_sandbox/limits`: the limits named, Xero's own for the rest; counting starts anew."""
    limits = await told(request, Limits)
    xero(request).limiter.change(limits)
    return JSONResponse(limits.model_dump())


async def validate_webhooks(request: Request) -> Response:
    """`POST /_sandbox/webhooks/validate`: intent to receive; whether all probes were answered right."""
    sandbox = xero(request)
    return JSONResponse(await sandbox.webhooks.validate())


ROUTES = [
    Route(f"{ADMIN_ROOT}/connect", sign_in, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/reset", reset, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/totals", totals, methods=["GET"]),
    Route(f"{ADMIN_ROOT}/seed", seed, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/edit", edit, methods=["POST"]),
    Route(f"{ADMIN_ROOT}/organisation", change_settings, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/limits", change_limits, methods=["PUT"]),
    Route(f"{ADMIN_ROOT}/webhooks/validate", validate_webhooks, methods=["POST"]),
]


def _organisation(sandbox: Xero, tenant: Any) -> Organisation:
    """The one named, or the first. Raises `Refused`."""
    wanted = next(iter(sandbox.organisations)) if tenant is None else str(tenant)
    found = sandbox.organisations.get(wanted)
    if found is None:
        raise Refused(f"there is no organisation {wanted!r}; there are {', '.join(sandbox.organisations)}")
    return found


def _object(body: bytes) -> dict[str, Any]:
    try:
        read = parse(body)
    except ValueError as error:
        raise Refused(f"the body is no JSON: {error}") from None
    if not isinstance(read, dict):
        raise Refused("the body is no JSON object")
    return read  # pyright: ignore[reportUnknownVariableType] - parsed JSON
