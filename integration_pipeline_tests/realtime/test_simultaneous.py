"""Workers and other drivers on the same deals at the same time: one set of invoices."""

# Dagster annotates the metadata of jobs with a bare `PathLike`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import dagster as dg
import pytest

from integration_pipeline.definitions import build_defs
from integration_pipeline.defs.jobs import REBILL_MONTHS, SYNC_DEALS
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.settings import DEFAULT_MAPPING, Settings
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office
from integration_pipeline_tests.pipeline.portal import COMPANY, DEAL, Portal
from integration_pipeline_tests.realtime.conftest import Inbox, working
from integration_pipeline_tests.realtime.expectation import ExpectedDeal, hold_books_to

SEED = 4_711
_DEALS = 40
_ROUNDS = 3
_ANNOUNCED_AT_ONCE = 4
_MONTH = "2026-03"

Deals = dict[str, ExpectedDeal]


@pytest.fixture
def deals(portal: Portal) -> Deals:
    """Won deals of one month and three companies."""
    made: Deals = {}
    for number in range(1, _DEALS + 1):
        identifier, company = str(number), str(7 + number % 3)
        portal.deal(identifier, company, dealname=f"Deal {number}", amount="100.00")
        made[identifier] = ExpectedDeal(company, amount=10_000, won=True)
        made[identifier].note()
    return made


def change_some(portal: Portal, deals: Deals, rng: Random) -> None:
    """A third gets another amount, some another company, a few are opened or closed again."""
    for identifier, deal in deals.items():
        lot = rng.random()
        if lot < 0.35:
            deal.amount = rng.randrange(100, 100_000)
            portal.change(DEAL, identifier, amount=f"{deal.amount / 100:.2f}")
        elif lot < 0.5:
            deal.company = str(rng.randrange(7, 10))
            portal.link(DEAL, identifier, COMPANY, deal.company)
        elif lot < 0.6:
            deal.won = not deal.won
            portal.change(DEAL, identifier, dealstage="closedwon" if deal.won else "contractsent")
        deal.note()


def hold(office: Office, inbox: Inbox, deals: Deals, driver: Callable[[], object]) -> None:
    """While two workers settle what is announced, let `driver` do it as well; and again after changes."""
    rng = Random(SEED)  # noqa: S311 - to repeat a failure
    with working(inbox, office.portal, workers=2), ThreadPoolExecutor(1) as people:
        for number in range(_ROUNDS):
            if number:
                change_some(office.portal, deals, rng)
            announcing = people.submit(announce_all, inbox, rng.sample(sorted(deals), len(deals)))
            driver()
            announcing.result()
            inbox.wait_until_settled()
            with office.pipeline.engine.connect() as connection:
                hold_books_to(connection, office.pipeline, deals)


def announce_all(inbox: Inbox, identifiers: Sequence[str]) -> None:
    for start in range(0, len(identifiers), _ANNOUNCED_AT_ONCE):
        inbox.announce(*identifiers[start : start + _ANNOUNCED_AT_ONCE])


@pytest.mark.parametrize("job", [SYNC_DEALS, REBILL_MONTHS])
def test_two_workers_and_a_backfill_make_one_set_of_invoices(
    office: Office, portal: Portal, inbox: Inbox, deals: Deals, job: str
) -> None:
    settings = Settings(
        database_url=inbox.url, mapping_file=DEFAULT_MAPPING, as_of=AS_OF, hubspot_overlap_minutes=0
    )
    # The CRM in memory is read only.
    mute = office.pipeline.mapping.model_copy(update={"write_back": None})
    pipeline = replace(office.pipeline, mapping=mute)
    defs = build_defs(settings=settings, resource_overrides={"pipeline": pipeline, "crm": portal})
    months = {"dagster/asset_partition_range_start": _MONTH, "dagster/asset_partition_range_end": _MONTH}

    def backfill() -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            result = defs.resolve_job_def(job).execute_in_process(
                instance=instance,
                tags=months,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        assert result.success

    hold(office, inbox, deals, backfill)


def test_two_workers_and_runs_over_everything_make_one_set_of_invoices(
    office: Office, portal: Portal, inbox: Inbox, deals: Deals
) -> None:
    def run() -> None:
        for _ in range(3):
            for _ in sync(office.pipeline, portal, Scope.everything()):
                pass

    hold(office, inbox, deals, run)
