"""Alembic migrations: one file a change in `versions/`, longer SQL in `sql/`."""
