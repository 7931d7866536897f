"""The rebuilt books in a schema of the live database, so that a person can query both side by side.

Belongs here: making, filling and replacing that schema. Does not belong here: what is in it (`replay`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, text

from integration_pipeline.rebuild.compare import Difference
from integration_pipeline.rebuild.refusal import RebuildRefused
from integration_pipeline.rebuild.scratch import driver
from integration_pipeline.rebuild.supply import copy_rows
from integration_pipeline.store.tables import SCHEMAS

_OURS = "rebuilt by integration-pipeline"
SHOWN = (
    ("crm", "customers", "customers"),
    ("crm", "deals", "deals"),
    ("billing", "documents", "planned_documents"),
    ("billing", "lines", "planned_lines"),
    ("payments", "settlements", "settlements"),
    ("payments", "allocations", "allocations"),
    ("ledger", "documents", "documents"),
    ("ledger", "journal_entries", "journal_entries"),
    ("ledger", "journal_lines", "journal_lines"),
    ("ledger", "revenue_releases", "revenue_releases"),
)
"""Schema and name of a table, and its name among the rebuilt ones."""


def refuse_unless_free(connection: Connection, schema: str, *, replace: bool) -> None:
    """Raises `RebuildRefused` if the schema is in use, and not by an earlier rebuild that may be replaced."""
    if schema in SCHEMAS or schema.startswith(("pg_", "information_schema")):
        raise RebuildRefused(f"schema {schema} is the pipeline's or the server's own: choose another name")
    if not connection.execute(text(_MAY_CREATE)).scalar_one():
        raise RebuildRefused(
            "the role may not create a schema in this database: let an administrator GRANT CREATE ON DATABASE"
        )
    found = connection.execute(text(_FOUND), {"schema": schema}).one_or_none()
    if found is None:
        return
    if not (found.comment or "").startswith(_OURS):
        raise RebuildRefused(f"schema {schema} exists and was not made by a rebuild: choose another name")
    if not replace:
        raise RebuildRefused(
            f"schema {schema} holds an earlier rebuild: add --replace, or choose another name"
        )


def put(
    live: Engine, scratch: Engine, schema: str, differences: Sequence[Difference], *, replace: bool
) -> None:
    """Put the rebuilt tables and the differences into the schema, all or nothing."""
    with live.begin() as target, scratch.connect() as source:
        refuse_unless_free(target, schema, replace=replace)
        writing = driver(target)
        name = sql.Identifier(schema)
        writing.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name))
        writing.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        comment = f"{_OURS} at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        writing.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, sql.Literal(comment)))
        for of_schema, table, shown_as in SHOWN:
            original, copy = sql.Identifier(of_schema, table), sql.Identifier(schema, shown_as)
            writing.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(copy, original))
            copy_rows(driver(source), sql.SQL("SELECT * FROM {}").format(original), writing, copy)
        _put_differences(writing, sql.Identifier(schema, "differences"), differences)


def _put_differences(
    connection: psycopg.Connection[Any], table: sql.Identifier, differences: Sequence[Difference]
) -> None:
    connection.execute(
        sql.SQL("""
            CREATE TABLE {} (
                finding text NOT NULL, "table" text NOT NULL, name text NOT NULL, deal_key text, field text,
                live jsonb, rebuilt jsonb
            )
        """).format(table)
    )
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for each in differences:
            values = (None, None) if each.field is None else (json.dumps(each.live), json.dumps(each.rebuilt))
            copy.write_row((each.finding.value, each.table, each.name, each.deal_key, each.field, *values))


_MAY_CREATE = "SELECT has_database_privilege(current_database(), 'CREATE')"
_FOUND = """
    SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = :schema
"""
