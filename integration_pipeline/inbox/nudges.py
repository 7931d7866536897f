"""Nudges: accounts of vendors that have something new, and who goes to look.

A nudge stands until a look that began after it ended well. Looks at one account never overlap: the second
would read what the first is reading. Belongs here: which accounts are to be looked at, and holding one. Does
not belong here: the look itself (`posting.sweep`, `pipeline.receive`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg

LOOK_LOCK = 731_061
"""First half of the advisory lock on an account; the second is a hash of source and account."""


def nudged(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """The (source, account) pairs that somebody should look at, the longest told first."""
    return [(row[0], row[1]) for row in connection.execute(_NUDGED).fetchall()]


@contextmanager
def looking(connection: psycopg.Connection[Any], source: str, account: str) -> Generator[bool]:
    """Hold an account while looking at it; False if somebody else does. `connection` is in autocommit.

    The end of the block settles the nudges of before its beginning; an exception leaves them, with its words.
    """
    key = {"lock": LOOK_LOCK, "source": source, "account": account}
    row = connection.execute(_HOLD, key).fetchone()
    if row is None or not row[0]:
        yield False
        return
    began = row[1]
    try:
        yield True
    except Exception as failure:
        said = f"{type(failure).__name__}: {str(failure).partition(chr(10))[0]}"
        if not connection.closed:
            connection.execute(_FAILED, {**key, "said": said[:1_000]})
        raise
    else:
        connection.execute(_LOOKED, {**key, "began": began})
    finally:
        if not connection.closed:
            connection.execute(_LET_GO, key)


_NUDGED = """
    SELECT source, account FROM inbox.nudges
    WHERE looked_at IS NULL OR looked_at < told_at
    ORDER BY told_at
"""
_HOLD = """
    SELECT pg_try_advisory_lock(%(lock)s, hashtext(%(source)s || ' ' || %(account)s)), clock_timestamp()
"""
_LET_GO = "SELECT pg_advisory_unlock(%(lock)s, hashtext(%(source)s || ' ' || %(account)s))"
_LOOKED = """
    INSERT INTO inbox.nudges AS nudge (source, account, told_at, looked_at)
    VALUES (%(source)s, %(account)s, %(began)s, %(began)s)
    ON CONFLICT (source, account) DO UPDATE SET
        looked_at = greatest(nudge.looked_at, excluded.looked_at), last_error = NULL
"""
_FAILED = """
    INSERT INTO inbox.nudges AS nudge (source, account, last_error) VALUES (%(source)s, %(account)s, %(said)s)
    ON CONFLICT (source, account) DO UPDATE SET last_error = excluded.last_error
"""
