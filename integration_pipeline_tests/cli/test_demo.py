"""What a newcomer does: `demo` twice, then `up`, killed, up again, a backfill in Dagster, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from integration_pipeline.store.embedded import EmbeddedPostgres

PROGRAM = str(Path(sys.executable).parent / "integration-pipeline")
PATIENCE_SECONDS = 180.0
DEALS = ("--deals", "250")
PARTITIONED = ("crm__deals", "billing__planned_invoices", "posting__gate", "ledger__invoices")
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A newcomer's folder, in which the demo has run once."""
    folder = tmp_path_factory.mktemp("newcomer")
    first = _run(folder, "demo", *DEALS)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "documents posted in" in first.stdout
    yield folder
    server = EmbeddedPostgres.find((folder / ".data" / "generated-250" / "postgres").resolve())
    if server is not None:
        server.stop()


@pytest.fixture(scope="module")
def left(home: Path) -> dict[str, Any]:
    """The status that the first demo left, and that nothing here may change."""
    return _status(home)


def _environment() -> dict[str, str]:
    ours = ("DAGSTER_", "DATABASE_", "DATA_", "HUBSPOT_", "MAPPING_", "RULES_", "AS_OF")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "COLUMNS": "200"}


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [PROGRAM, *arguments], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def _status(folder: Path) -> dict[str, Any]:
    """All but the inbox, of which Dagster is told in its own time."""
    status = json.loads(_run(folder, "status", "--json").stdout)
    del status["inbox"]
    return status


def test_the_demo_shows_deals_invoices_quarantine_and_a_balanced_ledger(left: dict[str, Any]) -> None:
    assert left["won_deals"].keys() >= {"invoiced", "quarantined"}
    assert set(left["invoiced_minor"]) == {"EUR", "JPY", "KWD", "USD"}
    assert left["credit_notes"] > 0, "deals that changed after they were invoiced are credited"
    assert set(left["trial_balance_minor"].values()) == {0}


def test_a_second_demo_posts_nothing_and_says_so(home: Path, left: dict[str, Any]) -> None:
    second = _run(home, "demo", *DEALS)

    assert "nothing posted" in second.stdout, second.stdout + second.stderr
    assert _status(home) == left


def test_the_books_of_the_demo_verify(home: Path) -> None:
    verified = _run(home, "verify")

    assert verified.returncode == 0, verified.stdout
    assert "the books hold" in verified.stdout


def test_up_comes_back_after_a_kill_and_a_backfill_in_dagster_posts_nothing_twice(home: Path) -> None:
    before = _status(home)

    with _up(home) as (process, log):
        _wait_until(process, log, lambda said: "webhooks, usage, metrics" in said)
        process.kill()
    with _up(home) as (process, log):
        url = _url_of_dagster(process, log)
        with _browser() as browser:
            browser.get(f"{url}/assets/ledger__invoices")
            WebDriverWait(browser, PATIENCE_SECONDS).until(
                lambda page: "each posted exactly once" in page.find_element(By.TAG_NAME, "body").text
            )
        outcome = _backfill(url, "2025-03")
        after = _status(home)
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_SECONDS)

    assert outcome == "COMPLETED_SUCCESS"
    assert after == before
    assert _family_of(home) == []


@contextmanager
def _up(folder: Path) -> Generator[tuple[subprocess.Popen[bytes], Path]]:
    """`up` and what it says; killed at the end if it is still there."""
    log = folder / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [PROGRAM, "up", *DEALS, "--port", "3210"],
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
