"""Shared views, what the ledger promises (in triggers), and the two functions that post."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

_SQL = Path(__file__).parent.parent / "sql"


def upgrade() -> None:
    # The driver's own cursor: through SQLAlchemy a `%` in a function's body would count as a placeholder.
    cursor = op.get_bind().connection.cursor()
    for name in ("views.sql", "ledger_promises.sql", "ledger_post.sql", "ledger_release.sql"):
        cursor.execute((_SQL / name).read_text())


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
