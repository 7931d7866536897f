"""The demo with every system: the ledger is in the accounting systems, and what was paid is settled."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.cli.leaks import (
    PRIVATE,
    environment_of,
    leaks,
    places,
    refusing_vendor,
    secrets_of,
)

PROGRAM = str(Path(sys.executable).parent / "integration-pipeline")
# What a developer has set for books and accounts of their own.
PIPELINE = ("DAGSTER_", "DATABASE_", "DATA_", "MAPPING_", "RULES_", "AS_OF", "CREDENTIALS_", "TARGETS_")
VENDORS = ("HUBSPOT_", "SALESFORCE_", "QUICKBOOKS_", "XERO_", "STRIPE_", "PLAID_")


REFUSED_JOBS = ("settle_payments", "find_missed_webhooks", "sweep_quickbooks")
_RUN_JOBS = """
import json, sys
import dagster as dg
from integration_pipeline.definitions import defs

with dg.DagsterInstance.get() as instance:
    jobs = {name: defs.resolve_job_def(name) for name in sys.argv[1:]}
    ran = {n: job.execute_in_process(instance=instance, raise_on_error=False) for n, job in jobs.items()}
print(json.dumps({name: result.success for name, result in ran.items()}))
"""


def test_the_demo_goes_through_every_system_and_a_second_time_sends_nothing(tmp_path: Path) -> None:
    try:
        _tour(tmp_path)
    finally:
        server = EmbeddedPostgres.find((tmp_path / ".data" / "generated-250" / "postgres").resolve())
        if server is not None:
            server.stop()


def _tour(folder: Path) -> None:
    first = _run(folder, "demo", "--deals", "250", "--systems")

    assert first.returncode == 0, first.stdout + first.stderr
    assert "✗" not in first.stdout
    assert re.search(r"✓ quickbooks .*✓ xero ", first.stdout, re.DOTALL), first.stdout
    assert re.search(r"and in quickbooks \d+ ms after the click", first.stdout), first.stdout
    targets = {each["target"]: each for each in _json(folder, "targets", "list")}
    assert {name: each["findings"] for name, each in targets.items()} == {"quickbooks": 0, "xero": 0}
    assert all(each["states"]["payment posted"] for each in targets.values())
    stuck = {each["last_error"] for each in _json(folder, "targets", "stuck")}
    assert all("KWD has more than the two decimals" in each for each in stuck), stuck
    assert _waiting(folder) == ["Zephyr Holdings Ltd."]
    assert _run(folder, "verify").returncode == 0
    _assert_that_nobody_else_reads_secrets(folder / ".data" / "current")

    second = _run(folder, "demo", "--deals", "250", "--systems")

    assert second.returncode == 0, second.stdout + second.stderr
    assert "nothing posted" in second.stdout
    assert "nothing sent to accounting systems" in second.stdout
    assert "(0 told just now)" in second.stdout

    data = folder / ".data" / "current"
    with EmbeddedPostgres.start((data / "postgres").resolve()) as server:
        secrets = secrets_of(data, server)
        failed = _refused_by_every_vendor(data, server)
        printed = (
            (each, output.stdout + output.stderr) for each, output in enumerate((first, second, failed))
        )
        left = chain(places(data.resolve(), server), ((f"output {each}", said) for each, said in printed))

        assert {"STRIPE_API_KEY", "quickbooks access_token", "xero refresh_token"} <= set(secrets)
        assert leaks(secrets, left) == []


def _refused_by_every_vendor(data: Path, server: EmbeddedPostgres) -> subprocess.CompletedProcess[str]:
    """Runs in Dagster that fail, with tracebacks: the vendors refuse, and repeat what they were sent."""
    with refusing_vendor() as url:
        targets = data / "refusing.yaml"
        targets.write_text(re.sub(r"base_url: .*", f"base_url: {url}", (data / "targets.yaml").read_text()))
        finished = subprocess.run(  # noqa: S603 - runs this interpreter on a fixed program
            [sys.executable, "-c", _RUN_JOBS, *REFUSED_JOBS],
            env={
                **os.environ,
                **environment_of(data),
                "DATABASE_URL": server.url("pipeline"),
                "DAGSTER_POSTGRES_URL": server.url("dagster", "postgresql+psycopg2"),
                "TARGETS_FILE": str(targets),
                **{f"{vendor}_BASE_URL": url for vendor in ("HUBSPOT", "STRIPE", "PLAID")},
            },
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(finished.stdout.splitlines()[-1]) == dict.fromkeys(REFUSED_JOBS, False), finished.stderr
    assert "Stack Trace" in finished.stderr
    assert "401" in finished.stderr
    return finished


def _waiting(folder: Path) -> list[str]:
    return [each["payer_name"] for each in _json(folder, "payments", "list", "--waiting")["payments"]]


def _assert_that_nobody_else_reads_secrets(data: Path) -> None:
    for name in PRIVATE:
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name


def _json(folder: Path, *arguments: str) -> Any:
    return json.loads(_run(folder, *arguments, "--json").stdout)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*PIPELINE, *VENDORS))}
    return subprocess.run(  # noqa: S603 - our own command
        [PROGRAM, *arguments],
        cwd=folder,
        env={**kept, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
