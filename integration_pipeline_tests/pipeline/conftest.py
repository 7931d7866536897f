"""A pipeline on a fresh database, a CRM in memory before it, and the books behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, RowMapping, text

from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.rules.document import RuleSet, read_rule_set
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline_tests.pipeline.portal import Portal

AS_OF = date(2026, 6, 30)


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture(scope="session")
def mapping() -> Mapping:
    return read_mapping(DEFAULT_MAPPING)


@pytest.fixture(scope="session")
def rules() -> RuleSet:
    return read_rule_set()


@pytest.fixture
def pipeline(engine: Engine, mapping: Mapping, rules: RuleSet) -> Pipeline:
    """The demo company's mapping and rules, on the last day of June 2026."""
    return registered(Pipeline(engine, mapping, rules, as_of=AS_OF))


def registered(pipeline: Pipeline) -> Pipeline:
    register(pipeline)
    return pipeline


@dataclass(frozen=True, slots=True)
class Office:
    """One pipeline on one CRM, with short ways to run it and to look at what came of it."""

    pipeline: Pipeline
    portal: Portal

    def sync(self, scope: Scope | None = None) -> dict[str, StageReport]:
        """Every stage once; their reports by name."""
        reports = sync(self.pipeline, self.portal, scope or Scope.everything())
        return {report.stage: report for report in reports}

    def on(self, day: date) -> Office:
        return replace(self, pipeline=replace(self.pipeline, as_of=day))

    def rows(self, statement: str, **parameters: object) -> list[RowMapping]:
        with self.pipeline.engine.connect() as connection:
            return list(connection.execute(text(statement), parameters).mappings())

    def value(self, statement: str, **parameters: object) -> Any:
        with self.pipeline.engine.connect() as connection:
            return connection.execute(text(statement), parameters).scalar_one()

    def execute(self, statement: str, **parameters: object) -> None:
        with self.pipeline.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def posted(self) -> list[tuple[str, int, str]]:
        """Number, total in minor units and issue date of every document in the books, in posting order."""
        return [
            (row["number"], row["total_minor"], row["issue_date"].isoformat())
            for row in self.rows("SELECT * FROM ledger.documents ORDER BY entry_id")
        ]

    def quarantined(self) -> list[tuple[str, str]]:
        """Deal and rule of every open row."""
        return [
            (row["external_id"], row["rule"])
            for row in self.rows("SELECT * FROM posting.quarantine WHERE state = 'open' ORDER BY id")
        ]

    def deal(self, external_id: str) -> RowMapping:
        """The newest version of a deal."""
        [row] = self.rows("SELECT * FROM crm.current_deals WHERE external_id = :id", id=external_id)
        return row


@pytest.fixture
def office(pipeline: Pipeline, portal: Portal) -> Office:
    return Office(pipeline, portal)
