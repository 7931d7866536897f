"""What a newcomer does: `up` with every system, killed, up again, a backfill in Dagster, Ctrl-C.

The ledger is in the accounting systems by then, what was paid is settled, and no secret is anywhere it is not
meant to be.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

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
PATIENCE_SECONDS = 180.0
DEMO = ("--systems", "--deals", "250")
PARTITIONED = ("crm__deals", "billing__planned_invoices", "posting__gate", "ledger__invoices")
CHROMIUM = Path("/usr/bin/chromium")
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


@dataclass(frozen=True, slots=True)
class Home:
    """A newcomer's folder, in which the demo has run once and was killed, and what it had said."""

    folder: Path
    said: str

    @property
    def data(self) -> Path:
        return self.folder / ".data" / "current"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("newcomer")
    with _up(folder) as (process, log):
        _wait_until(process, log, lambda said: "webhooks, usage, metrics" in said)
        process.kill()
    yield Home(folder, log.read_text())
    server = EmbeddedPostgres.find((folder / ".data" / "generated-250" / "postgres").resolve())
    if server is not None:
        server.stop()


@pytest.fixture(scope="module")
def left(home: Home) -> dict[str, Any]:
    """The status that the killed demo left, and that nothing here may change."""
    return _status(home.folder)


def test_the_demo_shows_deals_invoices_quarantine_and_a_balanced_ledger(
    home: Home, left: dict[str, Any]
) -> None:
    assert "documents posted in" in home.said
    assert left["won_deals"].keys() >= {"invoiced", "quarantined"}
    assert set(left["invoiced_minor"]) == {"EUR", "JPY", "KWD", "USD"}
    assert left["credit_notes"] > 0, "deals that changed after they were invoiced are credited"
    assert set(left["trial_balance_minor"].values()) == {0}


def test_the_demo_goes_through_every_system(home: Home) -> None:
    assert "✗" not in home.said
    assert re.search(r"✓ quickbooks .*✓ xero ", home.said, re.DOTALL), home.said
    assert re.search(r"and in quickbooks \d+ ms after the click", home.said), home.said
    targets = {each["target"]: each for each in _json(home.folder, "targets", "list")}
    assert {name: each["findings"] for name, each in targets.items()} == {"quickbooks": 0, "xero": 0}
    assert all(each["states"]["payment posted"] for each in targets.values())
    stuck = {each["last_error"] for each in _json(home.folder, "targets", "stuck")}
    assert all("KWD has more than the two decimals" in each for each in stuck), stuck
    waiting = _json(home.folder, "payments", "list", "--waiting")["payments"]
    assert [each["payer_name"] for each in waiting] == ["Zephyr Holdings Ltd."]


def test_the_books_of_the_demo_verify(home: Home) -> None:
    verified = _run(home.folder, "verify")

    assert verified.returncode == 0, verified.stdout
    assert "the books hold" in verified.stdout


def test_nobody_else_reads_its_secrets(home: Home) -> None:
    for name in PRIVATE:
        assert stat.S_IMODE((home.data / name).stat().st_mode) == 0o600, name


def test_up_comes_back_after_the_kill_and_nothing_is_posted_twice(home: Home, left: dict[str, Any]) -> None:
    with _up(home.folder) as (process, log):
        url = _url_of_dagster(process, log)
        with _browser() as browser:
            browser.get(f"{url}/assets/ledger__invoices")
            WebDriverWait(browser, PATIENCE_SECONDS).until(
                lambda page: "each posted exactly once" in page.find_element(By.TAG_NAME, "body").text
            )
        outcome = _backfill(url, "2025-03")
        after = _status(home.folder)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)

    assert outcome == "COMPLETED_SUCCESS"
    assert after == left
    assert _family_of(home.folder) == []
    said = log.read_text()
    assert "nothing posted" in said
    assert "nothing sent to accounting systems" in said
    assert "(0 told just now)" in said


def test_no_secret_is_anywhere_but_in_the_files_for_it(home: Home) -> None:
    with EmbeddedPostgres.start((home.data / "postgres").resolve()) as server:
        secrets = secrets_of(home.data, server)
        failed = _refused_by_every_vendor(home.data, server)
        # What opens the sandbox CRM is shown on purpose.
        said = home.said.replace("(token pat-sandbox)", "")
        printed = (("the demo", said), ("failed runs", failed.stdout + failed.stderr))

        assert {"STRIPE_API_KEY", "quickbooks access_token", "xero refresh_token"} <= set(secrets)
        assert leaks(secrets, chain(places(home.data.resolve(), server), printed)) == []


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


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*PIPELINE, *VENDORS))}
    return {**kept, "COLUMNS": "300"}


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [PROGRAM, *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def _json(folder: Path, *arguments: str) -> Any:
    return json.loads(_run(folder, *arguments, "--json").stdout)


def _status(folder: Path) -> dict[str, Any]:
    """All but the inbox, of which Dagster is told in its own time, and when targets were last looked at."""
    status = _json(folder, "status")
    del status["inbox"]
    for target in status["targets"]:
        del target["reconciled_at"], target["swept_until"]
    return status


@contextmanager
def _up(folder: Path) -> Generator[tuple[subprocess.Popen[bytes], Path]]:
    """`up` and what it says; killed at the end if it is still there."""
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [PROGRAM, "up", *DEMO, "--port", "3210"],
            cwd=folder,
            env=_environment(),
            stdout=output,
            stderr=output,
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def _url_of_dagster(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where Dagster's pages are, once they answer."""
    url = ""

    def answers(said: str) -> bool:
        nonlocal url
        named = re.search(r"^Dagster +(http://\S+)", said, re.MULTILINE)
        if named is None:
            return False
        url = named[1]
        try:
            return httpx.get(f"{url}/server_info", timeout=5).is_success
        except httpx.TransportError:
            return False

    _wait_until(process, log, answers)
    return url


def _wait_until(process: subprocess.Popen[bytes], log: Path, holds: Callable[[str], bool]) -> None:
    """Until it holds of what the process has said."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds(log.read_text()):
        if time.monotonic() > deadline or _wait_briefly(process):
            raise AssertionError(f"it did not come up:\n{log.read_text()[-3000:]}")


def _wait_briefly(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(0.25)
    except subprocess.TimeoutExpired:
        return False
    return True


def _backfill(url: str, *partitions: str) -> str:
    """Launch a backfill as Dagster's pages do; answers its final status."""
    launched = _graphql(
        url,
        "mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p)"
        " { ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        p={
            "assetSelection": [{"path": [key]} for key in PARTITIONED],
            "partitionNames": list(partitions),
            "fromFailure": False,
        },
    )["launchPartitionBackfill"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    status = "REQUESTED"
    while status in {"REQUESTED", "IN_PROGRESS"} and time.monotonic() < deadline:
        status = _graphql(
            url,
            "query($b: String!) { partitionBackfillOrError(backfillId: $b)"
            " { ... on PartitionBackfill { status } } }",
            b=launched["backfillId"],
        )["partitionBackfillOrError"]["status"]
    return status


def _graphql(url: str, query: str, **variables: Any) -> dict[str, Any]:
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60)
    return answer.json()["data"]


def _family_of(folder: Path) -> list[str]:
    """Command lines of processes that still mention the folder (Linux)."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and "pytest" not in line.split()[0]:
            found.append(line[:200])
    return found


@contextmanager
def _browser() -> Generator[webdriver.Chrome]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian's packages chromium and chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    for flag in ("disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()
