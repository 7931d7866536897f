"""Which accounts a consent opens, by what name people know them, and how to give one back.

Belongs here: the three calls that a connection itself needs. Does not belong here: accounting.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx

from integration_pipeline.credentials.vendors import OAuthApp, Vendor
from integration_pipeline.transport.client import RetryPolicy, VendorClient
from integration_pipeline.transport.failures import NotFound, clean

_RETRIES = RetryPolicy(attempts=3, total_seconds=20.0)
_ORGANISATION = "ORGANISATION"


@dataclass(frozen=True, slots=True)
class Account:
    """One account: QuickBooks' company by its realm id, Xero's organisation by its tenant id.

    `remote_id` is Xero's id of the connection between the app and the organisation.
    """

    id: str
    name: str
    remote_id: str | None = None


def accounts(app: OAuthApp, auth: httpx.Auth, named: str | None) -> list[Account]:
    """What this token opens. `named` is the account that the callback named.

    Raises `VendorFailure`s: for an account that the token does not open `Unauthorized` or `NotFound`.
    """
    if app.vendor is Vendor.XERO:
        return _organisations(app, auth)
    return [_company(app, auth, named or "")]


def remove(app: OAuthApp, auth: httpx.Auth, account: Account) -> None:
    """Give one of several organisations back; the others stay connected. One that is gone is no fault."""
    with _client(app, auth) as client:
        try:
            client.write(
                "DELETE", f"/connections/{_quoted(account.remote_id or '')}", operation="remove_connection"
            )
        except NotFound:
            return


def _company(app: OAuthApp, auth: httpx.Auth, realm: str) -> Account:
    company = _quoted(realm)
    with _client(app, auth) as client:
        reply = client.read(
            "GET",
            f"/v3/company/{company}/companyinfo/{company}",
            operation="company_info",
            params={"minorversion": "75"},
        )
    return Account(realm, clean(reply.json().field("CompanyInfo").field("CompanyName").text()))


def _organisations(app: OAuthApp, auth: httpx.Auth) -> list[Account]:
    with _client(app, auth) as client:
        listed = client.read("GET", "/connections", operation="connections").json().items()
    return [
        Account(
            each.field("tenantId").identifier(),
            clean(each.field("tenantName").text()),
            each.field("id").identifier(),
        )
        for each in listed
        # Others are practices and the like, which have no books.
        if each.field("tenantType").value == _ORGANISATION
    ]


def _client(app: OAuthApp, auth: httpx.Auth) -> VendorClient:
    return VendorClient(
        app.vendor.value,
        app.endpoints.api,
        auth=auth,
        retries=_RETRIES,
        max_answer_bytes=1_000_000,
        max_connections=1,
    )


def _quoted(identifier: str) -> str:
    return quote(identifier, safe="")
