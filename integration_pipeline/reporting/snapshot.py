"""One refresh at a time, over one moment of the pipeline's tables.

Belongs here: the lock and the snapshot that a refresh holds. Does not belong here: what is done meanwhile.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import NullPool, create_engine, text

# Any number that nothing else in the database locks on. Two refreshes at once would fight over dbt's
# temporary tables; the second one waits for the first.
_REFRESH_LOCK = 7_310_552_042


@contextmanager
def held_snapshot(database_url: str) -> Generator[str]:
    """The id of a snapshot that other connections may join until the block ends. Waits for its turn.

    The lock comes first, on a connection of its own: a snapshot taken before waiting would be stale after.
    """
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as lock, engine.connect() as snapshot:
        lock.execution_options(isolation_level="AUTOCOMMIT")
        lock.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _REFRESH_LOCK})
        snapshot.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield str(snapshot.execute(text("SELECT pg_export_snapshot()")).scalar_one())
