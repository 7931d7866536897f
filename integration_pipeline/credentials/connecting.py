"""The beginning and the end of a connection, and the replacing of the key it is sealed with.

Belongs here: what a person asks for once in a while. Does not belong here: tokens in daily use
(`connections`).
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection

from integration_pipeline.credentials import storage
from integration_pipeline.credentials.accounts import Account, accounts, remove
from integration_pipeline.credentials.auth import ConnectionAuth
from integration_pipeline.credentials.connections import Connections
from integration_pipeline.credentials.consent import Callback
from integration_pipeline.credentials.failures import ConsentFailed, attempted
from integration_pipeline.credentials.rows import ConnectionRow, State, TokenSet, first_token_set
from integration_pipeline.credentials.storage import Event
from integration_pipeline.credentials.tokens import TokenEndpoint
from integration_pipeline.credentials.vendors import OAuthApp, Vendor
from integration_pipeline.transport.client import BearerAuth


@dataclass(frozen=True, slots=True)
class Resealed:
    """Token sets that are now under the newest key, and those that already were."""

    changed: int
    unchanged: int


def connect(connections: Connections, vendor: Vendor, callback: Callback) -> list[Account]:
    """Exchange a code, and store the tokens for every account that they open.

    An account that was connected before now uses the new tokens. The old ones are forgotten and not revoked:
    with both vendors revoking them would end the new consent as well.
    """
    tools = connections.refresher
    app = tools.app(vendor)
    asked_at = tools.now()
    granted = TokenEndpoint(app).exchange(callback.code, callback.redirect_uri, callback.verifier)
    if granted.refresh_token is None:
        raise _failed(app, "gave no refresh token", "Ask for its scope: offline_access.")
    found = accounts(app, BearerAuth(granted.access_token), callback.account)
    if not found:
        raise _failed(app, "opened no organisation", "Consent again, and choose at least one organisation.")
    row = first_token_set(uuid4(), app, granted, granted.refresh_token, tools.keys, asked_at)
    with tools.engine.begin() as transaction:
        storage.add(transaction, row)
        for each in found:
            storage.connect(transaction, row.id, vendor, each.id, each.name, each.remote_id)
            connections.forget(vendor, each.id)
        storage.forget_unused(transaction)
        opened = ", ".join(f"{each.id} ({each.name})" for each in found)
        storage.note(transaction, vendor, row.id, row.generation, Event.CONNECTED, opened)
    return found


def check(connections: Connections, row: ConnectionRow) -> str:
    """Call the vendor with this connection's token; answers the account's name there.

    One that counts as broken is given another chance. Raises `VendorFailure` if the vendor does not know it.
    """
    if row.state is State.BROKEN:
        connections.refresh(row.vendor, row.account)
    app = connections.refresher.app(row.vendor)
    auth = ConnectionAuth(connections, row.vendor, row.account)
    named = {each.id: each.name for each in accounts(app, auth, row.account)}
    if row.account not in named:
        raise _failed(app, f"does not list {row.label}", "Connect it again.")
    return named[row.account]


def disconnect(connections: Connections, row: ConnectionRow, *, tell_vendor: bool = True) -> None:
    """End a connection here and at the vendor; the last account of a consent ends the consent.

    If the vendor cannot be told, nothing is changed. `tell_vendor=False` only forgets it here.
    """
    tools = connections.refresher
    if tell_vendor:
        current = tools.stored(row.vendor, row.account)
        with tools.engine.connect() as connection:
            last = storage.accounts_of(connection, current.id) == 1
        if not last:
            auth = ConnectionAuth(connections, row.vendor, row.account)
            remove(tools.app(row.vendor), auth, Account(row.account, row.name, row.remote_id))
    with tools.engine.begin() as transaction:
        current = storage.lock(transaction, row.token_set_id)
        if current is None:
            return
        if tell_vendor and storage.accounts_of(transaction, current.id) == 1:
            TokenEndpoint(tools.app(row.vendor)).revoke(tools.opened(current, "refresh_token"))
        storage.disconnect(transaction, row.vendor, row.account)
        storage.forget_unused(transaction)
        detail = f"{row.account} ({row.name}){'' if tell_vendor else ', the vendor was not told'}"
        storage.note(transaction, row.vendor, current.id, current.generation, Event.DISCONNECTED, detail)
    connections.forget(row.vendor, row.account)


def reseal(connections: Connections) -> Resealed:
    """Put every secret under the newest key; then the older ones may go. Safe while others work."""
    tools = connections.refresher
    with tools.engine.connect() as connection:
        ids = storage.every_token_set(connection)
    changed = 0
    for id_ in ids:
        with tools.engine.begin() as transaction:
            current = storage.lock(transaction, id_)
            if current is not None and current.key_id != tools.keys.newest:
                _resealed(transaction, current, connections)
                changed += 1
    return Resealed(changed, len(ids) - changed)


def _resealed(transaction: Connection, current: TokenSet, connections: Connections) -> None:
    tools = connections.refresher
    previous = None
    if current.previous_refresh_token is not None:
        previous = tools.opened(current, "previous_refresh_token")
    renewed = current.sealed(
        tools.keys,
        access_token=tools.opened(current, "access_token"),
        refresh_token=tools.opened(current, "refresh_token"),
        previous_refresh_token=previous,
    )
    storage.store(transaction, renewed)
    detail = f"from {current.key_id} to {renewed.key_id}"
    storage.note(transaction, current.vendor, current.id, current.generation, Event.KEY_REPLACED, detail)


def _failed(app: OAuthApp, problem: str, action: str) -> ConsentFailed:
    return ConsentFailed(attempted(app, app.endpoints.token), problem, action)
