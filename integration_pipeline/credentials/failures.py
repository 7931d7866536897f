"""What keeps a connection from giving a token, by what to do about it.

Belongs here: these recovery classes. Does not belong here: failures of the calls that the tokens are for.
All of them are `VendorFailure`s raised before the request was sent (or after a 401, which did nothing): a
write that met one has certainly not happened. None carries a token.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from integration_pipeline.credentials.vendors import OAuthApp, Vendor
from integration_pipeline.transport.failures import Attempted, Rejected, Transient, Unauthorized


class RefreshPostponed(Transient):
    """No token just now: the vendor, the network or the database does not answer. Others will try again."""


class ConnectionUnusable(Unauthorized):
    """No token until a person does something; the message says what."""


class NotConnected(ConnectionUnusable):
    """Nobody connected this account, or somebody disconnected it."""


class BrokenConnection(ConnectionUnusable):
    """The vendor takes the refresh token no more."""


class OtherApp(ConnectionUnusable):
    """The connection was made with another app or at another address than the settings name."""


class Unreadable(ConnectionUnusable):
    """The stored tokens cannot be deciphered."""


class ConsentFailed(ConnectionUnusable):
    """A person or the vendor did not give what a connection needs."""


class InvalidGrant(Rejected):
    """The token endpoint's `invalid_grant`: this code or refresh token is used up, expired or revoked."""


def attempted(app: OAuthApp, url: str, method: str = "POST") -> Attempted:
    """The call a failure speaks of."""
    return Attempted(app.vendor.value, method, urlsplit(url).path or "/", is_write=method != "GET")


def not_connected(vendor: Vendor, account: str) -> NotConnected:
    return NotConnected(_token(vendor), f"has no connection for account {account}", _connect(vendor))


def broken(vendor: Vendor, why: str) -> BrokenConnection:
    """Only a person's consent at the vendor gives new tokens."""
    return BrokenConnection(_token(vendor), f"is disconnected: {why}", _connect(vendor))


def no_app(vendor: Vendor) -> OtherApp:
    name = vendor.value.upper()
    action = f"Set {name}_CLIENT_ID and {name}_CLIENT_SECRET."
    return OtherApp(_token(vendor), "cannot be used: the settings name no app", action)


def other_app(vendor: Vendor, client_id: str, token_url: str) -> OtherApp:
    """Sending a refresh token of one app as another, or elsewhere, would end the connection."""
    problem = f"was connected with the app {client_id} at {token_url}, and the settings name another"
    return OtherApp(_token(vendor), problem, f"Correct the settings, or connect anew. {_connect(vendor)}")


def unreadable(vendor: Vendor, why: str) -> Unreadable:
    action = f"Put the missing key back into CREDENTIALS_KEYS, or connect anew. {_connect(vendor)}"
    return Unreadable(_token(vendor), f"has a stored token that cannot be read: {why}", action)


def postponed(vendor: Vendor, problem: str) -> RefreshPostponed:
    return RefreshPostponed(_token(vendor), problem, "Nothing was sent; try again shortly.")


def _token(vendor: Vendor) -> Attempted:
    return Attempted(vendor.value, "POST", "(token)", is_write=False)


def _connect(vendor: Vendor) -> str:
    return f"Run `integration-pipeline connect {vendor.value}`, and let somebody of that account consent."
