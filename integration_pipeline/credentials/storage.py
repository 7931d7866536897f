"""The statements on token sets, connections and their log.

Belongs here: reading, locking and writing rows. Does not belong here: what a row means (`rows`), when a token
is renewed (`refreshing`), and calls to vendors.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from integration_pipeline.credentials.rows import Because, ConnectionRow, State, TokenSet
from integration_pipeline.credentials.vendors import Vendor
from integration_pipeline.store.tables.credentials import connection_log, connections, token_sets

_PROCESS = socket.gethostname()


class Event(StrEnum):
    """What the log tells of. `REFRESH_SENT` is followed by one of the next three, unless a process died."""

    CONNECTED = "connected"
    REFRESH_SENT = "refresh_sent"
    REFRESHED = "refreshed"
    REFRESH_FAILED = "refresh_failed"
    BROKEN = "broken"
    KEY_REPLACED = "key_replaced"
    DISCONNECTED = "disconnected"


def bound_waiting(transaction: Connection, *, lock_seconds: int, idle_seconds: int) -> None:
    """Limits of a transaction that holds a token set's lock while a vendor answers.

    Waiters give up after `lock_seconds`. Should the holder's machine lose its power, the server lets go after
    `idle_seconds`. And what is committed here is on disk: these tokens exist nowhere else.
    """
    settings = {
        "lock_timeout": f"{lock_seconds}s",
        "idle_in_transaction_session_timeout": f"{idle_seconds}s",
        "synchronous_commit": "on",
    }
    for name, value in settings.items():
        transaction.execute(select(func.set_config(name, value, True)))


def read(connection: Connection, vendor: Vendor, account: str) -> TokenSet | None:
    """The token set of an account, as committed."""
    found = connection.execute(
        select(token_sets)
        .join(connections, connections.c.token_set_id == token_sets.c.id)
        .where(connections.c.vendor == vendor, connections.c.account == account)
    ).one_or_none()
    return None if found is None else _token_set(found)


def lock(transaction: Connection, token_set: UUID) -> TokenSet | None:
    """The row, locked until the transaction ends; None if it is gone.

    Not `FOR UPDATE`: that would also block a connection being recorded against this row.
    """
    found = transaction.execute(
        select(token_sets).where(token_sets.c.id == token_set).with_for_update(key_share=True)
    ).one_or_none()
    return None if found is None else _token_set(found)


def add(transaction: Connection, token_set: TokenSet) -> None:
    transaction.execute(insert(token_sets).values(_columns(token_set)))


def store(transaction: Connection, token_set: TokenSet) -> None:
    """Write a row that this transaction has locked."""
    transaction.execute(update(token_sets).where(token_sets.c.id == token_set.id).values(_columns(token_set)))


def connect(
    transaction: Connection, token_set: UUID, vendor: Vendor, account: str, name: str, remote_id: str | None
) -> None:
    """Let this token set open an account, whichever did before."""
    row = {"name": name, "remote_id": remote_id, "token_set_id": token_set}
    transaction.execute(
        upsert(connections)
        .values(vendor=vendor, account=account, **row)
        .on_conflict_do_update(
            index_elements=["vendor", "account"], set_={**row, "connected_at": func.clock_timestamp()}
        )
    )


def disconnect(transaction: Connection, vendor: Vendor, account: str) -> None:
    transaction.execute(
        delete(connections).where(connections.c.vendor == vendor, connections.c.account == account)
    )


def forget_unused(transaction: Connection) -> None:
    """Delete token sets that open nothing any more."""
    used = select(connections.c.token_set_id)
    transaction.execute(delete(token_sets).where(token_sets.c.id.not_in(used)))


def accounts_of(connection: Connection, token_set: UUID) -> int:
    """How many accounts a token set opens."""
    return connection.execute(
        select(func.count()).select_from(connections).where(connections.c.token_set_id == token_set)
    ).scalar_one()


def every_token_set(connection: Connection) -> list[UUID]:
    return list(connection.execute(select(token_sets.c.id).order_by(token_sets.c.created_at)).scalars())


def every_connection(connection: Connection) -> list[ConnectionRow]:
    """All connections, by vendor and name."""
    rows = connection.execute(
        _connections().order_by(connections.c.vendor, connections.c.name, connections.c.account)
    )
    return [_connection(row) for row in rows]


def note(
    connection: Connection, vendor: Vendor, token_set: UUID, generation: int, event: Event, detail: str
) -> None:
    """A line of the log; `detail` is for people and holds no secret."""
    connection.execute(
        insert(connection_log).values(
            vendor=vendor,
            token_set_id=token_set,
            generation=generation,
            event=event,
            detail=detail,
            process=f"{_PROCESS}:{os.getpid()}",
        )
    )


def unanswered_since(connection: Connection, token_set: TokenSet) -> datetime | None:
    """When a renewal of this very pair was first sent. As the pair is still the newest, it brought none."""
    return connection.execute(
        select(func.min(connection_log.c.at)).where(
            connection_log.c.token_set_id == token_set.id,
            connection_log.c.generation == token_set.generation,
            connection_log.c.event == Event.REFRESH_SENT,
        )
    ).scalar_one()


def _connections() -> Select[Any]:
    return select(
        connections,
        token_sets.c.state,
        token_sets.c.why,
        token_sets.c.obtained_at,
        token_sets.c.access_expires_at,
        token_sets.c.refresh_expires_at,
        token_sets.c.hard_expires_at,
        token_sets.c.key_id,
        token_sets.c.scopes,
    ).join(token_sets, connections.c.token_set_id == token_sets.c.id)


def _columns(token_set: TokenSet) -> dict[str, Any]:
    return {name: getattr(token_set, name) for name in TokenSet.__dataclass_fields__}


def _token_set(row: Row[Any]) -> TokenSet:
    values = _fields(row, TokenSet.__dataclass_fields__)
    values["obtained_because"] = Because(values["obtained_because"])
    return TokenSet(**values)


def _connection(row: Row[Any]) -> ConnectionRow:
    return ConnectionRow(**_fields(row, ConnectionRow.__dataclass_fields__))


def _fields(row: Row[Any], names: Iterable[str]) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return {**values, "vendor": Vendor(values["vendor"]), "state": State(values["state"])}
