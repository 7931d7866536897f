"""What the OAuth of each vendor is like: addresses, lifetimes, what renewing does to the old token.

Belongs here: documented facts, and the app registered with the vendor. Does not belong here: calls.
Sources: Intuit, "Set up OAuth 2.0" and "Important changes to refresh token policy"; Xero, "The standard
authorization code flow" and "Token types", and its OpenAPI description of the identity service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import SecretStr

from integration_pipeline.transport.addresses import is_encrypted_or_local


class Vendor(StrEnum):
    """Whom tokens rotate with. Vendors with fixed keys are not among them."""

    QUICKBOOKS = "quickbooks"
    XERO = "xero"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Absolute addresses, encrypted unless on this machine. `api` is where the granted accounts are found."""

    authorize: str
    token: str
    revoke: str
    api: str

    def __post_init__(self) -> None:
        for name in ("authorize", "token", "revoke", "api"):
            url: str = getattr(self, name)
            parts = urlsplit(url)
            if not is_encrypted_or_local(url) or parts.query or parts.fragment:
                raise ValueError(
                    f"the {name} address {url!r} must be https, or http on this machine, without a query: "
                    "secrets travel with it"
                )


@dataclass(frozen=True, slots=True)
class VendorOAuth:
    """One vendor's rules. `title` is its name for people."""

    vendor: Vendor
    title: str
    endpoints: Endpoints
    scopes: tuple[str, ...]
    account_parameter: str | None
    """The parameter of the callback that names the account; without one the accounts are asked for."""
    takes_pkce: bool
    refresh_lifetime: timedelta
    """How long a refresh token lasts unused, where the answer does not say."""
    grace: timedelta
    """How long the refresh token before the newest may be sent again."""
    revokes_by_json: bool
    """Whether the revocation endpoint reads JSON, instead of the form that RFC 7009 describes."""
    token_headers: tuple[tuple[str, str], ...] = ()


QUICKBOOKS = VendorOAuth(
    vendor=Vendor.QUICKBOOKS,
    title="QuickBooks Online",
    endpoints=Endpoints(
        authorize="https://appcenter.intuit.com/connect/oauth2",
        token="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",  # noqa: S106 - an address
        revoke="https://developer.api.intuit.com/v2/oauth2/tokens/revoke",
        api="https://quickbooks.api.intuit.com",
    ),
    scopes=("com.intuit.quickbooks.accounting",),
    account_parameter="realmId",
    # Intuit documents none, and its own libraries send none.
    takes_pkce=False,
    refresh_lifetime=timedelta(days=100),
    # The value changes about every 24 hours, and the one before is dead at once.
    grace=timedelta(0),
    revokes_by_json=True,
    # Since 2025 a connection ends after five years at the latest; only this header makes Intuit say when.
    token_headers=(("x-include-refresh-token-hard-expires-in", "true"),),
)

XERO = VendorOAuth(
    vendor=Vendor.XERO,
    title="Xero",
    endpoints=Endpoints(
        authorize="https://login.xero.com/identity/connect/authorize",
        token="https://identity.xero.com/connect/token",  # noqa: S106 - an address
        revoke="https://identity.xero.com/connect/revocation",
        api="https://api.xero.com",
    ),
    # Without `offline_access` there is no refresh token.
    scopes=(
        "offline_access",
        "accounting.invoices",
        "accounting.payments",
        "accounting.banktransactions",
        "accounting.manualjournals",
        "accounting.contacts",
        "accounting.settings",
    ),
    account_parameter=None,
    takes_pkce=True,
    refresh_lifetime=timedelta(days=60),
    grace=timedelta(minutes=30),
    revokes_by_json=False,
)

VENDORS: Mapping[Vendor, VendorOAuth] = MappingProxyType({each.vendor: each for each in (QUICKBOOKS, XERO)})


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """An app registered with a vendor, under that vendor's rules."""

    oauth: VendorOAuth
    client_id: str
    client_secret: SecretStr

    @property
    def vendor(self) -> Vendor:
        return self.oauth.vendor

    @property
    def endpoints(self) -> Endpoints:
        return self.oauth.endpoints

    def at(self, **addresses: str | None) -> OAuthApp:
        """The same app at other addresses, such as a sandbox's; None leaves one as it is."""
        given = {name: url.rstrip("/") for name, url in addresses.items() if url is not None}
        return replace(self, oauth=replace(self.oauth, endpoints=replace(self.endpoints, **given)))

    def asking_for(self, scopes: str | None) -> OAuthApp:
        """The same app with other scopes, separated by spaces; None leaves them as they are."""
        return (
            self if scopes is None else replace(self, oauth=replace(self.oauth, scopes=tuple(scopes.split())))
        )
