"""The shape of the asset graph: a change of it is a reviewed change of `definitions_graph.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from integration_pipeline.definitions import build_defs
from integration_pipeline.defs.in_force import close_months
from integration_pipeline.rules.document import DEFAULT_RULE_SET
from integration_pipeline.settings import MAPPINGS, Settings
from integration_pipeline.yaml_documents import InvalidDocument

GRAPH = Path(__file__).with_name("definitions_graph.json")
# Validated and not called: nothing of the environment gets in.
DEFAULTS = Settings.model_validate({})


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    """After a change that is meant: `REGENERATE=1 pytest integration_pipeline_tests/test_definitions.py`."""
    drawn = json.dumps(_graph(build_defs(settings=DEFAULTS)), indent=2) + "\n"
    if os.environ.get("REGENERATE"):
        GRAPH.write_text(drawn)
    assert drawn == GRAPH.read_text()


def test_loading_the_code_location_loads_neither_great_expectations_nor_pandas_nor_dbt() -> None:
    program = (
        "import sys, integration_pipeline.definitions\n"
        "heavy = {'great_expectations', 'pandas', 'numpy', 'dbt', 'httpx', 'alembic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    finished = subprocess.run(  # noqa: S603 - runs this interpreter on a fixed program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"


def test_months_begin_where_the_rule_set_begins_to_bill(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        DEFAULT_RULE_SET.read_text().replace("first_month: 2016-01-01", "first_month: 2025-04-01")
    )
    defs = build_defs(settings=DEFAULTS.model_copy(update={"rules_file": rules}))
    months = defs.resolve_asset_graph().get(dg.AssetKey("ledger__invoices")).partitions_def
    assert months is not None
    assert months.get_partition_keys()[0] == "2025-04"


def test_the_present_month_is_a_partition_and_the_next_is_not() -> None:
    months = close_months(date(2016, 1, 1), as_of=None)
    keys = months.get_partition_keys(current_time=datetime(2026, 3, 1, tzinfo=UTC))
    assert keys[-1] == "2026-03"


def test_a_rehearsal_in_the_future_has_the_months_until_then() -> None:
    today = datetime.now(UTC).date()
    months = close_months(date(2016, 1, 1), as_of=today.replace(year=today.year + 1, day=1))
    assert months.get_partition_keys()[-1] == f"{today.year + 1}-{today.month:02}"


def test_no_name_in_dagster_is_that_of_a_crm_that_is_not_read() -> None:
    salesforce = DEFAULTS.model_copy(update={"mapping_file": MAPPINGS / "salesforce_demo.yaml"})
    graph = build_defs(settings=salesforce).resolve_asset_graph()
    shown = [
        (node.key, node.description, node.kinds, node.pools)
        for key in graph.get_all_asset_keys()
        for node in [graph.get(key)]
    ]
    assert not [each for each in shown if "hubspot" in repr(each).lower()]
    assert (
        graph.get_all_asset_keys() == build_defs(settings=DEFAULTS).resolve_asset_graph().get_all_asset_keys()
    )


def test_a_rule_set_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(InvalidDocument, match=r"broken\.yaml"):
        build_defs(settings=DEFAULTS.model_copy(update={"rules_file": broken}))


def test_a_new_mapping_makes_deals_out_of_date_and_leaves_the_ledger_as_it_is(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(DEFAULTS.mapping_file.read_text().replace("name:", "name: renamed-", 1))
    before = build_defs(settings=DEFAULTS).resolve_asset_graph()
    after = build_defs(settings=DEFAULTS.model_copy(update={"mapping_file": mapping})).resolve_asset_graph()
    changed = {
        key.to_user_string()
        for key in before.get_all_asset_keys()
        if before.get(key).code_version != after.get(key).code_version
    }
    assert "crm__deals" in changed
    assert "ledger__invoices" not in changed


def test_no_stage_grows_old_unnoticed() -> None:
    graph = build_defs(settings=DEFAULTS).resolve_asset_graph()
    without = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy is None]
    assert without == []


def test_the_schedule_asks_for_one_run_over_all_months_a_day() -> None:
    schedule = build_defs(settings=DEFAULTS).resolve_schedule_def("daily_sync")
    moment = datetime(2026, 3, 1, 6, tzinfo=UTC)
    tick = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment))
    assert tick.run_requests is not None
    [request] = tick.run_requests
    assert request.run_key == "2026-03-01"
    assert request.tags["dagster/asset_partition_range_start"] == "2016-01"
    assert request.tags["dagster/asset_partition_range_end"] == f"{datetime.now(UTC):%Y-%m}"


def _graph(defs: dg.Definitions) -> dict[str, Any]:
    graph = defs.resolve_asset_graph()
    jobs = [job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
    schedules = defs.schedules or ()
    return {
        "assets": {
            key.to_user_string(): {
                "group": node.group_name,
                "depends_on": sorted(parent.to_user_string() for parent in node.parent_keys),
                "partitions": _partitions(node.partitions_def),
                "one_run_per_backfill": node.backfill_policy == dg.BackfillPolicy.single_run(),
                "checks": {
                    check.name: {"blocking": graph.get(check).blocking}
                    for check in sorted(node.check_keys, key=lambda each: each.name)
                },
                "table": node.metadata["dagster/table_name"],
                "kinds": sorted(node.kinds),
                "owners": list(node.owners),
                "pools": sorted(node.pools or ()),
                "freshness": str(node.freshness_policy) if node.freshness_policy else None,
            }
            for key in sorted(graph.get_all_asset_keys())
            for node in [graph.get(key)]
        },
        "jobs": {
            job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
            for job in sorted(jobs, key=lambda each: each.name)
        },
        "schedules": {
            schedule.name: {
                "job": schedule.job_name,
                "cron": schedule.cron_schedule,
                "time_zone": schedule.execution_timezone,
                "default_status": schedule.default_status.value,
            }
            for schedule in schedules
            if isinstance(schedule, dg.ScheduleDefinition)
        },
        "sensors": {
            sensor.name: {
                "jobs": [target.job_name for target in sensor.targets],
                "seconds": sensor.minimum_interval_seconds,
                "default_status": sensor.default_status.value,
            }
            for sensor in defs.sensors or ()
        },
        "resources": sorted(defs.resources or ()),
    }


def _partitions(definition: dg.PartitionsDefinition[Any] | None) -> dict[str, object] | None:
    if definition is None:
        return None
    assert isinstance(definition, dg.TimeWindowPartitionsDefinition)
    return {
        "first": definition.start.strftime(definition.fmt),
        "cron": definition.cron_schedule,
        "format": definition.fmt,
        "time_zone": definition.timezone,
        "end_offset": definition.end_offset,
    }
