"""One connection to PostgreSQL that is opened when it is needed, and again when it was lost.

No pool: the gateway writes through one connection (`committer`) and reads through another. So nothing has to
find out that the database is back; the next statement does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg

_T = TypeVar("_T")

CONNECT_SECONDS: Final = 2
STATEMENT_SECONDS: Final = 2
# PostgreSQL stops a statement after STATEMENT_SECONDS; this is for a server that does not even do that.
_ANSWER_SECONDS: Final = 2.5

_PREPARE = """
    SELECT
        set_config('statement_timeout', %(timeout)s, false),
        set_config('application_name', %(name)s, false),
        -- Stronger settings (remote_apply) stay as they are.
        CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
            THEN set_config('synchronous_commit', 'on', false) END
"""


class DatabaseUnavailable(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """The statement did not run, or nobody knows whether it did. Repeat it later, if it may be repeated."""


class Unstorable(ValueError):  # noqa: N818 - reads as the statement it makes
    """PostgreSQL does not take these values, now or later."""


class Session:
    """Statements one after the other, each in a transaction of its own that is on disk when `row` returns.

    Only for statements that may run twice: one that fails on a connection that had been lost meanwhile is run
    again on a new one.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._turn = asyncio.Lock()
        self._connection: psycopg.AsyncConnection | None = None
        self._abandoned: set[asyncio.Task[Any]] = set()

    async def row(
        self, statement: LiteralString, parameters: Mapping[str, object] | None = None
    ) -> tuple[Any, ...]:
        """The only row of a statement's result. Raises `DatabaseUnavailable` and `Unstorable`."""
        async with self._turn:
            known = self._connection
            try:
                return await self._attempt(statement, parameters)
            except psycopg.DataError as error:
                raise Unstorable(_said(error)) from None
            except (psycopg.Error, TimeoutError) as error:
                was_lost = known is not None and known.closed
                self._forget()
                if not was_lost:
                    raise DatabaseUnavailable(_said(error)) from None
            try:
                return await self._attempt(statement, parameters)
            except (psycopg.Error, TimeoutError) as error:
                self._forget()
                raise DatabaseUnavailable(_said(error)) from None

    async def close(self) -> None:
        async with self._turn:
            if self._connection is not None:
                await self._connection.close()
            self._connection = None

    async def _attempt(
        self, statement: LiteralString, parameters: Mapping[str, object] | None
    ) -> tuple[Any, ...]:
        if self._connection is None:
            self._connection = await self._within(CONNECT_SECONDS + 0.5, self._connect())
        return await self._within(_ANSWER_SECONDS, _only_row(self._connection, statement, parameters))

    async def _connect(self) -> psycopg.AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            # A peer that vanished without a word is noticed after as many milliseconds.
            tcp_user_timeout=4_000,
        )
        settings = {"timeout": f"{STATEMENT_SECONDS}s", "name": self._name}
        try:
            await connection.execute(_PREPARE, settings)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _within(self, seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of `work`, or TimeoutError on time. What is cancelled may take a while to end."""
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return task.result()
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._bury)
        raise TimeoutError(f"no answer within {seconds} seconds")

    def _bury(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()

    def _forget(self) -> None:
        """Never mind the connection: its session ends with its socket."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.pgconn.finish()


async def _only_row(
    connection: psycopg.AsyncConnection, statement: LiteralString, parameters: Mapping[str, object] | None
) -> tuple[Any, ...]:
    cursor = await connection.execute(statement, parameters, prepare=True)
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - statements here are aggregates, and always answer
    return row


def _said(error: BaseException) -> str:
    """One line, without the values that a server's DETAIL quotes."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    return " ".join(str(error).split()) or type(error).__name__
