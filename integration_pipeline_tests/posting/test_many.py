"""Many documents at once: through a storm of lost answers, and into a day's limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import randrange
from typing import Any

import pytest
from sqlalchemy import Engine

from benchmarks.accounting.books import book_invoices, ledger_on, posting_to, rows, total_booked
from benchmarks.accounting.storm import IMPATIENT, SHORT, problems, weather
from benchmarks.accounting.vendors import NAMES, SINCE, Standing, Vendor, sandbox
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.delivery import deliver

_ON_THE_DAY = {"per_minute": None, "concurrent": None, "app_per_minute": None}


@pytest.fixture(scope="module", params=NAMES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    with sandbox(request.param, tmp_path_factory.mktemp("vendor")) as process:
        yield Vendor(request.param, process)


@pytest.fixture
def vendor(running: Vendor) -> Vendor:
    """A new company, without limits and faults."""
    running.process.admin("DELETE", "/faults")
    running.process.admin("POST", "/reset")
    return running


@pytest.fixture
def ledger(engine: Engine) -> Pipeline:
    return ledger_on(engine)


@pytest.mark.parametrize(
    ("documents", "largest_batch", "loss"), [(90, 6, 0.1), (15, 1, 0.05)], ids=["batches", "singles"]
)
def test_a_storm_leaves_one_equal_document_of_each_intent(
    vendor: Vendor, ledger: Pipeline, documents: int, largest_batch: int, loss: float
) -> None:
    seed = randrange(1_000_000)  # noqa: S311
    print(f"seed {seed}")  # noqa: T201 - to be told when it fails
    book_invoices(ledger, documents)
    target = vendor.target(vendor.config(), retries=IMPATIENT, time_limits=SHORT)

    found = weather(
        posting_to(ledger, target.name, SINCE),
        target,
        vendor.process.admin,
        path=vendor.api,
        seed=seed,
        largest_batch=largest_batch,
        loss=loss,
    )
    target.close()

    assert found.problems == ()
    assert found.documents == documents
    assert vendor.standing() == Standing(*total_booked(ledger))


@pytest.mark.parametrize("running", ["xero"], indirect=True)
@pytest.mark.parametrize("told_by", ["the vendor", "the targets file"])
def test_what_a_day_has_no_room_for_waits_and_the_target_says_until_when(
    vendor: Vendor, ledger: Pipeline, told_by: str
) -> None:
    book_invoices(ledger, 150)
    # The customers are read and made, one call takes 50 documents, and then the day is used up.
    calls = {"per_day": 3} if told_by == "the vendor" else {"per_day": None}
    given: dict[str, Any] = {"calls_per_day": 3} if told_by == "the targets file" else {}
    vendor.process.admin("PUT", "/limits", {**_ON_THE_DAY, **calls})
    target = vendor.target(vendor.config(**given), retries=IMPATIENT)
    pipeline = posting_to(ledger, target.name, SINCE)

    report = deliver(pipeline, [target])

    target.close()
    states = _states(pipeline)
    assert states == {"posted": 50, "pending": 100}
    assert report.counts["xero left"] == 100
    [writer] = rows(pipeline, "SELECT * FROM posting.writers")
    assert "day" in writer["paused_for"]
    assert timedelta(minutes=1) < writer["paused_until"] - datetime.now(UTC) <= timedelta(days=1)

    # The next day.
    _change(pipeline, "UPDATE posting.writers SET paused_until = NULL")
    vendor.process.admin("PUT", "/limits", {**_ON_THE_DAY, "per_day": None})
    target = vendor.target(vendor.config(), retries=IMPATIENT)
    deliver(pipeline, [target])

    assert problems(pipeline, target) == []
    assert vendor.standing() == Standing(*total_booked(pipeline))
    target.close()


def _change(pipeline: Pipeline, statement: str) -> None:
    with pipeline.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def _states(pipeline: Pipeline) -> dict[str, int]:
    counted = rows(
        pipeline,
        "SELECT state, count(*) AS count FROM posting.intents WHERE target <> 'ledger' GROUP BY state",
    )
    return {row["state"]: row["count"] for row in counted}
