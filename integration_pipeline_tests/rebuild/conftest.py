"""Books as the pipeline's own tests fill them, and their rebuild."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg import sql
from sqlalchemy import Connection

from integration_pipeline.rebuild import scratch
from integration_pipeline.rebuild.rebuild import Rebuilt, rebuild
from integration_pipeline_tests.pipeline.conftest import Office, mapping, office, pipeline, portal, rules

__all__ = ["mapping", "office", "pipeline", "portal", "rules"]

SCHEMA = "again"

Rebuild = Callable[[], Rebuilt]


@pytest.fixture
def rebuilt(office: Office, template: str, monkeypatch: pytest.MonkeyPatch) -> Rebuild:
    """Rebuilds the office's books into schema `again`.

    In a copy of the migrated database instead of one that is migrated each time, which takes as long as the
    rebuild of a few deals. `test_side_by_side` rebuilds in one that is made as it is made for people.
    """

    def copy(holder: Connection, name: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        scratch.driver(holder).execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    monkeypatch.setattr(scratch, "_create", copy)
    return lambda: rebuild(office.pipeline.engine, SCHEMA, replace=True)


def said(found: Rebuilt) -> list[str]:
    """Everything a rebuild has to say against the books, as sentences."""
    return [*map(str, found.comparison.differences), *found.problems]
