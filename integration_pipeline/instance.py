"""Dagster's home folder: the one file that says where Dagster keeps its state and how it runs things.

Belongs here: writing that file. Does not belong here: starting Dagster (`cli`), and the database's address,
which Dagster reads from `DAGSTER_POSTGRES_URL` each time it starts, so that no password is in the file.
"""

from __future__ import annotations

from pathlib import Path

POSTGRES_URL_VARIABLE = "DAGSTER_POSTGRES_URL"
"""A SQLAlchemy URL of psycopg2, Dagster's driver: `postgresql+psycopg2://…`; a socket directory will do."""

_DAGSTER_YAML = f"""\
# Written anew at each start; the database's address is in {POSTGRES_URL_VARIABLE}.
storage:
  postgres:
    postgres_url:
      env: {POSTGRES_URL_VARIABLE}

telemetry:
  enabled: false

# No newsletter form in front of the first page.
nux:
  enabled: false

run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator

concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    # One run at a time reads a vendor's account. By run and not by step: a step's slot stays taken when
    # its process is killed.
    granularity: run
    default_limit: 1

run_retries:
  enabled: true
  max_retries: 2
  # A lost worker is worth another try. A step that failed is not: posting decides about its own retries, by
  # intent, and any other failure would only fail again.
  retry_on_asset_or_op_failure: false

run_monitoring:
  enabled: true
  start_timeout_seconds: 300

retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      # Three sensors that find nothing leave 17,000 ticks a day.
      skipped: 1
      success: 30
      failure: 90
"""


def write_dagster_home(folder: Path) -> Path:
    """Write `dagster.yaml` into `folder`, made if need be; answers the folder, for `DAGSTER_HOME`.

    Dagster's own defaults put compute logs and whatever else it keeps in files into that folder, too.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(_DAGSTER_YAML, encoding="utf-8")
    return folder
