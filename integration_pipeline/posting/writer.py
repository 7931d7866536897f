"""The one writer of a target: who may send to it, and under which fencing token.

The right to send is a session's advisory lock: it ends with the process, however that ends, and never
before. Each time it is taken there is a new token. What an older token claimed and did not finish is
uncertain from then on, and an outcome that comes in late under an older token is not stored.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import namedtuple_row

from integration_pipeline.transport.withholding import WithheldError

Session: TypeAlias = psycopg.Connection[Any]
"""A session whose rows have named fields."""

WRITER_LOCK = 731_060
"""First half of a writer's advisory lock; the second is a hash of its target's name."""


@dataclass(frozen=True, slots=True)
class Writer:
    """The right to send to `target`, as long as `connection` lives."""

    connection: Session
    target: str
    fencing_token: int

    def require(self) -> None:
        """Ask whether the right is still there: a session that answers has its lock. Safe for threads.

        Raises `WithheldError` if not. What leaves right after the answer is covered: who takes over does not
        look up at once what was under way.
        """
        try:
            row = self.connection.execute(
                _STILL, {"target": self.target, "token": self.fencing_token}
            ).fetchone()
        except psycopg.Error as lost:
            reason = f"the session that may write to {self.target} is gone ({type(lost).__name__})"
            raise WithheldError(reason) from None
        if row is None:
            raise WithheldError(f"another writer has taken {self.target} over")

    def pause(self, seconds: float, reason: str) -> None:
        """No call goes out for so long; whoever looks at the target reads the reason."""
        self.connection.execute(_PAUSE, {"target": self.target, "seconds": seconds, "reason": reason[:500]})

    def paused_seconds(self) -> float:
        """How much longer nothing is sent; 0 if anything may be."""
        row = self.connection.execute(_PAUSED, {"target": self.target}).fetchone()
        return max(0.0, float(row[0])) if row else 0.0


@contextmanager
def writing(connection: Session, target: str, *, patience: float = 0.0) -> Generator[Writer | None]:
    """Take the right to send to a target; None if somebody else keeps it for `patience` seconds.

    `connection` must be a session of its own, not one that a pool shares.
    """
    if not _locked(connection, target, patience):
        yield None
        return
    try:
        with connection.transaction():
            holder = f"{socket.gethostname()}:{os.getpid()}"
            row = connection.execute(_TAKE, {"target": target, "holder": holder}).fetchone()
            assert row is not None  # noqa: S101 - an upsert answers its row
            token = int(row[0])
            connection.execute(_ABANDONED, {"target": target, "token": token})
        yield Writer(connection, target, token)
    finally:
        if not connection.closed and not connection.broken:
            connection.execute(_UNLOCK, {"lock": WRITER_LOCK, "target": target})


def _locked(connection: Session, target: str, patience: float) -> bool:
    parameters = {"lock": WRITER_LOCK, "target": target}
    if patience <= 0:
        row = connection.execute(_TRY, parameters).fetchone()
        return bool(row and row[0])
    try:
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, TRUE)", [f"{int(patience * 1_000)}ms"])
            connection.execute(_WAIT, parameters)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def open_session(database_url: str, name: str) -> Session:
    """A session for a writer; `database_url` is libpq's. It commits by itself, a transaction is a block of
    its own. Each commit reaches the disk: an attempt that a
    crash of the machine forgets would be sent twice.
    """
    return psycopg.connect(
        database_url,
        autocommit=True,
        application_name=name,
        prepare_threshold=0,
        row_factory=namedtuple_row,
        connect_timeout=5,
        options="-c synchronous_commit=on",
    )


_TRY = "SELECT pg_try_advisory_lock(%(lock)s, hashtext(%(target)s))"
_WAIT = "SELECT pg_advisory_lock(%(lock)s, hashtext(%(target)s))"
_UNLOCK = "SELECT pg_advisory_unlock(%(lock)s, hashtext(%(target)s))"
_TAKE = """
    INSERT INTO posting.writers (target, fencing_token, holder)
    VALUES (%(target)s, nextval('posting.fencing_tokens'), %(holder)s)
    ON CONFLICT (target) DO UPDATE SET
        fencing_token = excluded.fencing_token, holder = excluded.holder, taken_at = clock_timestamp()
    RETURNING fencing_token
"""
# A second before the look-up: what the lost writer sent last may still be on its way.
_ABANDONED = """
    WITH abandoned AS (
        UPDATE posting.intents
        SET
            state = 'uncertain', lease_until = NULL, updated_at = clock_timestamp(),
            retry_at = clock_timestamp() + interval '1 second',
            last_error = 'whoever sent it was lost before an answer was stored; it is looked up'
        WHERE target = %(target)s AND state = 'claimed' AND fencing_token <> %(token)s
        RETURNING id
    )
    UPDATE posting.attempts AS attempt
    SET finished_at = clock_timestamp(), outcome = 'lost'
    FROM abandoned
    WHERE attempt.intent_id = abandoned.id AND attempt.outcome IS NULL
"""
_STILL = "SELECT 1 AS held FROM posting.writers WHERE target = %(target)s AND fencing_token = %(token)s"
_PAUSE = """
    UPDATE posting.writers
    SET paused_until = clock_timestamp() + make_interval(secs => %(seconds)s), paused_for = %(reason)s
    WHERE target = %(target)s
"""
_PAUSED = """
    SELECT extract(epoch FROM paused_until - clock_timestamp()) FROM posting.writers
    WHERE target = %(target)s AND paused_until > clock_timestamp()
"""
