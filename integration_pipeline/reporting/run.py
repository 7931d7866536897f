"""Refreshing the read models without Dagster, for the command line and the demo.

Belongs here: one call and its report. Does not belong here: anything at module level that imports dbt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from integration_pipeline.reporting.connection import dbt_environment, exported
from integration_pipeline.reporting.errors import ReportingError
from integration_pipeline.reporting.project import PROJECT_DIR, Artifacts, artifacts_root
from integration_pipeline.reporting.snapshot import held_snapshot


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A table in schema `reporting` (or `reporting_cut`): its rows, and the seconds it took."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that found something: how many rows, and whether that is an error or a warning."""

    name: str
    severity: str
    rows: int


@dataclass(frozen=True, slots=True)
class ReportingReport:
    """What a refresh did. `skipped` names models that were not built because something before them failed.

    `seconds` is wall time, dbt's own start included.
    """

    models: tuple[BuiltModel, ...]
    tests_passed: int
    failed_tests: tuple[FailedTest, ...]
    skipped: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything was built and no test failed as an error."""
        return not self.skipped and all(test.severity == "warn" for test in self.failed_tests)

    def as_json(self) -> dict[str, object]:
        """Plain data with stable names."""
        return {
            "ok": self.ok,
            "models": {model.name: model.rows for model in self.models},
            "tests_passed": self.tests_passed,
            "failed_tests": {
                test.name: {"severity": test.severity, "rows": test.rows} for test in self.failed_tests
            },
            "skipped": list(self.skipped),
            "seconds": round(self.seconds, 3),
        }


def refresh(database_url: str, *, as_of: date | None = None) -> ReportingReport:
    """Build and test all read models in the database of a SQLAlchemy URL, in this process.

    `as_of` is the day ageing is seen from, today (UTC) without it. A failing test is in the report; a model
    that cannot be built raises `ReportingError`. A refresh that is under way elsewhere is waited for.
    """
    started = time.perf_counter()
    profile = dbt_environment(database_url)
    artifacts = Artifacts(artifacts_root(), profile, variables(as_of))
    with held_snapshot(database_url) as snapshot:
        results = _build(artifacts, {**profile, "DBT_SNAPSHOT": snapshot})
    return _report(results, time.perf_counter() - started)


def _build(artifacts: Artifacts, environment: Mapping[str, str]) -> list[Any]:
    from dbt.cli.main import dbtRunner

    run = artifacts.new_run()
    command = [
        *("build", "--quiet", "--log-level", "none"),
        *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(run), "--log-path", str(run)),
        *artifacts.arguments,
    ]
    runner: Any = dbtRunner()
    with exported(environment):
        outcome = runner.invoke(command)
    if outcome.exception is not None:
        raise ReportingError(
            f"dbt did not run: {outcome.exception}; see {run / 'dbt.log'}"
        ) from outcome.exception
    results: list[Any] = list(getattr(outcome.result, "results", []))
    if broken := [result for result in results if result.status == "error"]:
        first = broken[0]
        raise ReportingError(f"dbt could not build {first.node.name}: {first.message}; see {run / 'dbt.log'}")
    artifacts.publish(run)
    return results


def variables(as_of: date | None) -> list[str]:
    """dbt's arguments for the day the reports look from."""
    return [] if as_of is None else ["--vars", json.dumps({"as_of": as_of.isoformat()})]


def _report(results: list[Any], seconds: float) -> ReportingReport:
    tests = [result for result in results if result.node.resource_type == "test"]
    tables = [result for result in results if result.node.resource_type != "test"]
    return ReportingReport(
        models=tuple(
            BuiltModel(
                result.node.name, result.adapter_response.get("rows_affected", 0), result.execution_time
            )
            for result in tables
            if result.status == "success"
        ),
        tests_passed=sum(result.status == "pass" for result in tests),
        failed_tests=tuple(
            FailedTest(result.node.name, "warn" if result.status == "warn" else "error", result.failures)
            for result in tests
            if result.status in ("warn", "fail")
        ),
        skipped=tuple(result.node.name for result in tables if result.status == "skipped"),
        seconds=seconds,
    )
